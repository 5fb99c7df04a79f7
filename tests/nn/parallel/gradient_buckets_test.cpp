#include "nn/parallel/detail/gradient_buckets.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "nn/models/vit.h"
#include "nn/optim/parameter_groups.h"
#include "nn/parallel/detail/sum_in_order.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/nn/models/tiny_vit.h"
#include "tests/nn/parallel/ranks.h"

namespace papilio {

namespace {

TensorOptions here() {
  return {.device = test::rank_device()};
}

// Enough numbers for several buckets.
struct Weights {
  std::vector<Tensor> all;
  Weights() {
    for (int i = 0; i < 6; ++i) all.push_back(leaf(full({20'000}, i + 1, here())));
  }
  void forget() const {
    for (const Tensor& w : all) zero_grad(w);
  }
};

// All elements of a gradient are one number.
double number(const Tensor& w) {
  const std::vector<float> values = grad(w).to_vector();
  CHECK(std::vector<float>(values.size(), values[0]) == values);
  return values[0];
}

// 1 + 2 + ... of the ranks' numbers from 1
double sum_of_ranks() {
  const int n = test::ranks().size();
  return double(n * (n + 1)) / 2;
}

// The ranks, and what this one has given to their sums in the host's memory.
struct Overheard : nn::Communicator {
  nn::Communicator& all = test::ranks();
  std::vector<std::vector<float>> sums;

  int rank() const override { return all.rank(); }
  int size() const override { return all.size(); }
  std::string host(int rank) const override { return all.host(rank); }
  std::string engine() const override { return all.engine(); }
  bool reaches(Device device) const override { return device.is_cpu(); }
  int64_t start(const nn::Collective& c) override {
    const auto* const numbers = static_cast<const float*>(c.to);
    if (c.kind == nn::Collective::Kind::all_reduce) sums.emplace_back(numbers, numbers + c.count);
    return all.start(c);
  }
  void wait(int64_t ticket) override { all.wait(ticket); }
  void set_busy_for(double seconds) override { all.set_busy_for(seconds); }
  void set_patience(double seconds) override { all.set_patience(seconds); }
  bool others_busy() override { return all.others_busy(); }
  std::string fail(const std::string& reason) override { return all.fail(reason); }
  void leave(int code) override { all.leave(code); }
  void finish() override {}
};

}  // namespace

TEST_CASE("parallel: gradients are summed over the ranks, from the second step on in the pass") {
  Weights w;
  nn::GradientBuckets buckets(test::ranks(), w.all);
  const double own = test::ranks().rank() + 1;
  for (int step = 0; step < 3; ++step) {
    w.forget();
    buckets.begin();
    {
      const GradientWatch watch(buckets.watcher());
      Tensor y = zeros({}, here());
      for (size_t i = 0; i < 5; ++i) y = y + sum(w.all[i] * w.all[i]) * own;  // not the last
      backward(y);
    }
    CHECK(buckets.send_rest());
    CHECK(buckets.count() == 6);
    CHECK(buckets.sent_early() == (step == 0 ? 0 : 6));
    buckets.finish(0.5);
    for (size_t i = 0; i < 5; ++i)
      CHECK(number(w.all[i]) == doctest::Approx(double(i + 1) * sum_of_ranks()));
    CHECK(!grad(w.all[5]).defined());
  }
}

TEST_CASE("parallel: buckets leave while the pass runs, and gradients before the pass count too") {
  Weights w;
  nn::GradientBuckets buckets(test::ranks(), w.all);
  const double own = test::ranks().rank() + 1;
  for (int step = 0; step < 2; ++step) {
    w.forget();
    buckets.begin();
    const auto loss = [&] {
      Tensor y = zeros({}, here());
      for (const Tensor& one : w.all) y = sum(one) * own + y;
      return y;
    };
    backward(loss());
    const GradientWatch watch(buckets.watcher());
    backward(loss());
    CHECK(buckets.send_rest());
    buckets.finish(1);
    for (const Tensor& one : w.all) CHECK(number(one) == 2 * sum_of_ranks());
  }
  CHECK(buckets.sent_early() == 6);
}

TEST_CASE(
    "parallel: all of a model's gradients leave early, in whatever order an optimiser has them") {
  manual_seed(3);
  nn::ViTConfig config = test::tiny_vit_config();
  config.hidden_size = 64;
  config.intermediate_size = 256;
  config.num_hidden_layers = 3;
  nn::ViTForImageClassification model(config);
  nn::to(model, test::rank_device());
  // Biases and norms of all layers stand behind all weights.
  std::vector<Tensor> parameters;
  for (const auto& group : nn::parameter_groups(model, {}))
    parameters.insert(parameters.end(), group.parameters.begin(), group.parameters.end());
  nn::GradientBuckets buckets(test::ranks(), parameters);
  const Tensor images = randn({2, 1, 8, 8}, here());
  size_t half_way = 0;
  for (int step = 0; step < 2; ++step) {
    for (const Tensor& p : parameters) zero_grad(p);
    buckets.begin();
    size_t came = 0;
    const GradientArrived arrived = buckets.watcher();
    const GradientWatch watch([&](const Node* leaf, const Tensor& sum, int64_t arrivals) {
      arrived(leaf, sum, arrivals);
      if (++came == parameters.size() / 2) half_way = buckets.sent();
    });
    backward(sum(model(images)));
    CHECK(buckets.send_rest());
    buckets.finish(1);
  }
  CHECK(buckets.count() >= 6);
  CHECK(buckets.sent_early() == buckets.count());
  CHECK(half_way * 3 >= buckets.count());
}

TEST_CASE("parallel: a rank without samples takes part, with no gradient of its own") {
  Weights w;
  nn::Communicator& ranks = test::ranks();
  nn::GradientBuckets buckets(ranks, w.all);
  for (int step = 0; step < 3; ++step) {
    w.forget();
    buckets.begin();
    if (ranks.rank() == ranks.size() - 1) {
      const GradientWatch watch(buckets.watcher());
      Tensor y = zeros({}, here());
      for (const Tensor& one : w.all) y = sum(one) + y;
      backward(y);
    }
    CHECK(buckets.send_rest());
    buckets.finish(1);
    for (const Tensor& one : w.all) CHECK(number(one) == 1);
  }
}

TEST_CASE("parallel: a run that goes on sends the same messages, even without samples at rank 0") {
  Overheard ranks;
  // Several in each bucket, and not in the order in which their gradients come.
  std::vector<Tensor> weights;
  for (int i = 0; i < 12; ++i) weights.push_back(leaf(full({5'000}, 1, here())));
  const auto step = [&](nn::GradientBuckets& buckets, uint64_t number, bool has_samples) {
    for (const Tensor& w : weights) zero_grad(w);
    ranks.sums.clear();
    buckets.begin();
    if (has_samples) {
      const GradientWatch watch(buckets.watcher());
      Generator generator(100 * number + uint64_t(ranks.rank()));
      Tensor y = zeros({}, here());
      for (size_t i = 0; i < weights.size(); ++i)
        y = y + sum(weights[5 * i % 12] * uniform({5'000}, 0.1, 1, here(), generator));
      backward(y);
    }
    CHECK(buckets.send_rest());
    buckets.finish(1);
    return ranks.sums;
  };
  nn::GradientBuckets whole(ranks, weights), resumed(ranks, weights);
  CHECK(!step(whole, 0, true).empty());
  CHECK(whole.count() > 1);
  CHECK(whole.count() < weights.size());
  // A step without samples at any rank has no order.
  CHECK(step(resumed, 0, false).empty());
  CHECK(resumed.count() == 0);
  const bool has_samples = ranks.rank() == ranks.size() - 1;
  // The same messages are summed.
  for (const bool all : {false, true}) {
    const auto want = step(whole, 1 + uint64_t(all), all || has_samples);
    CHECK(step(resumed, 1 + uint64_t(all), all || has_samples) == want);
  }
}

TEST_CASE("parallel: a gradient that comes after its bucket has left sends all once more") {
  Weights w;
  nn::Communicator& ranks = test::ranks();
  nn::GradientBuckets buckets(ranks, w.all);
  for (int step = 0; step < 3; ++step) {
    w.forget();
    buckets.begin();
    {
      const GradientWatch watch(buckets.watcher());
      Tensor y = zeros({}, here());
      for (const Tensor& one : w.all) y = sum(one) + y;
      if (step == 2 && ranks.rank() == 0) y = y + sum(w.all[5] * 3);
      backward(y);
    }
    const bool good = buckets.send_rest();
    CHECK(good == !(step == 2 && ranks.rank() == 0));
    if (step == 2) buckets.again();
    buckets.finish(1);
    CHECK(number(w.all[4]) == ranks.size());
    CHECK(number(w.all[5]) == ranks.size() + (step == 2 ? 3 : 0));
  }
}

TEST_CASE("parallel: gradients that travel as bfloat16 are rounded, the same at all ranks") {
  Weights w;
  nn::Communicator& ranks = test::ranks();
  nn::GradientBuckets buckets(ranks, w.all, DType::bfloat16);
  buckets.begin();
  Generator generator(uint64_t(ranks.rank()));
  const Tensor factors = uniform({20'000}, 0.5, 1, here(), generator);
  backward(sum(w.all[2] * factors));
  CHECK(buckets.send_rest());
  buckets.finish(1);
  std::vector<float> want = factors.to_vector();
  ranks.all_reduce(std::span(want));
  const std::vector<float> got = grad(w.all[2]).to_vector();
  double worst = 0;
  for (size_t i = 0; i < got.size(); ++i)
    worst = std::max(worst, std::abs(double(got[i]) - want[i]) / want[i]);
  CHECK(worst < 0.004 * ranks.size());
  CHECK(worst > 1e-5);
  std::vector<float> first = got;
  ranks.broadcast(std::span(first));
  CHECK(first == got);
  CHECK(!grad(w.all[0]).defined());
}

TEST_CASE("parallel: parameters of another dtype are refused") {
  CHECK_THROWS_WITH_AS(
      nn::GradientBuckets(test::ranks(), {leaf(ones({2}, {.dtype = DType::float64}))}),
      "data-parallel training: expected float32 parameters, got float64", ArgumentError);
}

TEST_CASE("parallel: sums in order have the same bits on any number of ranks") {
  nn::Communicator& ranks = test::ranks();
  for (const int64_t count : {3, 4, 7}) {
    // More than travel at a time, and no multiple of the ranks.
    for (const size_t length : {size_t(1), size_t(10), (size_t(1) << 20) + 5}) {
      const auto part = [&](int64_t p) {
        std::vector<float> values(length);
        for (size_t i = 0; i < length; ++i)
          values[i] = 1 / float(1 + (i * 7 + size_t(p) * 13) % 1009);
        return values;
      };
      std::vector<float> want = part(0);
      for (int64_t p = 1; p < count; ++p) {
        const std::vector<float> next = part(p);
        for (size_t i = 0; i < length; ++i) want[i] += next[i];
      }
      const nn::PartRange own = nn::parts_of_rank(count, ranks.rank(), ranks.size());
      std::vector<std::vector<float>> parts;
      for (int64_t p = own.begin; p < own.end; ++p) parts.push_back(part(p));
      std::vector<float> sum(length);
      std::vector<const float*> begins;
      begins.reserve(parts.size());
      for (const std::vector<float>& one : parts) begins.push_back(one.data());
      nn::sum_in_order(ranks, count, begins, sum);
      CHECK(sum == want);
    }
  }
}

}  // namespace papilio
