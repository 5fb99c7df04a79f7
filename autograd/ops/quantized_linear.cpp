#include "autograd/ops/quantized_linear.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "autograd/autocast.h"
#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/detail/check.h"
#include "autograd/ops/detail/matrix.h"
#include "autograd/ops/detail/quantized_blocks.h"
#include "autograd/ops/quantize_scales.h"
#include "autograd/record.h"
#include "kernels/dequantize.h"
#include "kernels/gemm.h"
#include "kernels/quantize.h"
#include "kernels/quantized_gemv.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {

namespace {

constexpr const char* kName = "quantized_linear";
constexpr int64_t kTile = int64_t(1) << 20;  // numbers at a time

// bitsandbytes' tables, by code.
constexpr float kNf4[] = {-1.0F,
                          -0.6961928009986877F,
                          -0.5250730514526367F,
                          -0.39491748809814453F,
                          -0.28444138169288635F,
                          -0.18477343022823334F,
                          -0.09105003625154495F,
                          0.0F,
                          0.07958029955625534F,
                          0.16093020141124725F,
                          0.24611230194568634F,
                          0.33791524171829224F,
                          0.44070982933044434F,
                          0.5626170039176941F,
                          0.7229568362236023F,
                          1.0F};
constexpr float kFp4[] = {0.0F,
                          0.0052083334885537624F,
                          0.6666666865348816F,
                          1.0F,
                          0.3333333432674408F,
                          0.5F,
                          0.1666666716337204F,
                          0.25F,
                          0.0F,
                          -0.0052083334885537624F,
                          -0.6666666865348816F,
                          -1.0F,
                          -0.3333333432674408F,
                          -0.5F,
                          -0.1666666716337204F,
                          -0.25F};

// absmax of every block in float32. Product and sum are rounded one after the other, as in
// bitsandbytes: two kernels, which no compiler can fuse.
Tensor block_scales(const QuantizedMatrix& w) {
  if (!w.nested_absmax) return w.absmax;
  const Tensor scales = empty({w.absmax.numel()}, {DType::float32, w.device()});
  pick(w.device(), cpu::dequantize_8bit, cuda::dequantize_8bit)(
      view(scales), {.codes = view(w.absmax),
                     .absmax = view(w.nested_absmax),
                     .table = view(w.nested_table),
                     .block_size = w.nested_block_size});
  const NoGrad no_grad;
  return scales + w.nested_offset;
}

// Rows of W as numbers, whichever are wanted.
class Rows {
 public:
  explicit Rows(const QuantizedMatrix& w)
      : w_(w), scales_(w.kind == Quantization::int8 ? Tensor() : block_scales(w)) {}

  void write(const Tensor& y, int64_t first) const {
    if (w_.kind == Quantization::int8) {
      const auto part = [&](const Tensor& x) {
        return x.alias(x.layout().slice(kName, 0, first, first + y.size(0)));
      };
      pick(w_.device(), cpu::dequantize_rows, cuda::dequantize_rows)(view(y), view(part(w_.codes)),
                                                                     view(part(w_.scale)));
      return;
    }
    pick(w_.device(), cpu::dequantize_4bit, cuda::dequantize_4bit)(view(y), codes_from(first));
  }

  // y = x W^T + bias of one row x on the CPU, where no tile is written to be read once.
  void gemv(const Tensor& y, const Tensor& x, const Tensor& bias) const {
    if (w_.kind == Quantization::int8)
      pick_cpu(cpu::gemv_int8)(view(y), view(x), view_or_none(bias), view(w_.codes),
                               view(w_.scale));
    else
      pick_cpu(cpu::gemv_4bit)(view(y), view(x), view_or_none(bias), codes_from(0));
  }

