#include "boft/ops/boft_linear.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "autograd/autocast.h"
#include "autograd/ops.h"
#include "autograd/ops/detail/check.h"
#include "autograd/ops/detail/matrix.h"
#include "autograd/record.h"
#include "boft/ops/butterfly_rotation.h"
#include "kernels/boft_linear.h"
#include "kernels/butterfly_rotation.h"
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
  check_floating(kName, q, "q");
  check_floating(kName, s, "s");
  check(weight.dim() == 2, kName, ": expected weight of shape (out, d), got ", weight.shape());
  const int64_t out = weight.size(0), d = weight.size(1);
  check(x.dim() >= 1 && x.size(-1) == d, kName, ": expected x of shape (..., ", d, ") for weight ",
        weight.shape(), ", got ", x.shape());
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
  pick(kName, rows.device(), cpu::butterfly_rotation, cuda::butterfly_rotation)(
      view(y), view(rows), view(q), transposed);
  return y;
}

// The type to sum in.
DType sum_dtype(DType dtype) {
  return dtype == DType::float64 ? DType::float64 : DType::float32;
}

Tensor converted(const Tensor& x, DType dtype) {
  return x.dtype() == dtype ? x : copy_of(x, dtype);
}

// All that forward and backward share; tensors without gradient, contiguous. Products and what
// comes of them have x's dtype, rotations q's.
struct Problem {
  Tensor x, weight, bias, q, s;  // x: (rows, d), s: (out)

  int64_t rows() const { return x.size(0); }
  int64_t out() const { return weight.size(0); }
  // 16-bit results are rounded once only on the weight side, as in linear.
  bool weight_side() const { return rows() > out() || size_of(x.dtype()) < 4; }
  bool by_segments() const {
    return weight_side() && cpu::prefer_segments(rows(), q.size(3), q.size(0));
  }

  // W' = s o (W R^T)
  Tensor adapted_weight() const {
    Tensor w = rotated(weight, q, true);
    pick(kName, w.device(), cpu::scale_rows, cuda::scale_rows)(view(w), view(s));
    return converted(w, x.dtype());
  }
  Tensor forward() const {
    if (weight_side()) return matrix_product(kName, x, transposed(adapted_weight()), bias);
    Tensor y = matrix_product(kName, rotated(x, q, false), transposed(weight));
    pick(kName, y.device(), cpu::scale_columns, cuda::scale_columns)(view(y), view(s),
                                                                     view_or_none(bias));
    return y;
  }
  // dq from dL/dx, see the header. Sums in the type to compute in.
  Tensor dq_by_segments(const Tensor& dx) const {
    Tensor m = empty({q.size(3) << (q.size(0) - 1), x.size(1)}, {sum_dtype(x.dtype()), x.device()});
    pick(kName, x.device(), cpu::segment_outer, cuda::segment_outer)(view(m), view(x), view(dx));
    const Tensor dr = rotated(m, converted(q, m.dtype()), false);
    Tensor dq = empty_like(q);
    pick(kName, x.device(), cpu::butterfly_segment_backward, cuda::butterfly_segment_backward)(
        view(dq), view(dr), view(q));
    return dq;
  }
  // dq and dL/dx (undefined if it is not wanted) from u = (g o s) W walked back.
  void walk_back(const Tensor& dx, const Tensor& dq, const Tensor& g) const {
    const Tensor scaled = copy_of(g, q.dtype());
    pick(kName, g.device(), cpu::scale_columns, cuda::scale_columns)(view(scaled), view(s), View{});
    const Tensor u =
        converted(matrix_product(kName, converted(scaled, x.dtype()), converted(weight, x.dtype())),
                  q.dtype());
    const Tensor in = converted(x, q.dtype());
    const bool same = !dx.defined() || dx.dtype() == q.dtype();
    const Tensor dx_wide = same ? dx : empty_like(u);
    pick(kName, g.device(), cpu::butterfly_rotation_backward, cuda::butterfly_rotation_backward)(
        view_or_none(dx_wide), view(dq), view(u), view(in), view(q));
    if (!same) copy_(dx, dx_wide);
  }
  void scale_sums(const Tensor& sums, const Tensor& g, const Tensor& y, const Tensor& bias) const {
    pick(kName, g.device(), cpu::scale_gradient_sums, cuda::scale_gradient_sums)(
        view(sums), view(g), view(y), view_or_none(bias));
  }
  Tensor ds(const Tensor& sums, const Tensor& g) const;
};

