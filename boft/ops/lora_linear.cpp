#include "boft/ops/lora_linear.h"

#include <cstdint>

#include "autograd/autocast.h"
#include "autograd/backward.h"
#include "autograd/ops.h"
#include "autograd/ops/detail/check.h"
#include "autograd/ops/detail/matrix.h"
#include "autograd/record.h"
#include "autograd/saved.h"
#include "kernels/gemm.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {
namespace {

constexpr const char* kName = "lora_linear";

void check_arguments(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& a,
                     const Tensor& b, const Tensor& dropped) {
  check_floating(kName, x);
  check_defined(kName, weight, "weight");
  check_defined(kName, a, "a");
  check(weight.dim() == 2, kName, ": expected weight of shape (out, d), got ", weight.shape());
  const int64_t out = weight.size(0), d = weight.size(1);
  check(x.dim() >= 1 && x.size(-1) == d, kName, ": expected x of shape (..., ", d, ") for weight ",
        weight.shape(), ", got ", x.shape());
  check(a.dim() == 2 && a.size(1) == d, kName, ": expected a of shape (r, ", d, "), got ",
        a.shape());
  check_shape(kName, b, {out, a.size(0)}, "b");
  for (const Tensor& other : {weight, a, b}) check_same(kName, x, other);
  if (bias.defined()) {
    check_same(kName, x, bias);
    check_shape(kName, bias, {out}, "bias");
  }
  if (dropped.defined()) {
    check_same(kName, x, dropped);
    check_shape(kName, dropped, x.shape(), "dropped");
  }
}

bool narrow(const Tensor& x) {
  return size_of(x.dtype()) < 4;
}

// c += alpha a b. In 16 bits a, which is narrow, takes alpha: oneDNN's products have none.
void add_product(const Tensor& c, const Tensor& a, const Tensor& b, double alpha) {
  const bool first = narrow(c) && alpha != 1;
  pick(c.device(), cpu::gemm, cuda::gemm)(view(c), view(gemm_operand(kName, first ? a * alpha : a)),
                                          view(gemm_operand(kName, b)), first ? 1 : alpha, 1);
}
// alpha a b
Tensor scaled_product(const Tensor& a, const Tensor& b, double alpha) {
  if (narrow(a)) return matrix_product(kName, a, b) * alpha;
  Tensor c = empty({a.size(0), b.size(1)}, {a.dtype(), a.device()});
  pick(c.device(), cpu::gemm, cuda::gemm)(view(c), view(gemm_operand(kName, a)),
                                          view(gemm_operand(kName, b)), alpha, 0);
  return c;
}

// What forward and backward share; without gradients.
struct Problem {
  Tensor weight, bias, a, b;
  double scaling;

  // W' = W + scaling B A
  Tensor adapted_weight() const {
    Tensor w = copy_of(weight);
    add_product(w, b, a, scaling);
    return w;
  }
  // y of x and what is dropped of it: (rows, d).
  Tensor forward(const Tensor& x, const Tensor& dropped, bool weight_side) const {
    if (weight_side) return matrix_product(kName, x, transposed(adapted_weight()), bias);
    Tensor y = matrix_product(kName, x, transposed(weight), bias);
    add_product(y, matrix_product(kName, dropped, transposed(a)), transposed(b), scaling);
    return y;
  }
};

}  // namespace

Tensor lora_linear(const Tensor& input, const Tensor& frozen, const Tensor& vector,
                   const Tensor& down, const Tensor& up, double scaling, const Tensor& less) {
  using autocast::to_product;
  const Tensor x = to_product(input), weight = to_product(frozen), bias = to_product(vector),
               a = to_product(down), b = to_product(up), dropped = to_product(less);
  check_arguments(x, weight, bias, a, b, dropped);
  if (weight.requires_grad()) return lora_linear_composed(x, weight, bias, a, b, scaling, dropped);
  const Tensor& in = dropped.defined() ? dropped : x;
  const Tensor rows = as_rows(x.detach()), low_rows = as_rows(in.detach());
  const Problem p{weight.detach(), bias.detach(), a.detach(), b.detach(), scaling};
  const bool weight_side = !dropped.defined() && !narrow(x) && rows.size(0) > weight.size(0);
  Dims shape = x.shape();
  shape[shape.size() - 1] = weight.size(0);
  const Tensor y = with_shape(p.forward(rows, low_rows, weight_side), shape);
  Problem kept = p;
  if (!x.requires_grad()) kept.weight = {};
  return record(
      kName, y, {x, bias, a, b, dropped, weight},
      [p = kept, weight_side, beside = !weight_side && !dropped.defined(),
       saved = Saved(in, low_rows), x_shape = x.shape()](const Tensor& dy, Needs needs) {
        const Tensor g = as_rows(contiguous_data(dy)), x = as_rows(saved.get());
        Grads grads(6);  // none for the weight, which is frozen here
        const auto of_x = [&](const Tensor& rows) { return with_shape(rows, x_shape); };
        const bool u_in_dx = needs[0] && beside;
        const Tensor u =
            needs[2] || needs[4] || u_in_dx ? scaled_product(g, p.b, p.scaling) : Tensor();
        if (needs[0]) {
          const Tensor dx = matrix_product(kName, g, weight_side ? p.adapted_weight() : p.weight);
          if (u_in_dx) add_product(dx, u, p.a, 1);
          grads[0] = of_x(dx);
        }
        if (needs[1]) grads[1] = sum_to(g, {g.size(1)});
        if (needs[2]) grads[2] = matrix_product(kName, transposed(u), x);
        if (needs[3])
          grads[3] =
              scaled_product(transposed(g), matrix_product(kName, x, transposed(p.a)), p.scaling);
        if (needs[4]) grads[4] = of_x(matrix_product(kName, u, p.a));
        return grads;
      });
}

Tensor lora_linear_composed(const Tensor& x, const Tensor& weight, const Tensor& bias,
                            const Tensor& a, const Tensor& b, double scaling,
                            const Tensor& dropped) {
  const Tensor low = linear(dropped.defined() ? dropped : x, a);
  return linear(x, weight, bias) + linear(low, b) * scaling;
}

}  // namespace papilio
