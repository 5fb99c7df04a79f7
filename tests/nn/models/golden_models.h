// Models that tests/peers/make_models.py wrote, and comparing with what their libraries answer.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>

#include "autograd/grad_mode.h"
#include "boft/files/checkpoint.h"
#include "boft/model/model.h"
#include "nn/models/image_classifier.h"
#include "nn/models/pretrained.h"
#include "tensor/files/safetensors.h"
#include "tests/paths.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

inline std::filesystem::path golden_model(const std::string& name) {
  return std::filesystem::path(source_root) / "tests/golden/models" / name;
}

// max |a - b|
inline double largest_difference(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double d = std::abs(x[i] - y[i]);
    worst = d <= worst ? worst : d;  // NaN is no agreement
  }
  return worst;
}

// The answers to images of `sizes` sizes, within `tolerance`.
inline void expect_golden_logits(nn::ImageClassifier& model, const std::string& name, size_t sizes,
                                 double tolerance = 1e-5) {
  const NoGrad no_grad;
  nn::eval(model);
  const SafetensorsFile answers = load_safetensors(golden_model(name) / "answers.safetensors");
  size_t seen = 0;
  for (const auto& [key, images] : answers.tensors) {
    if (!key.ends_with(".images")) continue;
    const std::string size = key.substr(0, key.find('.'));
    CAPTURE(size);
    CHECK(largest_difference(model(images), answers.tensors.at(size + ".logits")) < tolerance);
    ++seen;
  }
  CHECK(seen == sizes);
}

// PEFT's adapter `name` on the model: what the adapted and the merged model answer (`seen` of the
// model: logits, or features), and the same keys written back.
inline void expect_golden_adapter(
    const std::string& name, const std::string& base, size_t layers,
    const std::function<Tensor(nn::ImageClassifier&, const Tensor&)>& seen) {
  CAPTURE(name);
  const TemporaryFolder folder;
  const auto answers = load_safetensors(golden_model(name) / "answers.safetensors").tensors;
  const nn::PretrainedClassifier loaded = nn::from_pretrained(golden_model(base));
  nn::ImageClassifier& model = *loaded.model;
  boft::AdapterModel adapters(model);
  CHECK(boft::load_adapter(adapters, golden_model(name)).empty());
  CHECK(adapters.layers("default").size() == layers);
  nn::eval(model);
  const NoGrad no_grad;
  const Tensor& images = answers.at("images");
  CHECK(largest_difference(seen(model, images), answers.at("logits")) < 1e-5);
  boft::save_adapter(adapters, folder.path());
  const auto theirs = load_safetensors(golden_model(name) / "adapter_model.safetensors").tensors,
             ours = load_safetensors(folder / "adapter_model.safetensors").tensors;
  CHECK(ours.size() == theirs.size());
  for (const auto& entry : theirs) CHECK_MESSAGE(ours.contains(entry.first), entry.first);
  adapters.merge_and_unload();
  CHECK(largest_difference(seen(model, images), answers.at("merged_logits")) < 1e-5);
}

inline Tensor golden_logits(nn::ImageClassifier& model, const Tensor& images) {
  return model(images);
}

}  // namespace papilio::test
