// Training steps of small vision transformers: what the benchmarks time and count.
#pragma once

#include <cstdint>
#include <memory>

#include "boft/model/model.h"
#include "nn/layers/block.h"
#include "nn/models/vit.h"
#include "nn/optim/optimizer.h"
#include "tensor/tensor.h"

namespace papilio::bench {

struct Size {
  const char* name;
  nn::ViTConfig config;
  int64_t batch;
  DType precision = DType::float32;  // of the products
  int64_t tokens() const {
    const int64_t side = config.image_size / config.patch_size;
    return side * side + 1;
  }
};
extern const Size kDigits, kImages32;

enum class Method { frozen, boft, oft, lora, full };

// A model of random numbers on a device, its optimiser and one training step, again and again.
class Step {
 public:
  Step(const Size& size, Method method, Device device,
       nn::Recompute recompute = nn::Recompute::off);

  void operator()();

 private:
  Tensor loss();

  bool frozen_;
  DType precision_;
  nn::ViTForImageClassification model_;
  std::unique_ptr<boft::AdapterModel> adapters_;
  std::unique_ptr<nn::AdamW> optimizer_;
  Tensor images_, labels_;
};

}  // namespace papilio::bench
