#include "autograd/ops/shape.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "autograd/backward.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/autograd/op_case.h"

namespace papilio::test {

namespace {

using Index = std::vector<int64_t>;

// The output's elements in row-major order, each read through its own multi-index: from(i) says
// where in x (row-major) output element i comes from, or -1 for `other`.
Sample moved(const char* label, Tensor x, std::function<Tensor(const Tensor&)> f, const Dims& shape,
             std::function<int64_t(const Index&)> from, double other = 0) {
  return {label,
          {x},
          [=](const Tensors& in) {
            const Tensor y = f(in[0]);
            CHECK(y.shape() == shape);
            return y;
          },
          [=](const Tensors& in) {
            const std::vector<double> values = in[0].to_vector<double>();
            std::vector<double> result;
            int64_t n = 1;
            for (int64_t size : shape) n *= size;
            for (int64_t i = 0; i < n; ++i) {
              Index at(size_t(shape.size()));
              int64_t rest = i;
              for (int d = shape.size() - 1; d >= 0; --d) {
                at[size_t(d)] = rest % shape[d];
                rest /= shape[d];
              }
              const int64_t source = from(at);
              result.push_back(source < 0 ? other : values[size_t(source)]);
            }
            return result;
          }};
}

// For operations that keep the row-major order.
Sample kept(const char* label, Tensor x, std::function<Tensor(const Tensor&)> f,
            const Dims& shape) {
  return moved(label, x, f, shape, [shape](const Index& at) {
    int64_t i = 0;
    for (size_t d = 0; d < at.size(); ++d) i = i * shape[int(d)] + at[d];
    return i;
  });
}

const Tensor x234 = uniform64({2, 3, 4});

}  // namespace

TEST_CASE("reshape and flatten") {
  run({.name = "reshape",
       .samples = {kept("split and join", x234,
                        [](auto& x) {
                          return reshape(x, {3, 2, -1});
                        },
                        {3, 2, 4}),
                   moved(
                       "of a transpose", x234,
                       [](auto& x) {
                         return reshape(transpose(x, 0, 2), {4, 6});
                       },
                       {4, 6}, [](const Index& i) { return i[1] % 2 * 12 + i[1] / 2 * 4 + i[0]; }),
                   kept("to 0-d", uniform64({1, 1}), [](auto& x) { return reshape(x, {}); }, {}),
                   kept("from 0-d", uniform64({}),
                        [](auto& x) {
                          return reshape(x, {1, -1});
                        },
                        {1, 1}),
                   kept("nothing", uniform64({0, 3}),
                        [](auto& x) {
                          return reshape(x, {3, 0, 2});
                        },
                        {3, 0, 2}),
                   kept("flatten", x234, [](auto& x) { return flatten(x, 1); }, {2, 12}),
                   kept("flatten all", x234, [](auto& x) { return flatten(x); }, {24}),
                   kept("flatten 0-d", uniform64({}), [](auto& x) { return flatten(x); }, {1})},
       .errors = {{"number",
                   [] {
                     reshape(x234, {5, 5});
                   },
                   "reshape: cannot reshape (2, 3, 4) (24 elements) to (5, 5)"},
                  {"undefined", [] { reshape({}, {1}); }, "reshape: x is undefined"},
                  {"order", [] { flatten(x234, 2, 0); },
                   "flatten: dimension 2 comes after dimension 0"}}});
  CHECK(reshape(x234, {4, 6}).raw_data() == x234.raw_data());
  CHECK(reshape(transpose(x234, 0, 1), {3, 2, 2, 2}).raw_data() == x234.raw_data());
  CHECK(reshape(transpose(x234, 0, 1), {24}).raw_data() != x234.raw_data());
}

TEST_CASE("transpose and permute") {
  run({.name = "transpose",
       .samples = {moved(
                       "first and last", x234, [](auto& x) { return transpose(x, 0, -1); },
                       {4, 3, 2}, [](const Index& i) { return i[2] * 12 + i[1] * 4 + i[0]; }),
                   moved(
                       "with itself", x234, [](auto& x) { return transpose(x, 1, 1); }, {2, 3, 4},
                       [](const Index& i) { return i[0] * 12 + i[1] * 4 + i[2]; }),
                   moved(
                       "rotated", x234,
                       [](auto& x) {
                         return permute(x, {1, -1, 0});
                       },
                       {3, 4, 2}, [](const Index& i) { return i[2] * 12 + i[0] * 4 + i[1]; }),
                   moved(
                       "no elements", uniform64({2, 0}), [](auto& x) { return transpose(x, 0, 1); },
                       {0, 2}, [](const Index&) { return 0; })},
       .errors = {{"dimension", [] { transpose(x234, 0, 3); },
                   "transpose: dimension 3 is out of range for 3 dimensions"},
                  {"twice",
                   [] {
                     permute(x234, {0, 1, 1});
                   },
                   "permute: dimension 1 appears twice in (0, 1, 1)"},
                  {"too few",
                   [] {
                     permute(x234, {0, 1});
                   },
                   "permute: expected 3 dimensions, got (0, 1)"}}});
  CHECK(permute(x234, {2, 0, 1}).raw_data() == x234.raw_data());
}

TEST_CASE("expand") {
  run({.name = "expand",
       .samples = {moved(
                       "size 1 and a new dimension", uniform64({3, 1}),
                       [](auto& x) {
                         return expand(x, {2, -1, 5});
                       },
                       {2, 3, 5}, [](const Index& i) { return i[1]; }),
                   moved(
                       "0-d", uniform64({}), [](auto& x) { return expand(x, {4}); }, {4},
                       [](const Index&) { return 0; }),
                   moved(
                       "to nothing", uniform64({1, 2}),
                       [](auto& x) {
                         return expand(x, {0, 2});
                       },
                       {0, 2}, [](const Index&) { return 0; })},
       .errors = {{"size",
                   [] {
                     expand(ones({2, 3}), {2, 4});
                   },
                   "expand: cannot expand (2, 3) to (2, 4)"}}});
}

TEST_CASE("squeeze and unsqueeze") {
  const Tensor x = uniform64({1, 3, 1, 2});
  run({.name = "squeeze",
       .samples = {kept("all", x, [](auto& t) { return squeeze(t); }, {3, 2}),
                   kept("one", x, [](auto& t) { return squeeze(t, -2); }, {1, 3, 2}),
                   kept("insert", x234, [](auto& t) { return unsqueeze(t, 1); }, {2, 1, 3, 4}),
                   kept("insert last", x234, [](auto& t) { return unsqueeze(t, -1); },
                        {2, 3, 4, 1})},
       .errors = {{"not 1", [=] { squeeze(x, 1); },
                   "squeeze: expected dimension 1 of size 1, got shape (1, 3, 1, 2)"},
                  {"dimension", [=] { unsqueeze(x, 5); },
                   "unsqueeze: dimension 5 is out of range for 5 dimensions"}}});
}

TEST_CASE("select and slice") {
  run({.name = "slice",
       .samples = {moved(
                       "select", x234, [](auto& x) { return select(x, 1, -1); }, {2, 4},
                       [](const Index& i) { return i[0] * 12 + 8 + i[1]; }),
                   moved(
                       "steps", x234, [](auto& x) { return slice(x, 2, 1, 4, 2); }, {2, 3, 2},
                       [](const Index& i) { return i[0] * 12 + i[1] * 4 + 1 + 2 * i[2]; }),
                   moved(
                       "from the end, open", x234, [](auto& x) { return slice(x, -1, -3); },
                       {2, 3, 3}, [](const Index& i) { return i[0] * 12 + i[1] * 4 + 1 + i[2]; }),
                   moved(
                       "clipped", x234, [](auto& x) { return slice(x, 1, -9, 99); }, {2, 3, 4},
                       [](const Index& i) { return i[0] * 12 + i[1] * 4 + i[2]; }),
                   moved(
                       "empty", x234, [](auto& x) { return slice(x, 1, 2, 1); }, {2, 0, 4},
                       [](const Index&) { return 0; }),
                   moved(
                       "of a slice", x234, [](auto& x) { return select(slice(x, 0, 1), 2, 1); },
                       {1, 3}, [](const Index& i) { return 12 + i[1] * 4 + 1; })},
       .errors = {{"index", [] { select(x234, 1, 3); },
                   "select: index 3 is out of range for dimension 1 of size 3"},
                  {"step", [] { slice(x234, 0, 0, 1, 0); },
                   "slice: expected a step of at least 1, got 0"}}});
}

TEST_CASE("contiguous and clone") {
  run({.name = "contiguous",
       .samples = {kept("contiguous", x234, [](auto& x) { return contiguous(x); }, {2, 3, 4}),
                   kept("clone", x234, [](auto& x) { return clone(x); }, {2, 3, 4})},
       .errors = {{"undefined", [] { clone({}); }, "clone: x is undefined"}}});
  CHECK(contiguous(x234).raw_data() == x234.raw_data());
  CHECK(contiguous(transpose(x234, 0, 1)).is_contiguous());
  CHECK(clone(x234).raw_data() != x234.raw_data());
}

TEST_CASE("pad") {
  run({.name = "pad",
       .samples =
           {moved(
                "last dimension", x234,
                [](auto& x) {
                  return pad(x, {1, 2}, 7);
                },
                {2, 3, 7},
                [](const Index& i) {
                  return i[2] >= 1 && i[2] < 5 ? i[0] * 12 + i[1] * 4 + i[2] - 1 : -1;
                },
                7),
            moved(
                "two dimensions", x234,
                [](auto& x) {
                  return pad(x, {0, 1, 2, 0});
                },
                {2, 5, 5},
                [](const Index& i) {
                  return i[1] >= 2 && i[2] < 4 ? i[0] * 12 + (i[1] - 2) * 4 + i[2] : -1;
                }),
            moved(
                "cut before, pad after", x234,
                [](auto& x) {
                  return pad(x, {-1, 2}, 3);
                },
                {2, 3, 5},
                [](const Index& i) { return i[2] < 3 ? i[0] * 12 + i[1] * 4 + i[2] + 1 : -1; }, 3),
            moved(
                "cut all, pad", uniform64({3}),
                [](auto& x) {
                  return pad(x, {-3, 2}, 1);
                },
                {2}, [](const Index&) { return -1; }, 1),
            moved(
                "nothing to pad", uniform64({0, 2}),
                [](auto& x) {
                  return pad(x, {0, 0, 1, 1}, 4);
                },
                {2, 2}, [](const Index&) { return -1; }, 4)},
       .errors = {{"odd", [] { pad(x234, {1}); },
                   "pad: expected pairs of amounts for at most 3 dimensions, got 1 amounts"},
                  {"too many",
                   [] {
                     pad(ones({2}), {1, 1, 1, 1});
                   },
                   "pad: expected pairs of amounts for at most 1 dimensions, got 4 amounts"},
                  {"cut",
                   [] {
                     pad(x234, {-3, -2});
                   },
                   "pad: amounts (-3, -2) cut more than dimension 2 of shape (2, 3, 4)"}},
       .propagates_nan = false});  // a cut may remove it
}

TEST_CASE("flip") {
  run({.name = "flip",
       .samples = {moved(
                       "middle and last", x234,
                       [](auto& x) {
                         return flip(x, {1, -1});
                       },
                       {2, 3, 4},
                       [](const Index& i) { return i[0] * 12 + (2 - i[1]) * 4 + 3 - i[2]; }),
                   moved(
                       "no dimension", x234, [](auto& x) { return flip(x, {}); }, {2, 3, 4},
                       [](const Index& i) { return i[0] * 12 + i[1] * 4 + i[2]; }),
                   moved(
                       "no elements", uniform64({2, 0}), [](auto& x) { return flip(x, {0}); },
                       {2, 0}, [](const Index&) { return 0; })},
       .errors = {{"twice",
                   [] {
                     flip(x234, {1, 1});
                   },
                   "flip: dimension 1 appears twice in (1, 1)"}}});
  CHECK(flip(x234, {}).raw_data() != x234.raw_data());
}

TEST_CASE("a chain of views keeps the same memory and brings gradients home") {
  Tensor x = leaf(copy_of(x234));
  const Tensor y =
      select(transpose(slice(x, 1, 1, 3), 0, 2), 0, 3);  // (2, 2): elements [b][1 + i][3]
  CHECK(y.storage() == x.storage());
  backward(y, tensor<double>({1, 2, 3, 4}, {2, 2}));  // rows i, columns b
  std::vector<double> want(24, 0.0);
  want[7] = 1, want[19] = 2, want[11] = 3, want[23] = 4;
  CHECK(grad(x).to_vector<double>() == want);
}

}  // namespace papilio::test
