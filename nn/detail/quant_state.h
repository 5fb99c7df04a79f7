// Quantised weights in the files of bitsandbytes: names, and what is written beside the codes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "autograd/ops/quantized_linear.h"
#include "nn/module.h"

namespace papilio::nn {

// "weight.quant_state.bitsandbytes__nf4", below the layer's path; only of 4 bits.
std::string quant_state_name(Quantization kind);
// Its bytes, a JSON text, as bitsandbytes writes them; of int8 weight_format, 0 for rows.
Tensor state_of(const QuantizedMatrix& matrix);

// Is this one of the names of the codes of the layer at `path` ("": the layer's own), and of what
// lies beside them? And one of what says how codes are read (state_of)?
bool is_code_name(std::string_view name, const std::string& path);
bool is_state_name(std::string_view name);
// The tensors of all quantised weights, which no training changes, in the order of the fields.
std::vector<NamedTensor> named_codes(Module& module);

// Where codes are read from; both take a tensor's name.
struct CodesSource {
  std::function<Tensor(const std::string&)> bytes;       // signed bytes, as uint8
  std::function<std::string(const std::string&)> place;  // "model.safetensors: NAME", for errors
};
// Whether the tensors hold codes for the layer at `path`, whole or not.
bool has_codes(const StateDict& tensors, const std::string& path);
// Those, which leave the tensors, as a matrix (out, in). Throws FileError, which begins with the
// tensor's place, for one that is missing or does not fit the others.
QuantizedMatrix take_codes(StateDict& tensors, const std::string& path, int64_t out, int64_t in,
                           const CodesSource& source);

}  // namespace papilio::nn
