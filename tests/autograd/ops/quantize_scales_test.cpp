#include "autograd/ops/quantize_scales.h"

#include <doctest/doctest.h>

#include <cstdint>

#include "autograd/ops.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/autograd/op_case.h"
#include "tests/devices.h"

namespace papilio::test {

// Its bits are bitsandbytes': tests/nn/models/quantized_model_test.cpp.
TEST_CASE("quantize_scales: the same codes, scales of a byte and what they stand for") {
  for (const Device device : devices()) {
    const Tensor w = copy_of(copy_of(uniform64({64, 1024}, -2, 2, 7), DType::float32), device);
    for (const Quantization kind : {Quantization::nf4, Quantization::fp4}) {
      const QuantizedMatrix once = quantize(w, kind), twice = quantize_scales(once);
      CHECK(twice.device() == device);
      CHECK(once.bytes() == 64 * 1024 / 2 + 4 * 1024 + 4 * 16);
      CHECK(twice.bytes() == 64 * 1024 / 2 + 1024 + 4 * 4 + 4 * 256 + 4 * 16);
      CHECK(twice.codes.to_vector<uint8_t>() == once.codes.to_vector<uint8_t>());
      CHECK(twice.nested_offset == doctest::Approx(mean(once.absmax).item()));
      const double changed = max(abs(dequantize(twice) - dequantize(once))).item();
      CHECK(changed > 0);
      CHECK(changed < 0.02);
      const QuantizedMatrix again = quantize_like(dequantize(twice), twice);
      CHECK(again.absmax.dtype() == DType::uint8);
      CHECK(again.nested_table.to_vector<float>() == twice.nested_table.to_vector<float>());
    }
  }
}

TEST_CASE("quantize_scales: a matrix without elements has an offset; what has no such scales") {
  const QuantizedMatrix none = quantize_scales(quantize(zeros({0, 64}), Quantization::nf4));
  CHECK(none.nested_offset == 0);
  CHECK(quantize_like(zeros({0, 64}), none).nested_offset == 0);
  run({.name = "quantize_scales",
       .samples = {},
       .errors = {{"none", [] { quantize_scales({}); },
                   "quantize_scales: expected a matrix in nf4 or fp4 with scales of float32, got "
                   "none"},
                  {"int8",
                   [] {
                     quantize_scales(quantize(ones({2, 5}), Quantization::int8));
                   },
                   "quantize_scales: expected a matrix in nf4 or fp4 with scales of float32, got "
                   "int8"},
                  {"twice",
                   [] {
                     quantize_scales(quantize_scales(quantize(ones({2, 5}), Quantization::fp4)));
                   },
                   "quantize_scales: expected a matrix in nf4 or fp4 with scales of float32, got "
                   "one whose scales are codes"}}});
}

}  // namespace papilio::test
