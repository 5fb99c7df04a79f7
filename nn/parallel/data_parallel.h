// One model on several ranks: each computes its part of every batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "nn/data/loader.h"
#include "nn/module.h"
#include "nn/parallel/communicator.h"

namespace papilio::nn {

// How batches are divided, and how gradients travel.
struct DataParallel {
  Communicator& ranks;
  // Cuts each batch into so many parts whatever the ranks are, computes each part with one thread
  // and adds the gradients in the parts' order: the same bits on any number of ranks up to this.
  // 0: a part for each rank.
  int64_t reproducible_parts = 0;
  // float32, or bfloat16: half of what travels. Reproducible sums are of float32.
  DType gradients = DType::float32;

  // For the loader of this rank. Throws ArgumentError if there are more ranks than parts.
  BatchParts parts() const;
  // Bytes that the gradients of so many numbers take on their way, beside themselves.
  size_t bytes_on_the_way(int64_t numbers) const;
};

// The parameters that train and the buffers become rank 0's. Throws RankError, at all ranks, if any
// other parameter or a quantised weight differs, by name.
void broadcast_parameters(Communicator& ranks, Module& model);
// Throws RankError, at all ranks, if the trained parameters differ, which no step may make.
void check_same_parameters(Communicator& ranks, Module& model);
// "" if the text is the same everywhere, else, at all ranks, "rank 1 on b has other options than
// rank 0 on a: 'batch_size = 64', there 'batch_size = 32'".
std::string difference_of_ranks(Communicator& ranks, const std::string& what,
                                const std::string& text);
// Throws RankError with the difference, at all ranks, if there is one.
void check_same_everywhere(Communicator& ranks, const std::string& what, const std::string& text);

}  // namespace papilio::nn
