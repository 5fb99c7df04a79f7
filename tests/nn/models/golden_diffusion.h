// Tiny pipelines that tests/peers/make_diffusion.py wrote, and what Diffusers answers of them.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>

#include "autograd/backward.h"
#include "nn/module.h"
#include "tensor/files/safetensors.h"
#include "tests/nn/models/golden_models.h"
#include "tests/paths.h"

namespace papilio::test {

inline std::filesystem::path golden_diffusion(const std::string& name) {
  return std::filesystem::path(source_root) / "tests/golden/diffusion" / name;
}

inline std::map<std::string, Tensor> golden_answers(const std::string& name) {
  return load_safetensors(golden_diffusion(name + ".safetensors")).tensors;
}

// A number that depends on every element and its place: sum x_i cos(i).
inline double probe(const Tensor& x) {
  double sum = 0, i = 0;
  for (const double v : x.to_vector<double>()) sum += v * std::cos(i++);
  return sum;
}

// Every parameter's gradient, by its probe, within `tolerance` of its size.
inline void expect_golden_gradients(nn::Module& model, const std::map<std::string, Tensor>& answers,
                                    const std::string& prefix = "", double tolerance = 1e-5) {
  size_t seen = 0;
  for (const nn::NamedTensor& parameter : nn::named_parameters(model)) {
    const std::string& name = parameter.name;
    const Tensor* const tensor = parameter.tensor;
    CAPTURE(name);
    const std::string key =
        "gradient." + (name.starts_with(prefix) ? name.substr(prefix.size()) : name);
    REQUIRE(answers.contains(key));
    double size = 0;
    for (const double v : grad(*tensor).to_vector<double>()) size += v * v;
    const double want = answers.at(key).item();
    CHECK(std::abs(probe(grad(*tensor)) - want) < tolerance * (1 + std::sqrt(size)));
    ++seen;
  }
  CHECK(seen > 10);
}

}  // namespace papilio::test
