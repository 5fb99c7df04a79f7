// Computing shapes and memory without values.
#include "tensor/dry_run.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/random.h"

using namespace papilio;

TEST_CASE("dry run: a petabyte has a shape, and takes nothing") {
  const MemoryStats before = memory_stats();
  const DryRun dry;
  const Tensor x = zeros({int64_t(1) << 20, 1024, 1024});
  const Tensor y = softmax(x * x + 1.0, -1);
  CHECK(y.shape() == x.shape());
  CHECK(sum(y).item() == 0);
  CHECK(dry.stats(Device::cpu()).in_use > size_t(1) << 42);
  CHECK(memory_stats().in_use == before.in_use);
  CHECK(memory_stats().allocations == before.allocations);
}

TEST_CASE("dry run: counts what the allocator counts, gradients and freed blocks too") {
  const auto step = [](const Tensor& weight) {
    const Tensor x = ones({30, 40});
    const Tensor loss = mean(layer_norm(gelu(linear(x, weight)), {}, {}, 1e-6) * 2.0);
    backward(loss);
    return loss;
  };
  Tensor weight = leaf(ones({50, 40}));
  empty_cache();
  const MemoryStats before = memory_stats();
  reset_peak_memory();
  Tensor loss = step(weight);
  const MemoryStats after = memory_stats();
  loss = {};
  zero_grad(weight);
  {
    const DryRun dry;
    const Tensor again = step(weight);
    const MemoryStats counted = dry.stats(Device::cpu());
    CHECK(counted.in_use == after.in_use - before.in_use);
    CHECK(counted.peak_in_use == after.peak_in_use - before.in_use);
    CHECK(counted.allocations == after.allocations - before.allocations);
    CHECK(grad(weight).shape() == weight.shape());
    zero_grad(weight);
  }
}

TEST_CASE("dry run: tensors from before keep their values") {
  const Tensor x = ones({3}), y = ones({3});
  {
    const DryRun dry;
    fill_(x, 5);
    copy_(y, zeros({3}));
    CHECK(sum(x).item() == 0);
  }
  CHECK(x.to_vector() == std::vector<float>{1, 1, 1});
  CHECK(y.to_vector() == std::vector<float>{1, 1, 1});
}

TEST_CASE("dry run: its tensors can be read and written while it lasts, and not afterwards") {
  Tensor kept;
  {
    const DryRun dry;
    kept = tensor<float>({1, 2, 3}, {3});
    CHECK(kept.to_vector() == std::vector<float>{1, 2, 3});
    CHECK(rand({2}).to_vector() == std::vector<float>{0, 0});
    CHECK(arange(3).to_vector() == std::vector<float>{0, 1, 2});
  }
  CHECK_FALSE(DryRun::active());
  CHECK_THROWS_WITH_AS(kept.to_vector(), "data: a tensor of a dry run has no values", Error);
  CHECK_THROWS_WITH_AS(sum(kept), "data: a tensor of a dry run has no values", Error);
}

TEST_CASE("dry run: one inside another counts for itself; other threads compute") {
  const DryRun outer;
  const Tensor x = zeros({1024});
  {
    const DryRun inner;
    const Tensor y = zeros({2048});
    CHECK(inner.stats(Device::cpu()).in_use == 8192);
  }
  CHECK(outer.stats(Device::cpu()).in_use == 4096);
  double other = 0;
  std::thread([&] { other = sum(ones({5})).item(); }).join();
  CHECK(other == 5);
}

TEST_CASE("dry run: blocks go by the operation that made them") {
  const DryRun dry;
  const Tensor x = leaf(zeros({16, 16}));
  const Tensor y = softmax(x, -1), z = y * y;
  const auto bytes = dry.in_use_by_operation();
  CHECK(bytes.at("softmax") == 2048);  // x, and y that it computes from x
  CHECK(bytes.at("mul") == 1024);
}
