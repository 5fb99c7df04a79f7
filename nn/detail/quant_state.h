// Quantised weights in the files of bitsandbytes: names, and what is written beside the codes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "autograd/ops/quantized_linear.h"
#include "nn/module.h"

namespace papilio::nn {

// "weight.quant_state.bitsandbytes__nf4", below the layer's path; only of 4 bits.
std::string quant_state_name(Quantization kind);
// Its bytes, a JSON text; of int8 weight_format, 0 for rows.
Tensor state_of(const QuantizedMatrix& matrix);

// The signed bytes of a tensor by its name, as uint8.
using ReadBytes = std::function<Tensor(const std::string& name)>;
// Whether the tensors hold codes for the layer at `path`.
bool has_codes(const StateDict& tensors, const std::string& path);
// Those, which leave the tensors, as a matrix (out, in). Throws FileError, which begins with
// `where` and the tensor's name, for a state that does not fit.
QuantizedMatrix take_codes(StateDict& tensors, const std::string& path, int64_t out, int64_t in,
                           const ReadBytes& bytes, const std::string& where);

}  // namespace papilio::nn
