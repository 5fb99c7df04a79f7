// What the backend's host side asks the recording in progress for.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda_graph.h"

namespace papilio::cuda {

// Memory of the recorded graph, or null if nothing is recorded.
void* allocate_in_graph(size_t bytes, int device);
// Takes memory that belongs to a graph, or that a recording may still use. False: neither.
bool release_in_graph(void* data) noexcept;
// A copy of the host's bytes that lives as long as the graph, or null if nothing is recorded.
const void* keep_in_graph(const void* data, size_t bytes);
// Throws while recording: a graph cannot tell the host anything.
void check_not_recording(const char* what);

// Where kernels find the shift of their random numbers (set_random_shift); null if nothing is
// recorded.
const uint64_t* random_shift();

}  // namespace papilio::cuda
