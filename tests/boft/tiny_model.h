// A small transformer-like model with the names of the real one, for tests of adapters.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "autograd/ops.h"
#include "nn/layers/conv2d.h"
#include "nn/layers/linear.h"
#include "tensor/copy.h"
#include "tensor/random.h"

namespace papilio::test {

struct TinyLayer : nn::Module {
  nn::Linear query{8, 8}, value{8, 8}, dense{8, 16};

  Tensor operator()(const Tensor& x) { return slice(dense(tanh(query(x)) + value(x)), -1, 0, 8); }
  void visit(nn::Visitor& v) override {
    v("attention.query", query);
    v("attention.value", value);
    v("output.dense", dense);
  }
  std::string describe() const override { return "TinyLayer"; }
};

struct TinyModel : nn::Module {
  nn::Conv2d stem{1, 8, {2, 2}, {.stride = {2, 2}}};
  std::vector<TinyLayer> layer;
  nn::Linear classifier{8, 3};

  explicit TinyModel(uint64_t seed = 1) {
    manual_seed(seed);
    layer.resize(3);
    for (const auto& [name, tensor] : nn::named_parameters(*this)) {
      copy_(*tensor, normal(tensor->shape(), 0, 0.5));
    }
  }
  // x: (B, 1, 4, 4) -> (B, 3)
  Tensor operator()(const Tensor& x) {
    Tensor y = mean(flatten(stem(x), 2, 3), {2});
    for (TinyLayer& l : layer) y = y + l(y);
    return classifier(y);
  }
  void visit(nn::Visitor& v) override {
    v("stem", stem);
    v("encoder.layer", layer);
    v("classifier", classifier);
  }
  std::string describe() const override { return "TinyModel"; }
};

inline Tensor tiny_input() {
  Generator generator(5);
  return randn({4, 1, 4, 4}, {}, generator);
}

}  // namespace papilio::test