// sums: (3, out) as scale_gradient_sums makes them from y.
Tensor Problem::ds(const Tensor& sums, const Tensor& g) const {
  if (!x.device().is_cpu()) {
    const Tensor result = empty({out(), 1}, {s.dtype(), s.device()});
    cuda::use_device(x.device().index);
    cuda::scale_gradient(view(result), view(sums), view(s), view_or_none(bias), view(g), view(x),
                         view(weight), view(q));
    return result;
  }
  const auto sum = sums.to_vector<double>(), scale = s.to_vector<double>();
  const auto b = bias.defined() ? bias.to_vector<double>() : std::vector<double>(out());
  std::vector<double> values(out());
  std::vector<int64_t> again;
  for (int64_t j = 0; j < out(); ++j) {
    const double mean = sum[out() + j] / double(rows());
    if (keeps_digits(mean, b[j], x.dtype()))
      values[j] = sum[j] / scale[j];
    else if (rows() > 0)
      again.push_back(j);
  }
  if (!again.empty()) {
    const Tensor columns = tensor(again);
    const Tensor w = rotated(index_select(weight, 0, columns), q, true);
    const Tensor z = matrix_product(kName, x, transposed(converted(w, x.dtype())));
    Tensor exact = empty({3, int64_t(again.size())}, {sums.dtype(), sums.device()});
    scale_sums(exact, index_select(g, 1, columns), z, {});
    const auto found = exact.to_vector<double>();
    for (size_t k = 0; k < again.size(); ++k) values[again[k]] = found[k];
  }
  return copy_of(tensor(values, {out(), 1}), s.dtype());
}

// Inside Autocast: products in its dtype, the rotation in float32.
Tensor in_scope(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& q,
                const Tensor& s) {
  return autocast::products(
      [&](const Tensor& half, const Tensor& half_bias) {
        return autocast::in_float32(
            [&](const Tensor& w, const Tensor& q32, const Tensor& s32) {
              return boft_linear(half, w, half_bias, q32, s32);
            },
            weight, q, s);
      },
      x, bias);
}

}  // namespace

Tensor boft_linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& q,
                   const Tensor& s) {
  if (autocast_enabled()) return in_scope(x, weight, bias, q, s);
  check_arguments(x, weight, bias, q, s);
  check_butterfly(kName, q, weight.size(1));
  if (weight.requires_grad()) return boft_linear_composed(x, weight, bias, q, s);

  const Problem p{as_rows(contiguous_data(x)), contiguous_data(weight),
                  bias.defined() ? contiguous_data(bias) : Tensor(), contiguous_data(q),
                  with_shape(contiguous_data(s), {weight.size(0)})};
  Dims shape = x.shape();
  shape[shape.size() - 1] = weight.size(0);
  const Tensor y = with_shape(p.forward(), shape);
  return record(kName, y, {x, bias, q, s, weight},
                [p, y = y.detach(), x_shape = x.shape()](const Tensor& dy, Needs needs) {
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
                    Tensor sums = empty({3, p.out()}, {sum_dtype(g.dtype()), g.device()});
                    p.scale_sums(sums, g, as_rows(y), p.bias);
                    if (needs[1])
                      grads[1] = copy_of(sums.alias(sums.layout().select(kName, 0, 2)), g.dtype());
                    if (needs[3]) grads[3] = p.ds(sums, g);
                  }
                  return grads;
                });
}

Tensor boft_linear_composed(const Tensor& x, const Tensor& weight, const Tensor& bias,
                            const Tensor& q, const Tensor& s) {
  check_arguments(x, weight, bias, q, s);
  // In mixed precision as boft_linear: the product in x's dtype, the rest in q's.
  const DType half = x.dtype(), dtype = q.dtype();
  const Tensor rotated = cast(butterfly_rotation(cast(x, dtype), q), half);
  const Tensor y = cast(linear(rotated, cast(weight, half)), dtype) * reshape(s, {weight.size(0)});
  return cast(bias.defined() ? y + cast(bias, dtype) : y, half);
}

}  // namespace papilio
