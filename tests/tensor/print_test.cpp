#include "tensor/print.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>

#include "autograd/backward.h"
#include "tensor/creation.h"

using namespace papilio;

TEST_CASE("print: undefined, 0-d, empty and short tensors take one line") {
  CHECK(str(Tensor()) == "undefined tensor");
  CHECK(str(scalar(3.5)) == "float32 () on cpu: 3.5000");
  CHECK(str(scalar(3, {.dtype = DType::int32})) == "int32 () on cpu: 3");
  CHECK(str(zeros({0, 3})) == "float32 (0, 3) on cpu: []");
  CHECK(str(arange(3)) == "int64 (3) on cpu: [0, 1, 2]");
  CHECK(str(tensor<bool>({true, false})) == "bool (2) on cpu: [ true, false]");
  CHECK(str(leaf(ones({2}))) == "float32 (2) on cpu, requires gradient: [1., 1.]");
}

TEST_CASE("print: columns align, also with NaN and infinity") {
  CHECK(str(tensor<double>({0.1, -2.5, NAN, 1, 3.25, INFINITY}, {2, 3})) ==
        "float64 (2, 3) on cpu:\n"
        "[[ 0.1000, -2.5000,     nan],\n"
        " [ 1.0000,  3.2500,     inf]]");
  CHECK(str(full({2}, -INFINITY)) == "float32 (2) on cpu: [-inf, -inf]");
  CHECK(str(tensor<int32_t>({1, -20, 300, 4}, {2, 2})) ==
        "int32 (2, 2) on cpu:\n"
        "[[  1, -20],\n"
        " [300,   4]]");
}

TEST_CASE("print: whole numbers, halves, exponents for small and large magnitudes") {
  CHECK(str(tensor<Float16>({Float16(0.5f), Float16(65504.f)})) ==
        "float16 (2) on cpu: [    0.5000, 65504.0000]");
  CHECK(str(tensor<BFloat16>({BFloat16(1.f), BFloat16(-2.f)})) ==
        "bfloat16 (2) on cpu: [ 1., -2.]");
  CHECK(str(tensor<float>({1e-7f, 1, -1e9f})) ==
        "float32 (3) on cpu: [ 1.0000e-07,  1.0000e+00, -1.0000e+09]");
  CHECK(str(tensor<double>({0, 5e-324})) == "float64 (2) on cpu: [ 0.0000e+00, 4.9407e-324]");
  CHECK(str(tensor<float>({999999, 1})) == "float32 (2) on cpu: [999999.,      1.]");
  CHECK(str(tensor<float>({1000000, 1})) == "float32 (2) on cpu: [1.0000e+06, 1.0000e+00]");
  CHECK(str(tensor<int64_t>({INT64_MIN, INT64_MAX})) ==
        "int64 (2) on cpu: [-9223372036854775808,  9223372036854775807]");
}

TEST_CASE("print: matrices of a block are divided by an empty line, strides are followed") {
  CHECK(str(arange(8).alias({{2, 2, 2}, {1, 2, 4}, 0})) ==
        "int64 (2, 2, 2) on cpu:\n"
        "[[[0, 4],\n"
        "  [2, 6]],\n"
        "\n"
        " [[1, 5],\n"
        "  [3, 7]]]");
}

TEST_CASE("print: long vectors wrap, big tensors show their ends") {
  CHECK(str(arange(25)) ==
        "int64 (25) on cpu:\n"
        "[ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, "
        "22, 23,\n"
        " 24]");
  CHECK(str(arange(1001)) == "int64 (1001) on cpu: [   0,    1,    2, ...,  998,  999, 1000]");
  const auto x = arange(2100, {.dtype = DType::float32});
  CHECK(str(x.alias(Layout::contiguous({300, 7}))) ==
        "float32 (300, 7) on cpu:\n"
        "[[   0.,    1.,    2., ...,    4.,    5.,    6.],\n"
        " [   7.,    8.,    9., ...,   11.,   12.,   13.],\n"
        " [  14.,   15.,   16., ...,   18.,   19.,   20.],\n"
        " ...,\n"
        " [2079., 2080., 2081., ..., 2083., 2084., 2085.],\n"
        " [2086., 2087., 2088., ..., 2090., 2091., 2092.],\n"
        " [2093., 2094., 2095., ..., 2097., 2098., 2099.]]");
  CHECK(str(x.alias(Layout::contiguous({1050, 2}))).size() < 200);
}

TEST_CASE("print: the magnitudes of hidden elements do not count, eight dimensions stay short") {
  auto x = zeros({2000});
  x.data<float>()[1000] = 1e20f;
  CHECK(str(x) == "float32 (2000) on cpu: [0., 0., 0., ..., 0., 0., 0.]");
  CHECK(str(zeros({3, 3, 3, 3, 3, 3, 3, 3})).size() < 5000);
}
