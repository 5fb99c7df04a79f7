// Recording a device's work as a CUDA graph, to launch all of it at once, again and again.
#pragma once

#include <cstddef>
#include <cstdint>

namespace papilio::cuda {

struct Graph;  // kernels/cuda/graph.cpp

// Until end_recording, what is asked of the device is recorded and not done: kernels with their
// arguments as they are, copies from the host with the values they have now. Memory allocated
// meanwhile belongs to the graph, and what is released meanwhile stays alive as long as the graph,
// so that every launch finds its operands where they were. One thread, one recording at a time; a
// first run without recording has made handles and moments. What returns values to the host throws
// Error.
Graph* begin_recording(int device);
// `keep` false throws the recording away and destroys the graph.
void end_recording(Graph* graph, bool keep);
void launch_graph(Graph* graph);
// Memory of the graph that tensors still hold lives as long as they do.
void destroy_graph(Graph* graph) noexcept;

// Whether this process is recording.
bool recording();
// How many words later than at the recording the random numbers of the next launches begin: kernels
// that draw read it from the device.
void set_random_shift(Graph* graph, uint64_t words);

}  // namespace papilio::cuda
