#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <thread>
#include <vector>

#include "nn/data/formats/pixels.h"
#include "tensor/available_memory.h"
#include "tensor/creation.h"
#include "tensor/storage.h"
#include "tests/tensor/faults.h"

namespace papilio {

TEST_CASE("pixels: a picture's memory comes from the tensors' cache and goes back there") {
  const size_t before = memory_stats().in_use;
  {
    const nn::Pixels picture(600'000, 7), small(1000, 8);
    if (nn::Pixels::allocator_type::is_cached(600'000))
      CHECK(memory_stats().in_use >= before + 600'000);
    CHECK(memory_stats().in_use < before + 700'000);  // not the small one's
    const nn::Pixels photograph(36'000'000, 9);
    CHECK(memory_stats().in_use < before + 700'000);
    CHECK(photograph.back() == 9);
    CHECK(picture.back() == 7);
    CHECK(small.back() == 8);
  }
  CHECK(memory_stats().in_use == before);
  const nn::Pixels next(600'000);  // zeros, wherever it lies
  CHECK(std::ranges::count(next, 0) == 600'000);
}

TEST_CASE("pixels: every size from none on has room for its values") {
  for (size_t k = 0; k <= 25; ++k) {
    for (const size_t size : {(size_t(1) << k) - 1, size_t(1) << k, (size_t(1) << k) + 1}) {
      const nn::Pixels pixels(size, uint8_t(k));
      REQUIRE(pixels.size() == size);
      if (size > 0) CHECK(pixels.back() == uint8_t(k));
    }
  }
}

TEST_CASE("pixels: made in one thread, dropped in another") {
  const size_t before = memory_stats().in_use;
  std::vector<nn::Pixels> many;
  for (int i = 0; i < 50; ++i) many.emplace_back(1'000'000, uint8_t(i));
  std::vector<nn::Pixels> others;
  std::thread([&] {
    many.clear();
    for (int i = 0; i < 50; ++i) others.emplace_back(1'000'000, uint8_t(i));
  }).join();
  for (int i = 0; i < 50; ++i) CHECK(others[size_t(i)].back() == i);
  others.clear();
  CHECK(memory_stats().in_use == before);
}

TEST_CASE("pixels: a picture beyond the memory limit leaves what is kept for tensors") {
  empty_cache();
  { const Tensor kept = empty({1'000'003}); }
  const size_t cached = memory_stats().cached;
  keep_memory_below(memory_stats().in_use);
  void* const block = take_block(2'000'000);  // of another size class
  if (nn::Pixels::allocator_type::is_cached(600'000)) CHECK(cached >= 4'000'012);
  CHECK(memory_stats().cached == cached);
  give_block(block, 2'000'000);
  keep_memory_below(SIZE_MAX);
}

TEST_CASE("pixels: memory that there is not is refused") {
  CHECK_THROWS_AS(nn::Pixels().reserve(SIZE_MAX), std::length_error);
  CHECK_THROWS_AS(nn::CachedMemory<int64_t>().allocate(SIZE_MAX / 2), std::bad_array_new_length);
  CHECK_THROWS_AS(take_block(SIZE_MAX), std::bad_alloc);
  fail_allocation(1);
  CHECK_THROWS_AS(take_block(100'000), std::bad_alloc);
}

}  // namespace papilio
