#include "nn/layers/dropout.h"

#include <cstddef>
#include <string>
#include <vector>

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/dropout.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/draw_for_rows.h"
#include "tensor/random.h"

namespace papilio::nn {

namespace {

double probability(const char* layer, double p) {
  check(p >= 0 && p < 1, layer, ": expected p in [0, 1), got ", p);
  return p;
}

}  // namespace

Dropout::Dropout(double p) : p(probability("Dropout", p)) {}

Tensor Dropout::operator()(const Tensor& x) {
  return dropout(x, p, training, default_generator());
}

DropPath::DropPath(double p) : p(probability("DropPath", p)) {}

Tensor DropPath::operator()(const Tensor& x) {
  if (p == 0 || !training) return x;
  check(x.dim() >= 1, "DropPath: expected x of shape (B, ...), got a 0-d tensor");
  Dims one_a_sample = Dims::filled(x.dim(), 1);
  one_a_sample[0] = x.size(0);
  const Tensor kept = draw_for_rows(one_a_sample, [&](const Dims& shape) {
    return bernoulli(shape, 1 - p, default_generator(), x.device());
  });
  return x * (copy_of(kept, x.dtype()) / (1 - p));
}

void set_drop_path(Module& model, double p) {
  probability("set_drop_path", p);
  std::vector<DropPath*> layers;
  for_each_module(model, [&](const std::string&, Module& module) {
    if (auto* layer = dynamic_cast<DropPath*>(&module)) layers.push_back(layer);
  });
  for (size_t i = 0; i < layers.size(); ++i)
    layers[i]->p = layers.size() > 1 ? p * double(i) / double(layers.size() - 1) : p;
}

}  // namespace papilio::nn
