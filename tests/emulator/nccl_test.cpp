// Ranks with a device each, and NCCL between them.
#include "nn/parallel/nccl.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "nn/parallel/detail/gradient_buckets.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/emulator/nccl_faults.h"
#include "tests/emulator/thread_ranks.h"

namespace papilio::test {

namespace {

using nn::Collective;
using nn::Communicator;

// doctest's checks are one thread's at a time.
std::mutex checking;

int64_t start_sum(Communicator& c, const Tensor& x) {
  return c.start({.kind = Collective::Kind::all_reduce,
                  .to = x.raw_data(),
                  .count = x.numel(),
                  .dtype = x.dtype(),
                  .device = x.device()});
}

// With NCCL, on device r of rank r.
void on_devices(int size, const std::function<void(Communicator&, Device)>& f) {
  const std::string failure = in_thread_ranks(size, [&](std::unique_ptr<Communicator> host) {
    const Device device = Device::cuda(host->rank());
    std::string why;
    const auto ranks = nn::with_nccl(std::move(host), device, why);
    check(why.empty(), why);
    f(*ranks, device);
  });
  CHECK(failure == "");
  CHECK(emulator::nccl_communicators() == 0);
}

}  // namespace

TEST_CASE("nccl: sums of the devices' memory, several at a time, of each dtype") {
  for (const int size : {1, 2, 3}) {
    on_devices(size, [&](Communicator& ranks, Device device) {
      for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16}) {
        std::vector<Tensor> all;
        int64_t last = 0;
        for (int i = 0; i < 5; ++i) {
          // Filled on the device's own stream, before and not after the sum.
          all.push_back(full({100 + i}, ranks.rank() + i, {.dtype = dtype, .device = device}));
          last = start_sum(ranks, all.back());
        }
        CHECK(last < 0);
        ranks.wait(last);
        const std::lock_guard lock(checking);
        for (int i = 0; i < 5; ++i) {
          const int of_ranks = size * (size - 1) / 2;
          const auto want = float(size * i + of_ranks);
          CHECK(all[size_t(i)].to_vector() == std::vector<float>(size_t(100 + i), want));
        }
      }
      // The host's exchanges go on beside.
      CHECK(ranks.max(ranks.rank()) == size - 1);
      CHECK(ranks.reaches(device));
      CHECK(ranks.reaches(Device::cpu()));
      CHECK(!ranks.reaches(Device::cuda(device.index + 1)));
      CHECK(ranks.engine() == "threads, NCCL 2.21.5");
      ranks.finish();
    });
  }
}

TEST_CASE("nccl: gradients are summed on the devices, in buckets and while the pass runs") {
  for (const DType travel : {DType::float32, DType::bfloat16}) {
    on_devices(2, [&](Communicator& ranks, Device device) {
      std::vector<Tensor> weights;
      weights.reserve(5);
      for (int i = 0; i < 5; ++i) weights.push_back(leaf(full({9'000}, i + 1, {.device = device})));
      nn::GradientBuckets buckets(ranks, weights, travel);
      const double own = ranks.rank() + 1;
      for (int step = 0; step < 3; ++step) {
        for (const Tensor& w : weights) zero_grad(w);
        buckets.begin();
        {
          const GradientWatch watch(buckets.watcher());
          Tensor y = zeros({}, {.device = device});
          for (size_t i = 0; i < 4; ++i)
            y = y + sum(weights[i] * weights[i]) * own;  // not the last
          backward(y);
        }
        const bool good = buckets.send_rest();
        buckets.finish(0.5);
        const std::lock_guard lock(checking);
        CHECK(good);
        CHECK(buckets.count() == 5);
        CHECK(buckets.sent_early() == (step == 0 ? 0 : 5));
        for (size_t i = 0; i < 4; ++i) {
          CHECK(grad(weights[i]).device() == device);
          CHECK(grad(weights[i]).to_vector() ==
                std::vector<float>(9'000, float(double(i + 1) * 3)));
        }
        CHECK(!grad(weights[4]).defined());
      }
      ranks.finish();
    });
  }
}

TEST_CASE("nccl: without it at one rank, sums of all go through the host, and why is said") {
  const auto why_of = [](int size, const std::function<Device(int)>& device_of) {
    std::string said;
    in_thread_ranks(size, [&](std::unique_ptr<Communicator> host) {
      const int rank = host->rank();
      std::string why;
      const auto ranks = nn::with_nccl(std::move(host), device_of(rank), why);
      const std::lock_guard lock(checking);
      CHECK(ranks->engine() == "threads");
      CHECK(!ranks->reaches(Device::cuda(0)));
      if (rank == 0) said = why;
    });
    return said;
  };
  CHECK(why_of(3, [](int) { return Device::cuda(0); }) == "rank 1 on here: has cuda:0 with rank 0");
  CHECK(why_of(2, [](int rank) { return rank == 0 ? Device::cuda(0) : Device::cpu(); }) ==
        "rank 1 on here: computes on the CPU");
  emulator::hide_nccl(true);
  CHECK(why_of(2, [](int rank) { return Device::cuda(rank); }) ==
        "rank 0 on here: NCCL is not where the loader looks");
  emulator::hide_nccl(false);
  CHECK(emulator::nccl_communicators() == 0);
}

TEST_CASE("nccl: a rank that does not come, that fails, or whose connection breaks ends the wait") {
  // What rank 0 hears while it waits for a sum that rank 1 never begins.
  const auto heard = [](const std::function<void(Communicator&)>& rank_1) {
    std::string what;
    in_thread_ranks(2, [&](std::unique_ptr<Communicator> host) {
      const Device device = Device::cuda(host->rank());
      std::string why;
      const auto ranks = nn::with_nccl(std::move(host), device, why);
      const Tensor x = ones({3}, {.device = device});
      if (ranks->rank() == 1) return rank_1(*ranks);
      ranks->set_patience(0.3);
      try {
        ranks->wait(start_sum(*ranks, x));
      } catch (const nn::RankError& e) {
        what = e.what();
      }
    });
    return what;
  };
  CHECK(heard([](Communicator&) {}) ==
        "rank 0 of 2 on here: NCCL: a sum has not come in 0.3 seconds");
  CHECK(heard([](Communicator& ranks) { ranks.fail("rank 1 of 2 on here: out of memory"); }) ==
        "rank 1 of 2 on here: out of memory");
  CHECK(heard([](Communicator&) { emulator::break_nccl(true); }) ==
        "rank 0 of 2 on here: NCCL: a sum: remote process exited or there was a network error");
  emulator::break_nccl(false);
  CHECK(emulator::nccl_communicators() == 0);
}

TEST_CASE("nccl: what it cannot sum is refused") {
  on_devices(1, [&](Communicator& ranks, Device device) {
    const Tensor whole = zeros({2}, {.dtype = DType::int64, .device = device});
    CHECK_THROWS_WITH_AS(start_sum(ranks, whole),
                         "rank 0 of 1 on here: NCCL: expected sums of float32, float64 or bfloat16",
                         nn::RankError);
    CHECK_THROWS_AS(ranks.start({.kind = Collective::Kind::broadcast,
                                 .to = whole.raw_data(),
                                 .count = 1,
                                 .device = device}),
                    ArgumentError);
    ranks.finish();
  });
}

}  // namespace papilio::test