  // Calls f(rows, first) with a tile after the other; the memory is one tile's.
  template <class F>
  void tiles(DType dtype, F&& f) const {
    if (w_.out == 0) return;
    const int64_t rows = std::clamp<int64_t>(kTile / std::max<int64_t>(1, w_.in), 1, w_.out);
    const Tensor memory = empty({rows, w_.in}, {dtype, w_.device()});
    for (int64_t first = 0; first < w_.out; first += rows) {
      const int64_t last = std::min(first + rows, w_.out);
      const Tensor tile = memory.alias(memory.layout().slice(kName, 0, 0, last - first));
      write(tile, first);
      f(tile, first);
    }
  }

 private:
  BlockCodes codes_from(int64_t row) const {
    return {.codes = view(w_.codes),
            .absmax = view(scales_),
            .table = view(w_.table),
            .block_size = w_.block_size,
            .first = row * w_.in,
            .rounded_to = w_.dtype};
  }

  const QuantizedMatrix& w_;
  Tensor scales_;
};

Tensor columns(const Tensor& x, int64_t first, int64_t count) {
  return x.alias(x.layout().slice(kName, 1, first, first + count));
}

// x W^T (+ bias), x: (R, in).
Tensor product(const Tensor& x, const QuantizedMatrix& w, const Tensor& bias) {
  Tensor y = empty({x.size(0), w.out}, {x.dtype(), x.device()});
  if (x.size(0) == 1 && x.device().is_cpu()) {
    Rows(w).gemv(y, contiguous_data(x), bias);
    return y;
  }
  const Tensor rows = gemm_operand(kName, x);
  Rows(w).tiles(x.dtype(), [&](const Tensor& tile, int64_t first) {
    const Tensor part = columns(y, first, tile.size(0));
    const Tensor b = gemm_operand(kName, transposed(tile));
    if (bias)
      pick(x.device(), cpu::gemm_bias, cuda::gemm_bias)(
          view(part), view(rows), view(b),
          view(bias.alias(bias.layout().slice(kName, 0, first, first + tile.size(0)))));
    else
      pick(x.device(), cpu::gemm, cuda::gemm)(view(part), view(rows), view(b), 1, 0);
  });
  return y;
}

// g W, g: (R, out). Sums of 16-bit tiles are rounded once a tile.
Tensor product_back(const Tensor& g, const QuantizedMatrix& w) {
  Tensor dx = zeros({g.size(0), w.in}, {g.dtype(), g.device()});
  Rows(w).tiles(g.dtype(), [&](const Tensor& tile, int64_t first) {
    pick(g.device(), cpu::gemm, cuda::gemm)(
        view(dx), view(gemm_operand(kName, columns(g, first, tile.size(0)))),
        view(gemm_operand(kName, tile)), 1, first == 0 ? 0 : 1);
  });
  return dx;
}

void check_matrix(const char* operation, const Tensor& w) {
  check_floating(operation, w, "w");
  check(w.dim() == 2, operation, ": expected w of shape (out, in), got ", w.shape());
}

// The numbers that are quantised: in float32, on the CPU.
Tensor numbers_of(const Tensor& w) {
  Tensor x = contiguous_data(copy_of(copy_of(w.detach(), Device::cpu()), DType::float32));
  const std::vector<float> values = x.to_vector<float>();
  check(std::ranges::all_of(values, [](float v) { return std::isfinite(v); }),
        "quantize: expected finite numbers");
  return x;
}

void quantize_in_blocks(QuantizedMatrix& q, const Tensor& x) {
  q.codes = empty({(q.numel() + 1) / 2, 1}, {.dtype = DType::uint8});
  q.absmax = empty({blocks_of(q.numel(), q.block_size)});
  pick_cpu(cpu::quantize_4bit)(view(q.codes), view(q.absmax), view(x), view(q.table), q.block_size);
}

void quantize_in_rows(QuantizedMatrix& q, const Tensor& x) {
  q.codes = empty({q.out, q.in}, {.dtype = DType::uint8});
  q.scale = empty({q.out});
  pick_cpu(cpu::quantize_rows)(view(q.codes), view(q.scale), view(x));
}

}  // namespace

std::string_view name_of(Quantization kind) {
  switch (kind) {
    case Quantization::nf4:
      return "nf4";
    case Quantization::fp4:
      return "fp4";
    case Quantization::int8:
      return "int8";
  }
  return "";
}

