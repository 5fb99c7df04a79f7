// The linear layer of a weight that is kept in 4 or 8 bits, as bitsandbytes quantises them (QLoRA:
// arXiv 2305.14314; LLM.int8(): arXiv 2208.07339), and the way there and back.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "tensor/tensor.h"

namespace papilio {

// 4-bit codes of normal quantiles, of floating-point numbers, or a signed byte a number.
enum class Quantization { nf4, fp4, int8 };
// "nf4", "fp4", "int8"
std::string_view name_of(Quantization kind);
// The other way round; nothing for another name.
std::optional<Quantization> quantization_named(std::string_view name);

// A matrix W (out, in) as codes. In 4 bits w_i = table[code_i] absmax[i / block_size], rounded to
// `dtype`; int8: w_rc = code_rc scale_r / 127. With double quantisation absmax is quantised too:
// absmax_b = nested_table[code_b] nested_absmax[b / nested_block_size] + nested_offset.
struct QuantizedMatrix {
  Quantization kind = Quantization::nf4;
  int64_t out = 0, in = 0;
  Tensor codes;   // uint8: ((out in + 1) / 2, 1), the first element in a byte's upper half; int8:
                  // (out, in) signed bytes
  Tensor absmax;  // (blocks) float32, or uint8 with double quantisation
  Tensor table;   // (16) float32
  Tensor nested_absmax, nested_table;  // float32; undefined without double quantisation
  Tensor scale;                        // int8: (out) float32
  int64_t block_size = 64, nested_block_size = 256;
  double nested_offset = 0;
  DType dtype = DType::float32;  // of the numbers that were quantised

  // Is there a matrix?
  bool defined() const { return codes.defined(); }
  // The same as defined().
  explicit operator bool() const { return defined(); }
  // The numbers that it stands for, out * in.
  int64_t numel() const { return out * in; }
  // Its own tensors' memory.
  int64_t bytes() const;
  // Where its tensors lie.
  Device device() const { return codes.device(); }
  // A copy there; itself if it is there already.
  QuantizedMatrix to(Device device) const;
};

// W (out, in), in `dtype`, with the bits of bitsandbytes' CPU build before that conversion. No
// gradient.
Tensor dequantize(const QuantizedMatrix& w, DType dtype = DType::float32);

// y = x W^T + bias. x: (..., in) floating, bias: (out) of its dtype, or undefined. Some rows of W
// at a time become numbers and meet x: the whole of it is never there; on the CPU none is, if x is
// one row. Gradients of x and bias; W is frozen.
Tensor quantized_linear(const Tensor& x, const QuantizedMatrix& w, const Tensor& bias = {});

// The codes of w: (out, in), floating and finite. block_size: of 4 bits, 32, 64, ..., 4096. With
// the bits of bitsandbytes 0.50's.
QuantizedMatrix quantize(const Tensor& w, Quantization kind, int64_t block_size = 64);
// The same in the form of another matrix of that size: its kind, blocks, dtype and tables, and
// double quantisation if that has it.
QuantizedMatrix quantize_like(const Tensor& w, const QuantizedMatrix& form);

}  // namespace papilio
