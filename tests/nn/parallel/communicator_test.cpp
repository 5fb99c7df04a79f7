// The exchanges, on as many ranks as a launcher started (tests/meson.build: one, two and three).
#include "nn/parallel/communicator.h"

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "nn/parallel/mpi.h"
#include "tests/nn/parallel/ranks.h"

namespace papilio {

using nn::Collective;
using nn::Communicator;

TEST_CASE("parallel: ranks have numbers, hosts and an engine") {
  Communicator& c = test::ranks();
  CHECK(c.rank() >= 0);
  CHECK(c.rank() < c.size());
  const auto launch = nn::find_launch();
  CHECK(c.size() == (launch ? launch->size : 1));
  CHECK(!c.host(c.size() - 1).empty());
  CHECK(c.engine().starts_with("one process") == !launch.has_value());
}

TEST_CASE("parallel: broadcast gives all the root's values, whatever the root") {
  Communicator& c = test::ranks();
  for (int root = 0; root < c.size(); ++root) {
    std::vector<float> values(1001, float(c.rank()));
    c.broadcast(std::span(values), root);
    CHECK(values == std::vector<float>(1001, float(root)));
  }
  CHECK(c.broadcast("of rank " + std::to_string(c.rank())) == "of rank 0");
  CHECK(c.broadcast(std::string()) == "");
}

TEST_CASE("parallel: all_reduce adds, of either type and any length") {
  Communicator& c = test::ranks();
  const int n = c.size();
  for (const size_t length : {size_t(0), size_t(1), size_t(7), size_t(100'003)}) {
    std::vector<float> floats(length);
    std::vector<double> doubles(length);
    for (size_t i = 0; i < length; ++i) {
      floats[i] = float(i % 1000) + float(c.rank());
      doubles[i] = 1e-9 * double(i) + double(c.rank());
    }
    c.all_reduce(std::span(floats));
    c.all_reduce(std::span(doubles));
    bool right = true;
    const int ranks_sum = n * (n - 1) / 2;
    for (size_t i = 0; i < length; ++i) {
      right = right && floats[i] == float(n) * float(i % 1000) + float(ranks_sum);
      right = right && std::abs(doubles[i] - (1e-9 * double(i) * n + ranks_sum)) < 1e-12;
    }
    CHECK(right);
  }
}

TEST_CASE("parallel: all_gather keeps each rank's text, empty ones and those of other lengths") {
  Communicator& c = test::ranks();
  const auto text = [](int rank) { return std::string(size_t(rank) * 5, char('a' + rank)); };
  const std::vector<std::string> all = c.all_gather(text(c.rank()));
  REQUIRE(int(all.size()) == c.size());
  for (int r = 0; r < c.size(); ++r) CHECK(all[size_t(r)] == text(r));
  CHECK(c.max(c.rank() == c.size() / 2 ? 1000 : -c.rank()) == 1000);
  CHECK(c.max(-5) == -5);
}

TEST_CASE("parallel: all_to_all gives each rank its row of all") {
  Communicator& c = test::ranks();
  const auto n = size_t(c.size());
  std::vector<int64_t> from(3 * n), to(3 * n);
  for (size_t i = 0; i < from.size(); ++i) from[i] = c.rank() * 1000 + int64_t(i);
  c.wait(c.start({.kind = Collective::Kind::all_to_all,
                  .from = from.data(),
                  .to = to.data(),
                  .count = 3,
                  .dtype = DType::int64}));
  for (size_t r = 0; r < n; ++r) {
    for (size_t i = 0; i < 3; ++i)
      CHECK(to[3 * r + i] == int64_t(r * 1000) + int64_t(3 * size_t(c.rank()) + i));
  }
}

TEST_CASE("parallel: exchanges that were begun one after another are all there at the last's end") {
  Communicator& c = test::ranks();
  std::vector<std::shared_ptr<std::vector<float>>> buckets;
  int64_t last = 0;
  for (int b = 0; b < 20; ++b) {
    buckets.push_back(std::make_shared<std::vector<float>>(5000 + b, float(b)));
    std::vector<float>& values = *buckets.back();
    last = c.start({.kind = Collective::Kind::all_reduce,
                    .to = values.data(),
                    .count = int64_t(values.size()),
                    .dtype = DType::float32,
                    .keep = buckets.back()});
  }
  c.wait(last);
  for (int b = 0; b < 20; ++b)
    CHECK(*buckets[size_t(b)] == std::vector<float>(size_t(5000 + b), float(b * c.size())));
  c.barrier();
}

TEST_CASE("parallel: whoever waits by other means hears whether another rank is busy") {
  Communicator& c = test::ranks();
  const int last = c.size() - 1;
  c.barrier();
  if (c.rank() == last) c.set_busy(true);
  c.barrier();
  const auto wait_until = [&](bool busy) {
    while (c.others_busy() != busy) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  };
  // A failure is a wait without end.
  if (c.rank() != last) wait_until(true);
  CHECK((c.rank() != last || !c.others_busy()));
  c.barrier();
  if (c.rank() == last) c.set_busy(false);
  c.barrier();
  if (c.rank() != last) wait_until(false);
  c.barrier();
  // For a while only.
  if (c.rank() == last) c.set_busy_for(3);
  c.barrier();
  if (c.rank() != last) wait_until(true);
  if (c.rank() != last) wait_until(false);
  c.barrier();
}

TEST_CASE("parallel: a rank that was busy for longer than the others' patience may come later") {
  Communicator& c = test::ranks();
  if (c.size() == 1) return;
  const bool last = c.rank() == c.size() - 1;
  const auto pass = [](int milliseconds) {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  };
  c.set_patience(2);
  c.barrier();
  if (last) {
    c.set_busy(true);
    pass(3500);
    c.set_busy(false);
    pass(1900);
  }
  c.barrier();  // throws if it is taken to hang
  c.set_patience(60);
  CHECK(c.max(c.rank()) == c.size() - 1);
}

TEST_CASE("parallel: all_reduce gives every rank the same bits") {
  Communicator& c = test::ranks();
  std::vector<float> values(50'000);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = 1 / (float(i) + 1.7f * float(c.rank()) + 0.3f);
  c.all_reduce(std::span(values));
  std::vector<float> first = values;
  c.broadcast(std::span(first), 0);
  CHECK(values == first);
}

}  // namespace papilio