std::optional<Quantization> quantization_named(std::string_view name) {
  for (const Quantization kind : {Quantization::nf4, Quantization::fp4, Quantization::int8})
    if (name_of(kind) == name) return kind;
  return {};
}

int64_t QuantizedMatrix::bytes() const {
  int64_t sum = 0;
  for (const Tensor* t : {&codes, &absmax, &table, &nested_absmax, &nested_table, &scale})
    if (*t) sum += t->numel() * int64_t(size_of(t->dtype()));
  return sum;
}

QuantizedMatrix QuantizedMatrix::to(Device there) const {
  QuantizedMatrix moved = *this;
  for (Tensor* t : {&moved.codes, &moved.absmax, &moved.table, &moved.nested_absmax,
                    &moved.nested_table, &moved.scale})
    if (*t && t->device() != there) *t = copy_of(*t, there);
  return moved;
}

Tensor dequantize(const QuantizedMatrix& w, DType dtype) {
  check(w.defined(), "dequantize: the matrix is undefined");
  Tensor y = empty({w.out, w.in}, {dtype, w.device()});
  Rows(w).write(y, 0);
  return y;
}

Tensor quantized_linear(const Tensor& input, const QuantizedMatrix& w, const Tensor& b) {
  const Tensor x = autocast::to_product(input), bias = autocast::to_product(b);
  check(w.defined(), kName, ": the weight is undefined");
  check_floating(kName, x);
  check(x.device() == w.device(), kName, ": expected tensors on one device, got ", x.device(),
        " and ", w.device());
  check(x.dim() >= 1 && x.shape().back() == w.in, kName, ": expected x of shape (..., ", w.in,
        ") for weight ", Dims{w.out, w.in}, ", got ", x.shape());
  if (bias) {
    check_same(kName, x, bias);
    check_shape(kName, bias, {w.out}, "bias");
  }
  Dims shape = x.shape();
  shape[shape.size() - 1] = w.out;
  const Tensor y =
      with_shape(product(as_rows(x.detach()), w, bias ? contiguous_data(bias) : Tensor()), shape);
  return record(kName, y, {x, bias}, [w, x_shape = x.shape()](const Tensor& dy, Needs needs) {
    const Tensor g = as_rows(contiguous_data(dy));
    Grads grads(2);
    if (needs[0]) grads[0] = with_shape(product_back(g, w), x_shape);
    if (needs[1]) grads[1] = sum_to(g, {g.shape()[1]});
    return grads;
  });
}

QuantizedMatrix quantize(const Tensor& w, Quantization kind, int64_t block_size) {
  check_matrix("quantize", w);
  check(block_size >= 32 && block_size <= 4096 && (block_size & (block_size - 1)) == 0,
        "quantize: expected a block_size of 32, 64, ..., 4096, got ", block_size);
  QuantizedMatrix q;
  q.kind = kind, q.out = w.size(0), q.in = w.size(1), q.block_size = block_size;
  q.dtype = w.dtype() == DType::float64 ? DType::float32 : w.dtype();
  const Tensor x = numbers_of(w);
  if (kind == Quantization::int8) {
    quantize_in_rows(q, x);
  } else {
    const float* table = kind == Quantization::nf4 ? kNf4 : kFp4;
    q.table = tensor<float>(std::vector<float>(table, table + 16));
    quantize_in_blocks(q, x);
  }
  return q.to(w.device());
}

QuantizedMatrix quantize_like(const Tensor& w, const QuantizedMatrix& form) {
  check_matrix("quantize_like", w);
  check_shape("quantize_like", w, {form.out, form.in}, "w");
  QuantizedMatrix q = form.to(Device::cpu());
  const Tensor x = numbers_of(w);
  if (q.kind == Quantization::int8) {
    quantize_in_rows(q, x);
    return q.to(form.device());
  }
  quantize_in_blocks(q, x);
  if (q.nested_absmax) q = quantize_scales(q);
  return q.to(form.device());
}

}  // namespace papilio
