#include "boft/ops/boft_linear.h"

#include <cstdint>

#include "autograd/autocast.h"
#include "autograd/ops.h"
#include "autograd/ops/detail/check.h"
#include "autograd/ops/detail/matrix.h"
#include "autograd/ops/detail/operands.h"
#include "autograd/ops/detail/settled.h"
#include "autograd/record.h"
#include "autograd/saved.h"
#include "boft/ops/butterfly_rotation.h"
#include "boft/ops/detail/settled.h"
#include "kernels/boft_linear.h"
#include "kernels/butterfly_rotation.h"
#include "kernels/detail/butterfly_blocks.h"
#include "kernels/segment_outer.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {
namespace {

constexpr const char* kName = "boft_linear";

void check_arguments(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& q,
                     const Tensor& s) {
  check_floating(kName, x);
  check_floating(kName, weight, "weight");
  check_defined(kName, s, "s");
  check(weight.dim() == 2, kName, ": expected weight of shape (out, d), got ", weight.shape());
  const int64_t out = weight.size(0), d = weight.size(1);
  check(x.dim() >= 1 && x.size(-1) == d, kName, ": expected x of shape (..., ", d, ") for weight ",
        weight.shape(), ", got ", x.shape());
  check_butterfly(kName, q, d);
  check_same(kName, weight, q);
  check_same(kName, weight, s);
  // 16-bit products of a float32 rotation.
  const bool mixed = q.dtype() == DType::float32 && size_of(x.dtype()) == 2;
  check(x.device() == q.device(), kName, ": expected tensors on one device, got ", x.device(),
        " and ", q.device());
  check(x.dtype() == q.dtype() || mixed, kName, ": expected tensors of one dtype, got ", x.dtype(),
        " and ", q.dtype());
  check_shape(kName, s, {out, 1}, "s");
  if (!bias.defined()) return;
  check_same(kName, x, bias);
  check_shape(kName, bias, {out}, "bias");
}

// rows R, or rows R^T.
Tensor rotated(const Tensor& rows, const Tensor& q, bool transposed) {
  Tensor y = empty_like(rows);
  pick(rows.device(), cpu::butterfly_rotation, cuda::butterfly_rotation)(view(y), view(rows),
                                                                         view(q), transposed);
  return y;
}

// All that forward and backward share; tensors without gradient, contiguous but for a weight whose
// rows nothing walks. Products and what comes of them have x's dtype, rotations q's.
struct Problem {
  Tensor x, weight, bias, q, s;  // x: (rows, d), s: (out)

  Problem without_x() const { return {{}, weight, bias, q, s}; }

  int64_t rows() const { return x.size(0); }
  int64_t out() const { return weight.size(0); }
  // 16-bit results are rounded once only on the weight side, as in linear.
  bool weight_side() const { return rows() > out() || size_of(x.dtype()) < 4; }
  bool by_segments() const {
    return weight_side() && prefer_segments(rows(), q.size(3), q.size(0));
  }

  // W' = s o (W R^T)
  Tensor adapted_weight() const {
    Tensor w = rotated(contiguous_data(weight), q, true);
    pick(w.device(), cpu::scale_rows, cuda::scale_rows)(view(w), view(s));
    return converted(w, x.dtype());
  }
  Tensor forward() const {
    if (weight_side()) return matrix_product(kName, x, transposed(adapted_weight()), bias);
    Tensor y = matrix_product(kName, rotated(x, q, false), transposed(weight));
    pick(y.device(), cpu::scale_columns, cuda::scale_columns)(view(y), view(s), view_or_none(bias));
    return y;
  }
  // dq from dL/dx, see the header. Sums in the type to compute in.
  Tensor dq_by_segments(const Tensor& dx) const {
    Tensor m =
        empty({q.size(3) << (q.size(0) - 1), x.size(1)}, {compute_dtype(x.dtype()), x.device()});
    pick(x.device(), cpu::segment_outer, cuda::segment_outer)(view(m), view(x), view(dx));
    const Tensor dr = rotated(m, converted(q, m.dtype()), false);
    Tensor dq = empty_like(q);
    pick(x.device(), cpu::butterfly_segment_backward, cuda::butterfly_segment_backward)(
        view(dq), view(dr), view(q));
    return dq;
  }
  // dq and dL/dx (undefined if it is not wanted) from u = (g o s) W walked back.
  void walk_back(const Tensor& dx, const Tensor& dq, const Tensor& g) const {
    const Tensor scaled = copy_of(g, q.dtype());
    pick(g.device(), cpu::scale_columns, cuda::scale_columns)(view(scaled), view(s), View{});
    const Tensor u =
        converted(matrix_product(kName, converted(scaled, x.dtype()), converted(weight, x.dtype())),
                  q.dtype());
    const Tensor in = converted(x, q.dtype());
    const bool same = !dx.defined() || dx.dtype() == q.dtype();
    const Tensor dx_wide = same ? dx : empty_like(u);
    pick(g.device(), cpu::butterfly_rotation_backward, cuda::butterfly_rotation_backward)(
        view_or_none(dx_wide), view(dq), view(u), view(in), view(q));
    if (!same) copy_(dx, dx_wide);
  }
  void scale_sums(const Tensor& sums, const Tensor& g, const Tensor& y) const {
    pick(g.device(), cpu::scale_gradient_sums, cuda::scale_gradient_sums)(
        view(sums), view(g), view(y), view_or_none(bias));
  }
  // sums: (3, out) as scale_gradient_sums makes them from y.
  Tensor ds(const Tensor& sums, const Tensor& g) const {
    Tensor result = empty({out(), 1}, {s.dtype(), s.device()});
    expect_product_memory(kName, x.device());
    pick(x.device(), cpu::scale_gradient, cuda::scale_gradient)({.ds = view(result),
                                                                 .sums = view(sums),
                                                                 .s = view(s),
                                                                 .bias = view_or_none(bias),
                                                                 .g = view(g),
                                                                 .x = view(x),
                                                                 .w = view(weight),
                                                                 .q = view(q)});
    return result;
  }
};

Tensor composed(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& q,
                const Tensor& s) {
  // In mixed precision as boft_linear: the product in x's dtype, the rest in q's.
  const DType half = x.dtype(), dtype = q.dtype();
  const Tensor rotated =
      settled::butterfly_rotation("butterfly_rotation", cast(x, dtype), q, false);
  const Tensor product = settled::linear(cast(rotated, half), cast(weight, half), {});
  const Tensor y = cast(product, dtype) * reshape(s, {weight.size(0)});
  return cast(bias.defined() ? y + cast(bias, dtype) : y, half);
}

// The door of both. Inside Autocast: products in its dtype, the rotation in float32.
struct Arguments {
  Tensor x, weight, bias, q, s;

