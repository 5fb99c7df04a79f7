// Sums whose bits do not depend on the number of ranks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "nn/parallel/communicator.h"

namespace papilio::nn {

// Parts of something that is cut into `count`, whatever the ranks: part p is rank p * ranks /
// count's.
struct PartRange {
  int64_t begin, end;
};
PartRange parts_of_rank(int64_t count, int rank, int ranks);

// sum = parts[0] + parts[1] + ... of all ranks in their order, each added to those before it.
// `own`: where this rank's begin, all as long as `sum`.
void sum_in_order(Communicator& ranks, int64_t count, const std::vector<const float*>& own,
                  std::span<float> sum);

// Bytes that it takes beside its arguments for a sum of `length` numbers.
size_t sum_in_order_bytes(int64_t count, int ranks, int64_t length);

}  // namespace papilio::nn
