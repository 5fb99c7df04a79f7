#include "nn/layers/layer_scale.h"

#include <cstdint>

#include "autograd/ops/arithmetic.h"
#include "nn/init.h"

namespace papilio::nn {

LayerScale::LayerScale(int64_t features, double start, const char* name_)
    : lambda1(constant_parameter({features}, start)), name(name_) {}

Tensor LayerScale::operator()(const Tensor& x) {
  return x * lambda1;
}

}  // namespace papilio::nn
