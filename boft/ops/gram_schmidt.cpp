#include "boft/ops/gram_schmidt.h"

#include <cstdint>
#include <vector>

#include "autograd/autocast.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/cast.h"
#include "autograd/ops/detail/check.h"
#include "autograd/ops/join.h"
#include "autograd/ops/math.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape.h"

namespace papilio {

Tensor gram_schmidt(const Tensor& input) {
  const Tensor u = autocast::to_float32(input);
  const Autocast off(DType::float32);  // for the products here, too
  check_floating("gram_schmidt", u, "u");
  check(u.dim() == 2 && u.size(1) >= 1 && u.size(1) <= u.size(0),
        "gram_schmidt: expected u of shape (d, r) with 1 <= r <= d, got ", u.shape());
  if (u.dtype() == DType::bfloat16 || u.dtype() == DType::float16)
    return cast(gram_schmidt(cast(u, DType::float32)), u.dtype());
  std::vector<Tensor> columns;
  Tensor rest = u;
  for (int64_t k = 0; k < u.size(1); ++k) {
    const Tensor first = slice(rest, 1, 0, 1);
    const Tensor q = first / sqrt(sum(first * first, {0}, true));
    columns.push_back(q);
    if (k + 1 == u.size(1)) break;
    const Tensor later = slice(rest, 1, 1);
    rest = later - matmul(q, matmul(transpose(q, 0, 1), later));
  }
  return concat(columns, 1);
}

}  // namespace papilio
