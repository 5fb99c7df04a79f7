// Ranks with a device each, and NCCL between them.
#include "nn/parallel/nccl.h"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <latch>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "nn/parallel/detail/gradient_buckets.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/emulator/device.h"
#include "tests/emulator/nccl_faults.h"
#include "tests/emulator/streams.h"
#include "tests/emulator/thread_ranks.h"

namespace papilio::test {

namespace {

using emulator::NcclFault;
using nn::Collective;
using nn::Communicator;

// doctest's checks are one thread's at a time.
std::mutex checking;

int64_t start_sum(Communicator& c, const Tensor& x) {
  return c.start({.kind = Collective::Kind::all_reduce,
                  .to = x.raw_data(),
                  .count = x.numel(),
                  .dtype = x.dtype(),
                  .device = x.device(),
                  .keep = x.storage()});
}

// With NCCL, on device r of rank r.
void on_devices(int size, const std::function<void(Communicator&, Device)>& f) {
  const std::string failure = in_thread_ranks(size, [&](std::unique_ptr<Communicator> host) {
    const Device device = Device::cuda(host->rank());
    const std::string why = nn::add_nccl(host, device, 60);
    check(why.empty(), why);
    f(*host, device);
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
      const std::string why = nn::add_nccl(host, device_of(rank), 60);
      const std::lock_guard lock(checking);
      CHECK(host->engine() == "threads");
      CHECK(!host->reaches(Device::cuda(0)));
      if (rank == 0) said = why;
    });
    return said;
  };
  CHECK(why_of(3, [](int) { return Device::cuda(0); }) == "rank 1 on here: has the GPU of rank 0");
  CHECK(why_of(2, [](int rank) { return rank == 0 ? Device::cuda(0) : Device::cpu(); }) ==
        "rank 1 on here: computes on the CPU");
  emulator::set_nccl_fault(NcclFault::hidden);
  CHECK(why_of(2, [](int rank) { return Device::cuda(rank); }) ==
        "rank 0 on here: NCCL is not where the loader looks");
  emulator::set_nccl_fault(NcclFault::none);
  CHECK(emulator::nccl_communicators() == 0);
}

TEST_CASE("nccl: ranks that all see their GPU as the first have one each") {
  const std::string failure = in_thread_ranks(3, [](std::unique_ptr<Communicator> host) {
    emulator::see_devices_from(host->rank());
    const std::string why = nn::add_nccl(host, Device::cuda(0), 60);
    {
      const std::lock_guard lock(checking);
      CHECK(why == "");
      CHECK(host->engine() == "threads, NCCL 2.21.5");
    }
    host->finish();
  });
  CHECK(failure == "");
}

TEST_CASE(
    "nccl: when joining fails, the ranks still hear of each other, and nothing is left over") {
  // The line that is printed.
  const auto failure_of = [](NcclFault fault, double patience) {
    emulator::set_nccl_fault(fault);
    std::string failure = in_thread_ranks(2, [&](std::unique_ptr<Communicator> host) {
      const Device device = Device::cuda(host->rank());
      ones({3}, {.device = device}).to_vector();  // the device's own stream and events
      try {
        nn::add_nccl(host, device, patience);
      } catch (const Error&) {
        check(host != nullptr && host->engine() == "threads", "the ranks are gone");
        throw;
      }
    });
    emulator::set_nccl_fault(NcclFault::none);
    return failure;
  };
  const std::string system_error =
      ": unhandled system error (run with NCCL_DEBUG=INFO for details)";
  CHECK(failure_of(NcclFault::id, 60) == "rank 0 of 2 on here: NCCL: an id" + system_error);
  const int streams = emulator::streams_alive(), events = emulator::events_alive();
  CHECK(failure_of(NcclFault::beginning, 60) ==
        "rank 1 of 2 on here: NCCL: the beginning" + system_error);
  CHECK(failure_of(NcclFault::absent, 0.3)
            .ends_with(" of 2 on here: NCCL: another rank has not come in 0.3 seconds"));
  CHECK(emulator::nccl_communicators() == 0);
  CHECK(emulator::streams_alive() == streams);
  CHECK(emulator::events_alive() == events);
}

TEST_CASE("nccl: a rank that does not come, that fails, or whose connection breaks ends the wait") {
  // What is printed when rank 0 waits for a sum that rank 1 never begins.
  const auto failure_of = [](const std::function<void(Communicator&)>& rank_1) {
    std::latch ended(1);  // rank 0, however it does
    return in_thread_ranks(2, [&](std::unique_ptr<Communicator> ranks) {
      const auto tell = [](std::latch* latch) { latch->count_down(); };
      const std::unique_ptr<std::latch, decltype(tell)> at_end(
          ranks->rank() == 0 ? &ended : nullptr, tell);
      const Device device = Device::cuda(ranks->rank());
      nn::add_nccl(ranks, device, 60);
      const Tensor x = ones({3}, {.device = device});
      ranks->barrier();  // both have joined
      if (ranks->rank() == 1) {
        rank_1(*ranks);
        return ended.wait();
      }
      ranks->set_patience(0.3);
      ranks->wait(start_sum(*ranks, x));
    });
  };
  CHECK(failure_of([](Communicator&) {}) ==
        "rank 0 of 2 on here: NCCL: a sum has not come in 0.3 seconds");
  CHECK(failure_of([](Communicator& ranks) { ranks.fail("out of memory"); }) ==
        "rank 1 of 2 on here: out of memory");
  CHECK(failure_of([](Communicator&) { emulator::set_nccl_fault(NcclFault::connection); }) ==
        "rank 0 of 2 on here: NCCL: a sum: remote process exited or there was a network error");
  emulator::set_nccl_fault(NcclFault::none);
  CHECK(emulator::nccl_communicators() == 0);
}

TEST_CASE("nccl: a rank that is busy is waited for, whatever the patience") {
  on_devices(2, [&](Communicator& ranks, Device device) {
    const Tensor x = ones({3}, {.device = device});
    ranks.set_patience(0.2);
    if (ranks.rank() == 1) ranks.set_busy(true);
    ranks.barrier();
    if (ranks.rank() == 1) std::this_thread::sleep_for(std::chrono::milliseconds(700));
    const int64_t ticket = start_sum(ranks, x);
    ranks.set_busy(false);
    ranks.wait(ticket);
    {
      const std::lock_guard lock(checking);
      CHECK(x.to_vector() == std::vector<float>(3, 2));
    }
    ranks.finish();
  });
}

TEST_CASE("nccl: a sum's memory is held until it is there, and the end waits for all ranks' sums") {
  on_devices(2, [&](Communicator& ranks, Device device) {
    Tensor gone = ones({3}, {.device = device});
    const std::weak_ptr<const void> memory = gone.storage();
    const int64_t first = start_sum(ranks, gone);
    gone = {};
    {
      const std::lock_guard lock(checking);
      CHECK(!memory.expired());
    }
    ranks.wait(first);
    const Tensor x = ones({3}, {.device = device});
    const int64_t last = start_sum(ranks, x);
    if (ranks.rank() == 1) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    ranks.wait(last);
    {
      const std::lock_guard lock(checking);
      CHECK(memory.expired());
      CHECK(x.to_vector() == std::vector<float>(3, 2));
    }
    ranks.finish();
  });
}

TEST_CASE("nccl: what it cannot sum is refused") {
  on_devices(1, [&](Communicator& ranks, Device device) {
    const Tensor whole = zeros({2}, {.dtype = DType::int64, .device = device});
    CHECK_THROWS_WITH_AS(start_sum(ranks, whole),
                         "NCCL: expected sums of float32, float64 or bfloat16", Error);
    CHECK_THROWS_AS(ranks.start({.kind = Collective::Kind::all_reduce,
                                 .to = whole.raw_data(),
                                 .count = 1,
                                 .dtype = DType::float32,
                                 .device = device}),
                    ArgumentError);
    CHECK_THROWS_AS(ranks.start({.kind = Collective::Kind::broadcast,
                                 .to = whole.raw_data(),
                                 .count = 1,
                                 .device = device}),
                    ArgumentError);
    ranks.finish();
  });
}

}  // namespace papilio::test
