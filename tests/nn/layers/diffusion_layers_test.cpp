// The layers of diffusion models whose models' tests do not show each of their edges.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops/activation.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/shape.h"
#include "nn/layers/cross_attention.h"
#include "nn/layers/downsample2d.h"
#include "nn/layers/group_norm.h"
#include "nn/layers/resnet_block2d.h"
#include "nn/layers/timestep_embedding.h"
#include "nn/layers/upsample2d.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/nn/models/golden_diffusion.h"

namespace papilio::test {

TEST_CASE("get_timestep_embedding: Diffusers' numbers") {
  const auto answers = golden_answers("timesteps");
  const Tensor& t = answers.at("t");
  const auto expect = [&](const char* name, const Tensor& got) {
    CAPTURE(std::string(name));
    // A frequency's last bit is 6e-5 radians at timestep 999.
    CHECK(largest_difference(got, answers.at(name)) < 7e-5);
  };
  expect("default", nn::get_timestep_embedding(t, 32));
  expect("flipped",
         nn::get_timestep_embedding(t, 320, {.flip_sin_to_cos = true, .downscale_freq_shift = 0}));
  expect("odd", nn::get_timestep_embedding(t, 7, {.downscale_freq_shift = 0.5}));
  expect("period", nn::get_timestep_embedding(t, 8, {.max_period = 100}));
}

TEST_CASE("get_timestep_embedding: wrong arguments") {
  CHECK_THROWS_WITH_AS(nn::get_timestep_embedding(zeros({2, 2}), 8),
                       "get_timestep_embedding: expected t of shape (N)", ArgumentError);
  CHECK_THROWS_WITH_AS(nn::get_timestep_embedding(zeros({2}), 2),
                       "get_timestep_embedding: expected a dim of at least 2 and a "
                       "downscale_freq_shift below dim / 2, got 2 and 1",
                       ArgumentError);
}

TEST_CASE("Upsample2D and Downsample2D: sizes, odd ones too") {
  const NoGrad no_grad;
  nn::Upsample2D up(2);
  CHECK(up(zeros({1, 2, 3, 4})).shape() == Dims{1, 2, 6, 8});
  CHECK(up(zeros({1, 2, 3, 4}), Pair(5, 7)).shape() == Dims{1, 2, 5, 7});
  nn::Downsample2D padded(2, 1), behind(2, 0);
  CHECK(padded(zeros({1, 2, 5, 8})).shape() == Dims{1, 2, 3, 4});
  CHECK(behind(zeros({1, 2, 5, 8})).shape() == Dims{1, 2, 2, 4});
  CHECK_THROWS_AS(nn::Downsample2D(2, -1), ArgumentError);
}

TEST_CASE("GroupNorm: groups divide the channels; then_silu is silu of it") {
  const NoGrad no_grad;
  CHECK_THROWS_WITH_AS(nn::GroupNorm(4, 6), "GroupNorm: 6 channels do not divide into 4 groups",
                       ArgumentError);
  nn::GroupNorm norm(2, 4);
  const Tensor x = randn({2, 4, 3, 3});
  CHECK(largest_difference(norm.then_silu(x), silu(norm(x))) < 1e-6);
}

TEST_CASE("CrossAttention: queries of one sequence, keys and values of another") {
  const NoGrad no_grad;
  nn::CrossAttention attention(8, 6, 2);
  const Tensor x = randn({2, 5, 8}), context = randn({2, 3, 6});
  CHECK(attention(x, context).shape() == Dims{2, 5, 8});
  std::vector<std::string> names;
  for (const auto& [name, tensor] : nn::named_parameters(attention)) names.push_back(name);
  CHECK(names == std::vector<std::string>{"to_q.weight", "to_k.weight", "to_v.weight",
                                          "to_out.0.weight", "to_out.0.bias"});
  // One key: every query sees its value alone.
  const Tensor one = attention(x, slice(context, 1, 0, 1));
  const Tensor want = attention.to_out(attention.to_v(slice(context, 1, 0, 1)));
  CHECK(largest_difference(slice(one, 1, 2, 3), want) < 1e-6);
}

TEST_CASE("ResnetBlock2D: no time, and a scale behind the sum") {
  const NoGrad no_grad;
  nn::ResnetBlock2D block({.in_channels = 4, .out_channels = 4, .groups = 2});
  CHECK(block.time_emb_proj == nullptr);
  CHECK(block.conv_shortcut == nullptr);
  const Tensor x = randn({1, 4, 3, 3}), y = block(x);
  block.output_scale_factor = 2;
  CHECK(largest_difference(block(x) * 2, y) < 1e-6);
}

}  // namespace papilio::test
