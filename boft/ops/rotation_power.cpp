#include "boft/ops/rotation_power.h"

#include <cmath>
#include <complex>
#include <cstdint>

#include "autograd/grad_mode.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape.h"
#include "boft/ops/symmetric_eigen.h"
#include "tensor/copy.h"
#include "tensor/creation.h"

namespace papilio {

namespace {

// One matrix. With a v = +-i sigma v on a plane, q acts there as x + y a / sigma, and x + i y is
// its eigenvalue r e^(i angle).
Tensor power_of(const Tensor& q, const Tensor& a, double t) {
  const int64_t n = q.size(0);
  const Tensor v = symmetric_eigen(matmul(transpose(a, 0, 1), a)).vectors;
  const Tensor av = matmul(a, v), qv = matmul(q, v);
  Tensor along = clone(v), across = clone(av);  // columns, to be scaled
  const double* const V = v.data<double>();
  const double* const AV = av.data<double>();
  const double* const QV = qv.data<double>();
  for (int64_t i = 0; i < n; ++i) {
    double x = 0, y = 0, sigma2 = 0;
    for (int64_t k = 0; k < n * n; k += n) {
      x += V[k + i] * QV[k + i];
      y += AV[k + i] * QV[k + i];
      sigma2 += AV[k + i] * AV[k + i];
    }
    const double sigma = std::sqrt(sigma2);
    const bool still = sigma < 1e-14;  // an axis that nothing turns
    const std::complex<double> value = std::pow(std::complex<double>(x, still ? 0 : y / sigma), t);
    for (int64_t k = 0; k < n * n; k += n) {
      along.data<double>()[k + i] *= value.real();
      across.data<double>()[k + i] *= still ? 0 : value.imag() / sigma;
    }
  }
  return matmul(along + across, transpose(v, 0, 1));
}

}  // namespace

Tensor rotation_power(const Tensor& q, const Tensor& a, double t) {
  const NoGrad no_grad;
  check(q.dim() >= 2 && q.size(-1) == q.size(-2) && q.shape() == a.shape(),
        "rotation_power: expected q and a of one shape (..., b, b), got ", q.shape(), " and ",
        a.shape());
  const int64_t n = q.size(-1);
  const Tensor from = copy_of(cpu_data(q), DType::float64),
               planes = copy_of(cpu_data(a), DType::float64);
  const Tensor result = empty(q.shape(), {.dtype = DType::float64});
  for (int64_t at = 0; at < from.numel(); at += n * n) {
    const Layout one{{n, n}, {n, 1}, at};
    copy_(result.alias(one), power_of(from.alias(one), planes.alias(one), t));
  }
  return copy_of(copy_of(result, q.dtype()), q.device());
}

}  // namespace papilio
