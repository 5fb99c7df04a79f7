#include "tensor/tensor.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "tensor/copy.h"
#include "tensor/creation.h"

using namespace papilio;

TEST_CASE("tensor: shape, strides, dtype, device and number of elements") {
  const auto x = zeros({2, 3, 4}, {.dtype = DType::float64});
  CHECK(x.defined());
  CHECK(x.dim() == 3);
  CHECK(x.size(1) == 3);
  CHECK(x.size(-1) == 4);
  CHECK(x.numel() == 24);
  CHECK(x.strides() == Dims{12, 4, 1});
  CHECK(x.dtype() == DType::float64);
  CHECK(x.device() == Device::cpu());
  CHECK(x.is_contiguous());
  CHECK_FALSE(x.requires_grad());
  CHECK_THROWS_WITH_AS(x.size(3), "size: dimension 3 is out of range for 3 dimensions",
                       ArgumentError);
}

TEST_CASE("tensor: 0-d and empty ones") {
  const auto s = scalar(2.5);
  CHECK(s.dim() == 0);
  CHECK(s.numel() == 1);
  CHECK(s.to_vector() == std::vector<float>{2.5f});
  const auto e = empty({3, 0, 2});
  CHECK(e.defined());
  CHECK(e.numel() == 0);
  CHECK(e.raw_data() != nullptr);
  CHECK(e.to_vector().empty());
  CHECK(e.is_contiguous());
}

TEST_CASE("tensor: copies of the handle share memory") {
  const auto x = zeros({2});
  const Tensor y = x;
  fill_(y, 3);
  CHECK(x.to_vector() == std::vector<float>{3, 3});
  CHECK(x.detach().raw_data() == x.raw_data());
}

TEST_CASE("tensor: an alias keeps the memory alive") {
  Tensor part;
  {
    const auto x = arange(6);
    part = x.alias(x.layout().slice("slice", 0, 4, 6));
  }
  const auto other = zeros({6}, {.dtype = DType::int64});  // would take the freed block
  CHECK(part.to_vector<int64_t>() == std::vector<int64_t>{4, 5});
  CHECK(part.data<int64_t>()[0] == 4);
  CHECK(part.storage()->bytes() == 48);
}

TEST_CASE("tensor: to_vector follows strides and converts as copies do") {
  const auto x = arange(6, {.dtype = DType::float32}).alias({{3, 2}, {1, 3}, 0});
  CHECK(x.to_vector<int32_t>() == std::vector<int32_t>{0, 3, 1, 4, 2, 5});
  CHECK(arange(1).alias({{3}, {0}, 0}).to_vector() == std::vector<float>{0, 0, 0});
  const auto odd = tensor<float>({1.9f, -1.9f, NAN, 1e30f, -INFINITY, 0.5f});
  using Limits = std::numeric_limits<int64_t>;
  CHECK(odd.to_vector<int64_t>() ==
        std::vector<int64_t>{1, -1, 0, Limits::max(), Limits::min(), 0});
  CHECK(odd.to_vector<bool>() == std::vector<bool>{true, true, true, true, true, true});
  CHECK(tensor<BFloat16>({BFloat16(0.1f)}).to_vector<double>()[0] == 0.10009765625);
  CHECK(tensor<bool>({true, false}).to_vector<double>() == std::vector<double>{1, 0});
}

TEST_CASE("tensor: item is exact for every dtype") {
  CHECK(scalar(0.1, {.dtype = DType::float64}).item() == 0.1);
  CHECK(tensor<int64_t>({std::numeric_limits<int64_t>::max()}, {}).item<int64_t>() ==
        std::numeric_limits<int64_t>::max());
  CHECK(tensor<int64_t>({(int64_t(1) << 53) + 1}).item<int64_t>() == (int64_t(1) << 53) + 1);
  CHECK(scalar(0.5).item<bool>() == true);
  CHECK(scalar(2.75).item<int64_t>() == 2);
  CHECK(scalar(1e30).item<int32_t>() == std::numeric_limits<int32_t>::max());
  CHECK(arange(4).alias({{1, 1}, {7, 9}, 3}).item() == 3);
}

TEST_CASE("tensor: wrong use") {
  CHECK_THROWS_WITH_AS(zeros({2}).item(), "item: expected a tensor with one element, got shape (2)",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(zeros({0}).item(), "item: expected a tensor with one element, got shape (0)",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(Tensor().item(),
                       "item: expected a tensor with one element, got an undefined one",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(zeros({2}).data<double>(),
                       "data: asked for float64 elements of a tensor of float32", ArgumentError);
  CHECK_THROWS_WITH_AS(Tensor().data<float>(), "data: the tensor is undefined", ArgumentError);
  CHECK_THROWS_WITH_AS(Tensor().raw_data(), "data: the tensor is undefined", ArgumentError);
  CHECK_THROWS_WITH_AS(Tensor().to_vector(), "to_vector: the tensor is undefined", ArgumentError);
}

TEST_CASE("tensor: the kernels' view begins at the offset") {
  const auto x = arange(24).alias({{2, 3}, {12, 4}, 5});
  const View v = view(x);
  CHECK(v.rank == 2);
  CHECK(v.dtype == DType::int64);
  CHECK(v.size(-1) == 3);
  CHECK(v.strides[0] == 12);
  CHECK(v.numel() == 6);
  CHECK(*v.as<int64_t>() == 5);
}

TEST_CASE("dtype: PyTorch's names") {
  CHECK(str(DType::float32, ' ', DType::float64, ' ', DType::bfloat16, ' ', DType::float16, ' ',
            DType::int64, ' ', DType::int32, ' ', DType::uint8, ' ',
            DType::boolean) == "float32 float64 bfloat16 float16 int64 int32 uint8 bool");
}
