#include "nn/parallel/detail/sum_in_order.h"

#include <algorithm>
#include <cstddef>

#include "tensor/error.h"

namespace papilio::nn {

namespace {

// Numbers of each part that travel at a time.
constexpr int64_t kAtATime = int64_t(1) << 20;

// The most parts that a rank has, and numbers of a slice, of which each rank adds one.
size_t most_parts(int64_t count, int ranks) {
  return size_t((count + ranks - 1) / ranks);
}
size_t slice_of(size_t length, int ranks) {
  return (length + size_t(ranks) - 1) / size_t(ranks);
}

}  // namespace

PartRange parts_of_rank(int64_t count, int rank, int ranks) {
  return {(count * rank + ranks - 1) / ranks, (count * (rank + 1) + ranks - 1) / ranks};
}

void sum_in_order(Communicator& ranks, int64_t count, const std::vector<const float*>& own,
                  std::span<float> sum) {
  const int size = ranks.size();
  const PartRange mine = parts_of_rank(count, ranks.rank(), size);
  check(int64_t(own.size()) == mine.end - mine.begin, "sum_in_order: expected ",
        mine.end - mine.begin, " parts, got ", own.size());
  const size_t rows = most_parts(count, size);
  for (size_t at = 0; at < sum.size(); at += size_t(kAtATime)) {
    const auto length = std::min(size_t(kAtATime), sum.size() - at);
    // Each rank adds up a slice of all parts: (ranks, parts of a rank, slice).
    const size_t slice = slice_of(length, size);
    std::vector<float> from(size_t(size) * rows * slice), to(from.size()),
        whole(slice * size_t(size));
    for (size_t r = 0; r < size_t(size); ++r) {
      const size_t begin = std::min(r * slice, length), end = std::min(begin + slice, length);
      for (size_t p = 0; p < own.size(); ++p)
        std::copy_n(own[p] + at + begin, end - begin, from.data() + (r * rows + p) * slice);
    }
    ranks.wait(ranks.start({.kind = Collective::Kind::all_to_all,
                            .from = from.data(),
                            .to = to.data(),
                            .count = int64_t(rows * slice),
                            .dtype = DType::float32}));
    std::vector<float> added(slice);
    for (size_t r = 0; r < size_t(size); ++r) {
      const PartRange theirs = parts_of_rank(count, int(r), size);
      for (size_t p = 0; p < size_t(theirs.end - theirs.begin); ++p) {
        const float* part = to.data() + (r * rows + p) * slice;
        for (size_t i = 0; i < slice; ++i) added[i] = r + p == 0 ? part[i] : added[i] + part[i];
      }
    }
    ranks.wait(ranks.start({.kind = Collective::Kind::all_gather,
                            .from = added.data(),
                            .to = whole.data(),
                            .count = int64_t(slice),
                            .dtype = DType::float32}));
    std::copy_n(whole.data(), length, sum.data() + at);
  }
}

size_t sum_in_order_bytes(int64_t count, int ranks, int64_t length) {
  const size_t slice = slice_of(size_t(std::min(length, kAtATime)), ranks);
  // from, to, whole, added
  return slice * (size_t(ranks) * (2 * most_parts(count, ranks) + 1) + 1) * sizeof(float);
}

}  // namespace papilio::nn
