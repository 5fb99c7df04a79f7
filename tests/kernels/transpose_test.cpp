#include "kernels/cpu/transpose.h"

#include <doctest/doctest.h>

namespace papilio::test {
namespace {

// How many entries of a transposed n x n square are wrong.
template <class T, int n>
int wrong_entries() {
  typedef T Vector __attribute__((vector_size(n * sizeof(T))));
  Vector v[n];
  for (int r = 0; r < n; ++r)
    for (int c = 0; c < n; ++c) v[r][c] = T(r * n + c);
  cpu::transpose_square<n>(v);
  int wrong = 0;
  for (int r = 0; r < n; ++r)
    for (int c = 0; c < n; ++c) wrong += v[r][c] != T(c * n + r);
  return wrong;
}

}  // namespace

TEST_CASE("squares of vectors of every width are transposed") {
  CHECK(wrong_entries<float, 4>() == 0);
  CHECK(wrong_entries<float, 8>() == 0);
  CHECK(wrong_entries<float, 16>() == 0);
  CHECK(wrong_entries<double, 2>() == 0);
  CHECK(wrong_entries<double, 4>() == 0);
  CHECK(wrong_entries<double, 8>() == 0);
}

}  // namespace papilio::test
