#include "autograd/gradient_watch.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/checkpoint.h"
#include "autograd/ops.h"
#include "tensor/creation.h"

namespace papilio {

TEST_CASE("a gradient watch sees each gradient come to a leaf, before the pass has ended") {
  const Tensor a = leaf(ones({2})), b = leaf(ones({2}));
  // b is used twice, a once and first: its gradient comes last.
  const Tensor y = sum(a * b * b);
  std::string seen;
  std::vector<float> sums;
  {
    const GradientWatch watch([&](const Node* leaf, const Tensor& sum, int64_t arrivals) {
      seen += leaf == a.node().get() ? "a" : "b";
      seen += std::to_string(arrivals);
      sums.push_back(sum.to_vector()[0]);
      CHECK(!grad(a).defined());
    });
    backward(y);
  }
  CHECK(seen == "b1a1b2");
  CHECK(sums == std::vector<float>{1, 1, 2});
  CHECK(grad(b).to_vector() == std::vector<float>{2, 2});
  backward(sum(a * b));  // nobody watches
  CHECK(seen == "b1a1b2");
}

TEST_CASE("a gradient watch sees leaves inside checkpoint") {
  const Tensor x = leaf(ones({2})), w = leaf(full({2}, 3));
  int64_t arrivals_at_w = 0;
  const GradientWatch watch([&](const Node* leaf, const Tensor&, int64_t arrivals) {
    if (leaf == w.node().get()) arrivals_at_w = arrivals;
  });
  backward(sum(checkpoint([&](const Tensor& in) { return in * w + w; }, x)));
  CHECK(arrivals_at_w == 2);
  CHECK(grad(w).to_vector() == std::vector<float>{2, 2});
}

}  // namespace papilio
