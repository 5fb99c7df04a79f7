#include "tensor/copy.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "tensor/creation.h"

using namespace papilio;

TEST_CASE("copy_: converts, broadcasts and follows strides on both sides") {
  const auto x = zeros({2, 3});
  copy_(x, tensor<int64_t>({1, 2, 3}));
  CHECK(x.to_vector() == std::vector<float>{1, 2, 3, 1, 2, 3});
  copy_(x.alias(x.layout().slice("slice", 1, 0, 3, 2)), tensor<double>({8, 9}, {2, 1}));
  CHECK(x.to_vector() == std::vector<float>{8, 2, 8, 9, 2, 9});
  const auto t = zeros({3, 2}, {.dtype = DType::int32});
  copy_(t, x.alias(x.layout().transpose("transpose", 0, 1)));
  CHECK(t.to_vector() == std::vector<float>{8, 9, 2, 2, 8, 9});
  copy_(t, scalar(5));
  CHECK(t.to_vector() == std::vector<float>(6, 5));
}

TEST_CASE("copy_: views of one memory are read before they are written") {
  const auto x = arange(16);
  const auto square = x.alias(Layout::contiguous({4, 4}));
  copy_(square, square.alias(square.layout().transpose("transpose", 0, 1)));
  CHECK(x.to_vector() == std::vector<float>{0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15});
  const auto line = arange(6);
  copy_(line.alias({{5}, {1}, 1}), line.alias({{5}, {1}, 0}));
  CHECK(line.to_vector() == std::vector<float>{0, 0, 1, 2, 3, 4});
  copy_(line, line);
  CHECK(line.to_vector() == std::vector<float>{0, 0, 1, 2, 3, 4});
}

TEST_CASE("copy_of and contiguous_data") {
  const auto x = tensor<float>({1.5, -2.5, NAN, 4}, {2, 2});
  const auto y = copy_of(x);
  CHECK(y.raw_data() != x.raw_data());
  CHECK(y.to_vector()[1] == -2.5f);
  CHECK(copy_of(x, DType::int64).to_vector<int64_t>() == std::vector<int64_t>{1, -2, 0, 4});
  CHECK(copy_of(x, DType::boolean).to_vector<bool>() == std::vector<bool>{true, true, true, true});
  CHECK(contiguous_data(x).raw_data() == x.raw_data());
  const auto t = contiguous_data(x.alias(x.layout().transpose("transpose", 0, 1)));
  CHECK(t.is_contiguous());
  CHECK(t.to_vector()[1] != t.to_vector()[1]);
  CHECK(t.to_vector()[2] == -2.5f);
  CHECK(copy_of(zeros({0, 2}), DType::int32).shape() == Dims{0, 2});
}

TEST_CASE("fill_: only the view's elements") {
  const auto x = zeros({2, 3});
  fill_(x.alias(x.layout().select("select", 1, 1)), 7);
  CHECK(x.to_vector() == std::vector<float>{0, 7, 0, 0, 7, 0});
}

TEST_CASE("copy: wrong use") {
  CHECK_THROWS_WITH_AS(copy_(zeros({2}), zeros({3})), "copy_: cannot expand (3) to (2)",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(copy_(Tensor(), zeros({2})), "copy_: the destination is undefined",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(copy_(zeros({2}), Tensor()), "copy_: the source is undefined",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(fill_(Tensor(), 1), "fill_: the destination is undefined", ArgumentError);
  CHECK_THROWS_WITH_AS(copy_of(Tensor()), "copy_of: the tensor is undefined", ArgumentError);
  CHECK_THROWS_WITH_AS(
      fill_(zeros({1}).alias({{3}, {0}, 0}), 1),
      "fill_: the destination is expanded (several elements share one place); clone it first",
      ArgumentError);
  CHECK_THROWS_AS(copy_(zeros({1}).alias({{3}, {0}, 0}), ones({3})), ArgumentError);
}
