#include "boft/files/detail/halves.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>

#include "autograd/grad_mode.h"
#include "autograd/ops/cast.h"
#include "autograd/ops/join.h"
#include "autograd/ops/shape.h"
#include "boft/methods/methods.h"
#include "nn/models/detail/transformers_names.h"
#include "tensor/creation.h"

namespace papilio::boft {

namespace {

std::string path_of(const std::string& key) {
  return key.starts_with(kKeyPrefix) ? key.substr(kKeyPrefix.size()) : std::string();
}

bool equal(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.to_vector<double>() == b.to_vector<double>();
}

}  // namespace

Tensors join_halves(const Tensors& tensors, const std::string& where) {
  const NoGrad no_grad;
  Tensors result;
  std::map<std::string, std::array<std::string, 2>> halves;  // keys by the whole's
  for (const auto& [key, tensor] : tensors) {
    if (const auto half = nn::half_of(path_of(key)))
      halves[std::string(kKeyPrefix) + half->whole][half->index] = key;
    else
      result[key] = tensor;
  }
  for (const auto& [whole, keys] : halves) {
    for (const size_t i : {0, 1})
      check<FileError>(!keys[i].empty(), where, ": ", keys[1 - i],
                       " is of one half of a layer whose other half has none; here both are one "
                       "layer, which cannot be adapted by halves");
    const Tensor &first = tensors.at(keys[0]), &second = tensors.at(keys[1]);
    if (acts_on_inputs(whole)) {  // which the halves share
      check<FileError>(equal(first, second), where, ": ", keys[0], " and ", keys[1],
                       " differ: they act on the same inputs of what is one layer here, which has "
                       "one adapter; merge them into the model with PEFT and use its weights");
      result[whole] = first;
    } else {
      check<FileError>(first.dim() >= 1 && first.shape() == second.shape(), where, ": ", keys[0],
                       " and ", keys[1], " have the shapes ", first.shape(), " and ",
                       second.shape(), ", which are not two halves");
      result[whole] = concat({first, cast(second, first.dtype())}, 0);
    }
  }
  return result;
}

Tensors split_halves(const Tensors& tensors) {
  const NoGrad no_grad;
  Tensors result;
  for (const auto& [key, tensor] : tensors) {
    const auto names = nn::halves_of(path_of(key));
    if (!names) {
      result[key] = tensor;
      continue;
    }
    const int64_t rows = tensor.size(0);
    for (const int64_t i : {0, 1})
      result[std::string(kKeyPrefix) + (*names)[size_t(i)]] =
          acts_on_inputs(key) ? tensor : slice(tensor, 0, i * rows / 2, (i + 1) * rows / 2);
  }
  return result;
}

}  // namespace papilio::boft
