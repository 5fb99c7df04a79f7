#include "tensor/storage.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/files/safetensors.h"
#include "tensor/random.h"
#include "tests/temporary_folder.h"
#include "tests/tensor/faults.h"

using namespace papilio;

namespace {

// AddressSanitizer builds give blocks back at once, to see uses after the end.
bool keeps_blocks() {
  empty_cache();
  { const Storage block(1000, Device::cpu()); }
  return memory_stats().cached > 0;
}

}  // namespace

TEST_CASE("storage: blocks are aligned to 64 bytes and separate") {
  std::vector<std::unique_ptr<Storage>> blocks;
  for (size_t bytes = 1; bytes < 100000; bytes = bytes * 3 / 2 + 1) {
    blocks.push_back(std::make_unique<Storage>(bytes, Device::cpu()));
    CHECK(uintptr_t(blocks.back()->data()) % 64 == 0);
    CHECK(blocks.back()->bytes() == bytes);
    std::fill_n(static_cast<unsigned char*>(blocks.back()->data()), bytes, uint8_t(blocks.size()));
  }
  for (size_t i = 0; i < blocks.size(); ++i) {
    const auto* data = static_cast<const unsigned char*>(blocks[i]->data());
    CHECK(
        std::all_of(data, data + blocks[i]->bytes(), [&](unsigned char c) { return c == i + 1; }));
  }
}

TEST_CASE("storage: an empty block takes no memory") {
  const MemoryStats before = memory_stats();
  const Storage none(0, Device::cpu());
  CHECK(none.data() != nullptr);  // offsets from it are no offsets from null
  CHECK(memory_stats().allocations == before.allocations);
  CHECK(memory_stats().in_use == before.in_use);
}

TEST_CASE("storage: a freed block serves the next tensor of similar size") {
  if (!keeps_blocks()) return;
  const void* first = nullptr;
  {
    const Storage block(100000, Device::cpu());
    first = block.data();
  }
  const size_t cached = memory_stats().cached;
  {
    const Storage block(99000, Device::cpu());
    CHECK(block.data() == first);
    CHECK(memory_stats().cached < cached);
    const Storage other(100000, Device::cpu());
    CHECK(other.data() != first);
  }
  const Storage small(50000, Device::cpu());
  CHECK(small.data() != first);
}

TEST_CASE("storage: what is in use, cached and the peak add up") {
  const bool keeps = keeps_blocks();
  empty_cache();
  CHECK(memory_stats().cached == 0);
  reset_peak_memory();
  const MemoryStats before = memory_stats();
  CHECK(before.peak_in_use == before.in_use);
  {
    const Storage a(1 << 20, Device::cpu());
    CHECK(memory_stats().in_use == before.in_use + (1 << 20));
    {
      const Storage b(1 << 21, Device::cpu());
      CHECK(memory_stats().in_use == before.in_use + 3 * (1 << 20));
    }
    CHECK(memory_stats().in_use == before.in_use + (1 << 20));
    CHECK(memory_stats().cached == (keeps ? size_t(1) << 21 : 0));
  }
  CHECK(memory_stats().in_use == before.in_use);
  CHECK(memory_stats().peak_in_use == before.in_use + 3 * (1 << 20));
  CHECK(memory_stats().allocations == before.allocations + 2);
  CHECK(memory_stats().cached == (keeps ? size_t(3) << 20 : 0));
  empty_cache();
  CHECK(memory_stats().cached == 0);
  CHECK(memory_stats().in_use == before.in_use);
  reset_peak_memory();
  CHECK(memory_stats().peak_in_use == before.in_use);
}

TEST_CASE("storage: rounding up costs at most an eighth") {
  for (size_t bytes = 513; bytes < 3000000; bytes = bytes * 17 / 16 + 1) {
    const size_t before = memory_stats().in_use;
    const Storage block(bytes, Device::cpu());
    const size_t taken = memory_stats().in_use - before;
    CHECK(taken >= bytes);
    CHECK(taken <= bytes + bytes / 8);
    CHECK(taken % 64 == 0);
  }
}

