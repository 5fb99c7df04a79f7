// Layers with a form of their own: transposed storage, padding taken from the image.
#include <doctest/doctest.h>

#include <vector>

#include "autograd/ops.h"
#include "nn/layers/conv1d.h"
#include "nn/layers/conv2d.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/autograd/op_case.h"
#include "tests/compare.h"

namespace papilio::test {

TEST_CASE("Conv1D: y = x W + b with W (in, out), names and sizes as in GPT-2") {
  nn::Conv1D layer(3, 2);
  CHECK(layer.weight.shape() == Dims{2, 3});
  copy_(layer.weight, tensor<float>({1, 2, 3, 4, 5, 6}, {2, 3}));
  copy_(layer.bias, tensor<float>({10, 20, 30}));
  CHECK(layer(tensor<float>({1, -1, 2, 0}, {2, 2})).to_vector<float>() ==
        std::vector<float>{7, 17, 27, 12, 24, 36});
  CHECK(layer.adapted_inputs() == 2);
  CHECK(layer.adapted_outputs() == 3);
  CHECK(layer.describe() == "Conv1D(2 -> 3)");
}

TEST_CASE("Conv2d: padding modes see what PyTorch's see") {
  // One row a b c d of an image; a 1x1 kernel with padding 2 shows the padded row.
  const auto row = [](nn::PaddingMode mode) {
    nn::Conv2d layer(1, 1, {1, 1}, {.padding = {0, 2}}, false, mode);
    fill_(layer.weight, 1);
    return layer(tensor<float>({1, 2, 3, 4}, {1, 1, 1, 4})).to_vector<float>();
  };
  CHECK(row(nn::PaddingMode::zeros) == std::vector<float>{0, 0, 1, 2, 3, 4, 0, 0});
  CHECK(row(nn::PaddingMode::reflect) == std::vector<float>{3, 2, 1, 2, 3, 4, 3, 2});
  CHECK(row(nn::PaddingMode::replicate) == std::vector<float>{1, 1, 1, 2, 3, 4, 4, 4});
  CHECK(row(nn::PaddingMode::circular) == std::vector<float>{3, 4, 1, 2, 3, 4, 1, 2});
}

TEST_CASE("Conv2d: padding modes keep stride, dilation and both directions") {
  for (const nn::PaddingMode mode :
       {nn::PaddingMode::reflect, nn::PaddingMode::replicate, nn::PaddingMode::circular}) {
    nn::Conv2d layer(2, 3, {3, 2}, {.stride = {2, 1}, .padding = {2, 1}, .dilation = {1, 2}}, true,
                     mode);
    nn::Conv2d shows(2, 2, {1, 1}, {.padding = {2, 1}, .groups = 2}, false, mode);
    fill_(shows.weight, 1);
    const Tensor x = copy_of(uniform64({2, 2, 5, 6}), DType::float32);
    const Tensor padded = shows(x);
    CHECK(padded.shape() == Dims{2, 2, 9, 8});
    CHECK(largest_difference(
              layer(x).to_vector<double>(),
              conv2d(padded, layer.weight, layer.bias, {.stride = {2, 1}, .dilation = {1, 2}})
                  .to_vector<double>()) < 1e-6);
  }
}

TEST_CASE("Conv2d: a padding wider than the image allows") {
  nn::Conv2d mirrored(1, 1, {1, 1}, {.padding = 3}, false, nn::PaddingMode::reflect);
  CHECK_THROWS_WITH(mirrored(zeros({1, 1, 3, 8})),
                    "Conv2d: a padding of 3 is too wide for a side of 3 in this padding mode");
  nn::Conv2d wrapped(1, 1, {1, 1}, {.padding = 3}, false, nn::PaddingMode::circular);
  CHECK(wrapped(zeros({1, 1, 3, 8})).shape() == Dims{1, 1, 9, 14});
}

}  // namespace papilio::test