  Arguments(const Tensor& input, const Tensor& w, const Tensor& b, const Tensor& factors,
            const Tensor& scale)
      : x(autocast::to_product(input)),
        weight(autocast::to_float32(w)),
        bias(autocast::to_product(b)),
        q(settled::as_wide(autocast::to_float32(factors), weight)),
        s(autocast::to_float32(scale)) {
    check_arguments(x, weight, bias, q, s);
  }
};

}  // namespace

Tensor boft_linear(const Tensor& input, const Tensor& w, const Tensor& b, const Tensor& factors,
                   const Tensor& scale) {
  const Arguments in(input, w, b, factors, scale);
  const auto& [x, weight, bias, q, s] = in;
  if (weight.requires_grad()) return composed(x, weight, bias, q, s);

  Problem p{as_rows(contiguous_data(x)), weight.detach(),
            bias.defined() ? contiguous_data(bias) : Tensor(), contiguous_data(q),
            with_shape(contiguous_data(s), {weight.size(0)})};
  // A product takes W as it lies (Conv1D's is a transpose), so where x is turned none is copied.
  if (p.weight_side() || !x.device().is_cpu()) p.weight = contiguous_data(weight);
  Dims shape = x.shape();
  shape[shape.size() - 1] = weight.size(0);
  Tensor y = with_shape(p.forward(), shape);
  // y is read for the gradients of s and of the bias.
  const bool keeps_y = s.requires_grad() || bias.requires_grad();
  y = record(kName, y, {x, bias, q, s, weight},
             [saved = Saved(x, p.x), frozen = p.without_x(), y = keeps_y ? y.detach() : Tensor(),
              x_shape = x.shape()](const Tensor& dy, Needs needs) {
               Problem p = frozen;
               p.x = as_rows(saved.get());
               const Tensor g = as_rows(contiguous_data(dy));
               Tensor dx, dq;
               if (p.by_segments() || !needs[2]) {
                 if (needs[0] || needs[2]) dx = matrix_product(kName, g, p.adapted_weight());
                 if (needs[2]) dq = p.dq_by_segments(dx);
               } else {
                 dq = empty_like(p.q);
                 if (needs[0]) dx = empty_like(p.x);
                 p.walk_back(dx, dq, g);
               }
               Grads grads(5);  // none for the weight, which is frozen here
               if (needs[0]) grads[0] = with_shape(dx, x_shape);
               if (needs[2]) grads[2] = dq;
               if (needs[1] || needs[3]) {
                 Tensor sums = empty({3, p.out()}, {compute_dtype(g.dtype()), g.device()});
                 p.scale_sums(sums, g, as_rows(y));
                 if (needs[1])
                   grads[1] = copy_of(sums.alias(sums.layout().select(kName, 0, 2)), g.dtype());
                 if (needs[3]) grads[3] = p.ds(sums, g);
               }
               return grads;
             });
  if (keeps_y) mark_kept(y);
  return y;
}

Tensor boft_linear_composed(const Tensor& x, const Tensor& weight, const Tensor& bias,
                            const Tensor& q, const Tensor& s) {
  const Arguments in(x, weight, bias, q, s);
  return composed(in.x, in.weight, in.bias, in.q, in.s);
}

}  // namespace papilio
