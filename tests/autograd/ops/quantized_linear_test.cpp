#include "autograd/ops/quantized_linear.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "autograd/autocast.h"
#include "autograd/backward.h"
#include "autograd/ops.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/dry_run.h"
#include "tensor/random.h"
#include "tests/autograd/op_case.h"
#include "tests/compare.h"
#include "tests/devices.h"

namespace papilio::test {

namespace {

constexpr Quantization kKinds[] = {Quantization::nf4, Quantization::fp4, Quantization::int8};

// 4-bit values are rounded to bfloat16, which every product can multiply as they are.
QuantizedMatrix codes(Quantization kind, const Dims& shape, Device device = Device::cpu()) {
  QuantizedMatrix q = quantize(copy_of(uniform64(shape, -1, 1, 2), DType::float32), kind);
  q.dtype = DType::bfloat16;
  return q.to(device);
}

// in: x, perhaps a bias. The reference multiplies with the dequantised numbers in plain loops.
Sample sample(Quantization kind, const char* label, const Dims& x, const Dims& w, bool bias) {
  Tensors inputs{uniform64(x, -1, 1, 1)};
  if (bias) inputs.push_back(uniform64({w[0]}, -1, 1, 3));
  const auto f = [kind, w](const Tensors& in) {
    return quantized_linear(in[0], codes(kind, w, in[0].device()),
                            in.size() > 1 ? in[1] : Tensor());
  };
  const auto reference = [kind, w](const Tensors& in) {
    const auto x = in[0].to_vector<double>(), m = dequantize(codes(kind, w)).to_vector<double>();
    const auto bias = in.size() > 1 ? in[1].to_vector<double>() : std::vector<double>();
    const size_t out = size_t(w[0]), n = size_t(w[1]);
    size_t rows = 1;
    for (int d = 0; d + 1 < in[0].dim(); ++d) rows *= size_t(in[0].size(d));
    std::vector<double> y;
    for (size_t r = 0; r < rows; ++r)
      for (size_t o = 0; o < out; ++o) {
        double sum = bias.empty() ? 0 : bias[o];
        for (size_t k = 0; k < n; ++k) sum += x[r * n + k] * m[o * n + k];
        y.push_back(sum);
      }
    return y;
  };
  return {label, inputs, f, reference};
}

}  // namespace

TEST_CASE("quantized_linear") {
  for (const Quantization kind : kKinds) {
    CAPTURE(std::string(name_of(kind)));
    run({.name = "quantized_linear",
         .samples = {sample(kind, "rows", {4, 6}, {5, 6}, true),
                     sample(kind, "no bias", {4, 6}, {5, 6}, false),
                     sample(kind, "one row", {6}, {2, 6}, true),
                     sample(kind, "one row that begins inside a byte and a block", {1, 37}, {9, 37},
                            true),
                     sample(kind, "one row of whole vectors", {1, 96}, {5, 96}, true),
                     sample(kind, "one row, no bias", {192}, {3, 192}, false),
                     sample(kind, "many dimensions", {2, 3, 2, 4}, {3, 4}, true),
                     sample(kind, "rows that begin inside a byte and a block", {3, 37}, {9, 37},
                            true),
                     sample(kind, "no rows", {0, 6}, {2, 6}, true),
                     sample(kind, "no inputs", {2, 0}, {3, 0}, true),
                     sample(kind, "no outputs", {2, 3}, {0, 3}, true)},
         .tolerance_factor = 8});  // int8: W is rounded to 16 bits too
  }
  run({.name = "quantized_linear",
       .samples = {},
       .errors = {{"width",
                   [] {
                     quantized_linear(ones({2, 3}), codes(Quantization::nf4, {4, 5}));
                   },
                   "quantized_linear: expected x of shape (..., 5) for weight (4, 5), got (2, 3)"},
                  {"bias",
                   [] {
                     quantized_linear(ones({2, 5}), codes(Quantization::int8, {4, 5}), ones({3}));
                   },
                   "quantized_linear: expected bias of shape (4), got (3)"},
                  {"undefined",
                   [] {
                     quantized_linear(ones({2, 5}), {});
                   },
                   "quantized_linear: the weight is undefined"},
                  {"block size",
                   [] {
                     quantize(ones({2, 5}), Quantization::nf4, 48);
                   },
                   "quantize: expected a block_size of 32, 64, ..., 4096, got 48"},
                  {"not finite",
                   [] {
                     quantize(full({2, 5}, INFINITY), Quantization::nf4);
                   },
                   "quantize: expected finite numbers"}}});
}

TEST_CASE("quantized_linear: one row of a weight for several threads, of every dtype of numbers") {
  for (const Quantization kind : kKinds) {
    for (const DType dtype : {DType::float32, DType::float16, DType::bfloat16}) {
      for (const int64_t width : {1024, 1025}) {
        CAPTURE(name_of(kind));
        CAPTURE(name_of(dtype));
        CAPTURE(width);
        QuantizedMatrix w = codes(kind, {300, width});
        w.dtype = dtype;
        const Tensor x = copy_of(uniform64({1, width}, -1, 1, 1), DType::float32);
        const Tensor want = linear(x, copy_of(dequantize(w), DType::float32), {});
        CHECK(largest_difference(quantized_linear(x, w).to_vector<double>(),
                                 want.to_vector<double>()) < 1e-4);
      }
    }
  }
}

TEST_CASE("quantized_linear: a weight of several tiles is the whole one, forward and backward") {
  for (const Device device : devices()) {
    for (const Quantization kind : kKinds) {
      const QuantizedMatrix w = codes(kind, {1100, 1025}, device);  // more than a tile of 2^20
      const auto on = [&](const Dims& shape, uint64_t seed) {
        return copy_of(copy_of(uniform64(shape, -1, 1, seed), DType::float32), device);
      };
      const Tensor x = leaf(on({3, 1025}, 1)), bias = leaf(on({1100}, 3)), g = on({3, 1100}, 4);
      const Tensor y = quantized_linear(x, w, bias);
      backward(y, g);
      const Tensor also = leaf(on({3, 1025}, 1)), want = linear(also, dequantize(w), bias);
      CHECK(largest_difference(y.to_vector<double>(), want.to_vector<double>()) < 1e-4);
      backward(want, g);
      CHECK(largest_difference(grad(x).to_vector<double>(), grad(also).to_vector<double>()) < 1e-4);
      // In mixed precision the product is bfloat16's.
      const Autocast scope;
      CHECK(quantized_linear(x, w, bias).dtype() == DType::bfloat16);
    }
  }
}

TEST_CASE("quantize: codes are the nearest values, and a second time nothing changes") {
  const Tensor w = copy_of(uniform64({40, 50}, -2, 2, 7), DType::float32);
  const std::vector<std::pair<Quantization, double>> worst = {
      {Quantization::nf4, 0.16}, {Quantization::fp4, 0.17}, {Quantization::int8, 0.004}};
  for (const auto& [kind, share] : worst) {
    const QuantizedMatrix q = quantize(w, kind);
    const Tensor values = dequantize(q);
    // Half the widest gap between two codes, of the largest number that a block can have.
    CHECK(max(abs(values - w)).item() <= 2 * share);
    const QuantizedMatrix again = quantize_like(values, q);
    CHECK(max(abs(dequantize(again) - values)).item() < 1e-6);
    CHECK(q.bytes() < (kind == Quantization::int8 ? 2300 : 1250));
  }
}

TEST_CASE("quantize: between two codes of int8 the bits of bitsandbytes decide") {
  // 127 / 0.465087890625 rounded once would make 53 of 52.5, 18 of 17.5.
  const QuantizedMatrix q =
      quantize(tensor<float>({0.465087890625F, 0.1922607421875F, 0.0640869140625F}, {1, 3}),
               Quantization::int8);
  CHECK(q.codes.to_vector<uint8_t>() == std::vector<uint8_t>{127, 52, 17});
}

TEST_CASE("quantize: a row of tiny numbers has the codes of a large one") {
  const std::vector<float> row{3, -1.5F, 0, 0.75F};
  const auto codes_times = [&](float scale) {
    std::vector<float> values;
    for (const float v : row) values.push_back(v * scale);
    return quantize(tensor<float>(values, {1, 4}), Quantization::int8);
  };
  const auto want = codes_times(1).codes.to_vector<uint8_t>();
  CHECK(want == std::vector<uint8_t>{127, uint8_t(-64), 0, 32});
  // 127 divided by the largest of these is infinite in float32.
  for (const float scale : {0x1p-122F, 0x1p-126F, 0x1p-140F}) {
    CAPTURE(scale);
    const QuantizedMatrix q = codes_times(scale);
    CHECK(q.codes.to_vector<uint8_t>() == want);
    CHECK(q.scale.item() == 3 * double(scale));
  }
}

TEST_CASE("quantized_linear: a DryRun computes neither a row's product nor codes") {
  const Tensor w = randn({16, 64});
  for (const Quantization kind : {Quantization::nf4, Quantization::int8}) {
    const QuantizedMatrix q = quantize(w, kind);
    const DryRun dry;
    for (const int64_t rows : {1, 2})
      CHECK(quantized_linear(empty({rows, 64}), q).shape() == Dims{rows, 16});
    const QuantizedMatrix shapes = quantize(empty({16, 64}), kind);
    CHECK(shapes.codes.shape() == q.codes.shape());
  }
}

}  // namespace papilio::test
