#include "tensor/creation.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

using namespace papilio;

namespace {

constexpr DType kAll[] = {DType::float32, DType::float64, DType::bfloat16, DType::float16,
                          DType::int64,   DType::int32,   DType::uint8,    DType::boolean};

}  // namespace

TEST_CASE("creation: constants in every dtype") {
  for (const DType dtype : kAll) {
    CAPTURE(dtype);
    CHECK(zeros({2, 2}, {.dtype = dtype}).to_vector() == std::vector<float>(4, 0));
    const auto one = ones({3}, {.dtype = dtype});
    CHECK(one.dtype() == dtype);
    CHECK(one.to_vector() == std::vector<float>(3, 1));
    CHECK(ones_like(one).dtype() == dtype);
    CHECK(zeros_like(one).to_vector() == std::vector<float>(3, 0));
    CHECK(empty_like(one).shape() == Dims{3});
    CHECK(full({2}, 1, {.dtype = dtype}).to_vector() == std::vector<float>(2, 1));
    CHECK(scalar(1, {.dtype = dtype}).item() == 1);
  }
  CHECK(full({2}, 7.9, {.dtype = DType::int32}).to_vector<int32_t>() == std::vector<int32_t>{7, 7});
  CHECK(full({1}, 0.5, {.dtype = DType::boolean}).item<bool>());
  CHECK(std::isnan(full({1}, NAN, {.dtype = DType::float16}).item()));
}

TEST_CASE("arange and linspace") {
  CHECK(arange(4).to_vector<int64_t>() == std::vector<int64_t>{0, 1, 2, 3});
  CHECK(arange(4).dtype() == DType::int64);
  CHECK(arange(3, {.dtype = DType::bfloat16}).to_vector() == std::vector<float>{0, 1, 2});
  CHECK(arange(0).numel() == 0);
  CHECK(arange(258, {.dtype = DType::uint8}).to_vector().back() == 255);  // saturates as copies do
  CHECK(linspace(0, 1, 5).to_vector() == std::vector<float>{0, 0.25, 0.5, 0.75, 1});
  CHECK(linspace(1, -1, 3).to_vector() == std::vector<float>{1, 0, -1});
  CHECK(linspace(3, 9, 1).to_vector() == std::vector<float>{3});
  CHECK(linspace(3, 9, 0).numel() == 0);
  const auto fine = linspace(0, 0.3, 8, {.dtype = DType::float64}).to_vector<double>();
  CHECK(fine.back() == 0.3);
  CHECK_THROWS_WITH_AS(arange(-1), "arange: expected n >= 0, got -1", ArgumentError);
  CHECK_THROWS_WITH_AS(linspace(0, 1, -2), "linspace: expected n >= 0, got -2", ArgumentError);
}

TEST_CASE("eye") {
  CHECK(eye(3).to_vector() == std::vector<float>{1, 0, 0, 0, 1, 0, 0, 0, 1});
  CHECK(eye(0).shape() == Dims{0, 0});
  CHECK(eye(1, {.dtype = DType::boolean}).item<bool>());
}

TEST_CASE("tensor(values): row-major, in the values' own type") {
  const auto x = tensor<int32_t>({1, 2, 3, 4, 5, 6}, {2, 3});
  CHECK(x.dtype() == DType::int32);
  CHECK(x.data<int32_t>()[3] == 4);
  CHECK(tensor<bool>({true, false, true}).to_vector<bool>() ==
        std::vector<bool>{true, false, true});
  CHECK(tensor<double>({}).shape() == Dims{0});
  CHECK(tensor<float>({2}, {}).dim() == 0);
  CHECK_THROWS_WITH_AS(tensor<float>({1, 2, 3}, {2, 2}),
                       "tensor: shape (2, 2) has 4 elements, got 3 values", ArgumentError);
}

TEST_CASE("creation: sizes that are negative, too many or too large") {
  CHECK_THROWS_WITH_AS(empty({2, -1}), "empty: negative size in shape (2, -1)", ArgumentError);
  const int64_t big = int64_t(1) << 32;
  CHECK_THROWS_WITH_AS(empty({big, big}),
                       "empty: shape (4294967296, 4294967296) has more than 2^63 - 1 elements",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(empty({0, big, big}),
                       "empty: shape (0, 4294967296, 4294967296) has more than 2^63 - 1 elements",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(
      empty({big, big / 4}, {.dtype = DType::float64}),
      "empty: shape (4294967296, 1073741824) of float64 needs more than 2^64 bytes",
      OutOfMemoryError);
  CHECK_THROWS_AS(empty({big, big / 8}), OutOfMemoryError);
  CHECK_THROWS_WITH_AS(empty({1, 1, 1, 1, 1, 1, 1, 1, 1}), "tensors have at most 8 dimensions",
                       ArgumentError);
  CHECK(empty({0, big}).numel() == 0);
}
