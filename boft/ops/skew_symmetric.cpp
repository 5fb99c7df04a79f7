#include "boft/ops/skew_symmetric.h"

#include <cmath>
#include <cstdint>

#include "autograd/ops/detail/check.h"
#include "autograd/ops/detail/matrix.h"
#include "autograd/record.h"
#include "kernels/skew_symmetric.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {
namespace {

int64_t triangle(int64_t b) {
  return b * (b - 1) / 2;
}

// (..., b (b - 1) / 2) as (count, b (b - 1) / 2), and (..., b, b) as (count, b, b).
Tensor uppers(const Tensor& upper, int64_t count, int64_t b) {
  return with_shape(contiguous_data(upper), {count, triangle(b)});
}
Tensor matrices(const Tensor& a, int64_t count, int64_t b) {
  return with_shape(contiguous_data(a), {count, b, b});
}

// How many matrices there are; the last `inner` dimensions belong to each.
int64_t count_of(const Tensor& x, int inner) {
  int64_t count = 1;
  for (int i = 0; i < x.dim() - inner; ++i) count *= x.size(i);
  return count;
}

Tensor unpacked(const Tensor& upper, int64_t b, bool skew) {
  Dims shape = upper.shape();
  shape[shape.size() - 1] = b;
  shape.push_back(b);
  const int64_t count = count_of(upper, 1);
  Tensor a = empty(shape, {upper.dtype(), upper.device()});
  pick(a.device(), cpu::unpack_upper, cuda::unpack_upper)(view(matrices(a, count, b)),
                                                          view(uppers(upper, count, b)), skew);
  return a;
}

Tensor packed(const Tensor& a, bool skew) {
  const int64_t b = a.size(-1), count = count_of(a, 2);
  Dims shape = a.shape();
  shape.erase(shape.size() - 1);
  shape[shape.size() - 1] = triangle(b);
  Tensor upper = empty(shape, {a.dtype(), a.device()});
  pick(a.device(), cpu::pack_upper, cuda::pack_upper)(view(uppers(upper, count, b)),
                                                      view(matrices(a, count, b)), skew);
  return upper;
}

}  // namespace

Tensor skew_symmetric(const Tensor& upper, int64_t b) {
  constexpr const char* name = "skew_symmetric";
  check_floating(name, upper, "upper");
  check(b >= 1 && upper.dim() >= 1 && upper.size(-1) == triangle(b), name,
        ": expected upper of shape (..., ", triangle(b), ") for b = ", b, ", got ", upper.shape());
  return record(name, unpacked(upper, b, true), {upper},
                [](const Tensor& da, Needs) { return Grads{packed(da, true)}; });
}

Tensor upper_triangle(const Tensor& a) {
  constexpr const char* name = "upper_triangle";
  check_floating(name, a, "a");
  check(a.dim() >= 2 && a.size(-1) == a.size(-2), name, ": expected a of shape (..., b, b), got ",
        a.shape());
  return record(name, packed(a, false), {a}, [b = a.size(-1)](const Tensor& du, Needs) {
    return Grads{unpacked(du, b, false)};
  });
}

int64_t block_size_of_triangle(int64_t n) {
  const auto b = int64_t(std::llround((1 + std::sqrt(1 + 8 * double(n))) / 2));
  return b * (b - 1) / 2 == n ? b : 0;
}

}  // namespace papilio
