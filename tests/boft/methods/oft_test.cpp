// OFT's layer: shapes that move, the constraint, dropout; its mathematics is golden_test's.
#include "boft/methods/oft.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "autograd/gradcheck.h"
#include "autograd/ops.h"
#include "boft/model/model.h"
#include "boft/ops/butterfly_rotation.h"
#include "nn/layers/embedding.h"
#include "nn/layers/linear.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/autograd/op_case.h"

namespace papilio::test {

using boft::OftConfig;
using boft::OftLayer;

namespace {

OftLayer make(const nn::AdaptableLayer& layer, const OftConfig& config) {
  std::vector<std::string> warnings;
  OftLayer oft("layer", layer, config, warnings);
  CHECK(warnings.empty());
  return oft;
}

// How many of the N blocks are the identity.
int64_t identities(const Tensor& q) {
  const Tensor one = eye(q.size(-1));
  int64_t count = 0;
  for (int64_t n = 0; n < q.size(1); ++n)
    count += select(select(q, 0, 0), 0, n).to_vector<float>() == one.to_vector<float>();
  return count;
}

}  // namespace

TEST_CASE("oft: a size that does not divide moves to the nearest divisor, with a warning") {
  struct Case {
    int64_t d, r, size, blocks, block_size;
    const char* warning;
  };
  for (const Case& c :
       {Case{12, 0, 4, 3, 4, ""}, Case{12, 3, 0, 3, 4, ""},
        Case{12, 0, 5, 3, 4, "at: invalid oft_block_size 5 for 12 inputs; adjusted to 4"},
        // 8 and 16 are as near to 12: the lower one
        Case{16, 0, 12, 2, 8, "at: invalid oft_block_size 12 for 16 inputs; adjusted to 8"},
        Case{16, 0, 13, 1, 16, "at: invalid oft_block_size 13 for 16 inputs; adjusted to 16"},
        Case{16, 0, 32, 1, 16, "at: invalid oft_block_size 32 for 16 inputs; adjusted to 16"},
        Case{10, 4, 0, 5, 2, "at: invalid r 4 for 10 inputs; adjusted to 5"},
        Case{7, 3, 0, 1, 7, "at: invalid r 3 for 7 inputs; adjusted to 1"}}) {
    CAPTURE(c.d);
    std::vector<std::string> warnings;
    const auto shape = boft::oft_shape("at", c.d, {.r = c.r, .oft_block_size = c.size}, warnings);
    CHECK(shape.blocks == c.blocks);
    CHECK(shape.block_size == c.block_size);
    CHECK((warnings.empty() ? "" : warnings.at(0)) == std::string(c.warning));
  }
}

TEST_CASE("oft: parameters as PEFT stores them, zero at the start") {
  const nn::Linear linear(12, 5);
  const OftLayer own = make(linear, {.oft_block_size = 4});
  CHECK(own.oft_R.shape() == Dims{3, 6});
  CHECK(own.oft_R.to_vector<float>() == std::vector<float>(18));
  CHECK(make(linear, {.oft_block_size = 4, .block_share = true}).oft_R.shape() == Dims{1, 6});
  CHECK(make(linear, {.oft_block_size = 1}).oft_R.shape() == Dims{12, 0});
}

TEST_CASE("oft: gradients of every kind of layer, exact and by the series") {
  const nn::Linear linear(8, 5);
  const nn::Embedding table(6, 8);
  for (const bool series : {false, true})
    for (const bool share : {false, true}) {
      CAPTURE(series);
      CAPTURE(share);
      OftLayer at_linear =
          make(linear, {.oft_block_size = 4, .block_share = share, .use_cayley_neumann = series});
      OftLayer at_table =
          make(table, {.oft_block_size = 4, .block_share = share, .use_cayley_neumann = series});
      const Tensor upper = uniform64({share ? 1 : 2, 6}, -0.3, 0.3), w = uniform64({5, 8});
      CHECK(gradcheck(
          [&](const Tensors& in) {
            at_linear.oft_R = in[1];
            return at_linear.linear(in[0], {w, {}}, in[2]);
          },
          {uniform64({7, 8}), upper, uniform64({5})}));
      for (OftLayer* at : {&at_linear, &at_table})
        CHECK(gradcheck(
            [&](const Tensors& in) {
              at->oft_R = in[0];
              return at->weight(w, false);
            },
            {upper}));
    }
}

TEST_CASE("oft: coft clips each block in place to eps / sqrt(blocks), others stay bit for bit") {
  const Tensor upper = copy_of(uniform64({4, 3}, -1, 1), DType::float32);
  fill_(upper.alias(upper.layout().select("test", 0, 2)), 1e-3);
  const auto before = upper.to_vector<float>();
  boft::clip_blocks(upper, 0.1);
  const auto after = upper.to_vector<float>();
  for (size_t n = 0; n < 4; ++n) {
    double was = 0, is = 0;
    for (size_t k = 0; k < 3; ++k) {
      was += 2 * std::pow(before[3 * n + k], 2);
      is += 2 * std::pow(after[3 * n + k], 2);
    }
    if (n == 2) {
      for (size_t k = 0; k < 3; ++k) CHECK(after[3 * n + k] == before[3 * n + k]);
      continue;
    }
    CHECK(std::sqrt(is) == doctest::Approx(0.05));
    for (size_t k = 0; k < 3; ++k)
      CHECK(after[3 * n + k] == doctest::Approx(before[3 * n + k] * 0.05 / std::sqrt(was)));
  }
  // A layer does it before each forward pass; without coft never.
  const nn::Linear linear(12, 5);
  for (const bool coft : {false, true}) {
    OftLayer oft =
        make(linear, {.oft_block_size = 3, .coft = coft, .eps = 0.1, .init_weights = false});
    const auto start = oft.oft_R.to_vector<float>();
    oft.linear(ones({2, 12}), {linear.weight.detach(), {}}, {});
    CHECK((oft.oft_R.to_vector<float>() == start) == !coft);
  }
}

TEST_CASE("oft: module_dropout replaces int(p N) blocks in training, none of a shared block") {
  const nn::Linear linear(40, 5);
  manual_seed(3);
  OftLayer oft = make(linear, {.oft_block_size = 4, .module_dropout = 0.35, .init_weights = false});
  CHECK(identities(oft.rotations(true)) == 3);
  CHECK(identities(oft.rotations(false)) == 0);
  OftLayer shared = make(
      linear,
      {.oft_block_size = 4, .module_dropout = 0.35, .block_share = true, .init_weights = false});
  CHECK(identities(shared.rotations(true)) == 0);
}

}  // namespace papilio::test