TEST_CASE("storage: memory of an owner is not freed, and the owner lives as long") {
  auto owner = std::make_shared<std::vector<float>>(std::vector<float>{1, 2, 3});
  const std::weak_ptr<std::vector<float>> watch = owner;
  const size_t before = memory_stats().in_use;
  {
    float* const data = owner->data();
    auto storage = std::make_shared<Storage>(data, 12, std::move(owner));
    const Tensor x(storage, Layout::contiguous({3}), DType::float32);
    storage.reset();
    CHECK(x.to_vector() == std::vector<float>{1, 2, 3});
    CHECK_FALSE(watch.expired());
  }
  CHECK(watch.expired());
  CHECK(memory_stats().in_use == before);
  float there = 0;
  CHECK(Storage(&there, 4, std::make_shared<int>()).device() == Device::cpu());
  CHECK(Storage(&there, 4, std::make_shared<int>(), Device::cuda(1)).device() == Device::cuda(1));
}

TEST_CASE("storage: writes are counted") {
  const auto x = zeros({2});
  const uint64_t version = x.storage()->version();
  fill_(x, 1);
  copy_(x, ones({2}));
  CHECK(x.storage()->version() == version + 2);
}

TEST_CASE("storage: threads may allocate at the same time") {
  const size_t before = memory_stats().in_use;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 1; i < 500; ++i) {
        const Storage block(size_t(i) * 64, Device::cpu());
        *static_cast<int*>(block.data()) = t;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(memory_stats().in_use == before);
}

TEST_CASE("storage: what no machine has is refused with the numbers, and work goes on") {
  const size_t bytes = size_t(1) << 60;
  const size_t before = memory_stats().in_use;
  empty_cache();
  CHECK_THROWS_WITH_AS(Storage(bytes, Device::cpu()),
                       str("out of memory on cpu: requested ", bytes, " bytes; ", before,
                           " in use by tensors, 0 cached")
                           .c_str(),
                       OutOfMemoryError);
  CHECK_THROWS_AS(Storage(size_t(-1), Device::cpu()), OutOfMemoryError);
  CHECK(memory_stats().in_use == before);
  CHECK(zeros({2}).to_vector() == std::vector<float>{0, 0});
}

TEST_CASE("storage: a device that this build or this machine lacks") {
  const auto refused = [](const char* beginning, auto f) {
    try {
      f();
      FAIL("no error");
    } catch (const ArgumentError& e) {
      CHECK(std::string(e.what()).starts_with(beginning));
    }
  };
  refused("empty: device cuda:1000 is not available: this ",
          [] { empty({2}, {.device = Device::cuda(1000)}); });
  refused("allocate: device cuda:1000 is not available: this ",
          [] { Storage(8, Device::cuda(1000)); });
}

TEST_CASE("storage: whichever allocation fails, nothing leaks and everything still works") {
  const test::TemporaryFolder folder;
  const auto path = folder / "a";
  const auto strided = arange(6).alias({{3, 2}, {1, 3}, 0});
  save_safetensors(path, {{"x", strided}});
  const auto work = [&] {
    Generator g(1);
    const auto x = randn({30, 4}, {}, g);
    const auto y = copy_of(x.alias({{4, 30}, {1, 4}, 0}), DType::float64);
    copy_(x, x.alias({{30, 4}, {4, 1}, 0}));
    const auto sum = eye(3);
    copy_(strided, strided.alias({{3, 2}, {1, 3}, 0}));
    save_safetensors(path, {{"x", strided}, {"y", y.alias({{30, 4}, {1, 30}, 0})}});
    const auto values = load_safetensors(path).tensors.at("x").to_vector<int64_t>();
    CHECK(values == std::vector<int64_t>{0, 3, 1, 4, 2, 5});
    const auto all = strided.to_vector();  // outside of CHECK, which would catch its exception
    CHECK(all.size() == 6);
  };
  work();
  const size_t before = memory_stats().in_use;
  uint64_t k = 1;
  for (bool failed = true; failed; ++k) {
    CAPTURE(k);
    REQUIRE(k < 100);
    fail_allocation(k);
    failed = false;
    try {
      work();
    } catch (const OutOfMemoryError& e) {
      failed = true;
      CHECK(std::string_view(e.what()).starts_with("out of memory on cpu: requested "));
    }
    fail_allocation(0);
    CHECK(memory_stats().in_use == before);
    CHECK(load_safetensors(path).tensors.at("x").to_vector<int64_t>() ==
          std::vector<int64_t>{0, 3, 1, 4, 2, 5});
    work();
  }
  CHECK(k > 5);
}
