#include "nn/data/transforms/random_affine.h"

#include <doctest/doctest.h>

#include "autograd/ops/shape.h"
#include "tensor/creation.h"
#include "tensor/error.h"
#include "tests/nn/digits.h"

namespace papilio::test {

TEST_CASE(
    "random affine: nothing asked, nothing changed; a whole-pixel shift moves pixels; seeds "
    "repeat") {
  const Tensor few = slice(digit_batch().inputs, 0, 0, 3);
  Generator a(1), b(1), c(2);
  CHECK(nn::RandomAffine{}(few, a).to_vector() == few.to_vector());
  const nn::RandomAffine both{.shift_pixels = 1, .rotation_degrees = 15};
  const auto once = both(few, a).to_vector();
  CHECK(once == both(few, b).to_vector());
  CHECK(once != both(few, c).to_vector());
  CHECK(once != few.to_vector());
  CHECK_THROWS_AS(both(zeros({3}), a), ArgumentError);
}

}  // namespace papilio::test
