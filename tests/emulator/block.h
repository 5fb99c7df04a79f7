// How a launch runs on the CPU: blocks one after another, the threads of a block as fibers of one
// host thread. A fiber runs until its thread waits (for the block, or for lanes of its warp) or
// ends; in which order they get their turns is `forward`, `reverse` or `random`. A kernel that
// forgets to wait sees other values in at least one of them.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace emulator {

// Where the running thread is.
extern dim3 grid_dim, block_dim;
extern uint3 block_index, thread_index;
int lane();

// __syncthreads.
void wait_for_block();

// What a whole warp does at once, from what each of its lanes brought; says what is wrong with it,
// if anything.
using Collective = std::string (*)(void* const (&lanes)[32]);

// What the lanes of `mask` do together: nothing but meet; give each lane the value of lane
// `source`; tell whose value is not 0; call `collective` with their values as pointers. A source
// outside the mask gives 0xff...: NaN.
struct Exchange {
  enum What { meet, shuffle, ballot, collect };
  unsigned mask;
  What what;
  uint64_t value = 0;
  int source = 0, width = 32;
  Collective collective = nullptr;
};
uint64_t exchange(const Exchange& mine);

// The shared memory of one declaration, between zones that nobody may write. A block that comes by
// for the first time finds 0xff in every byte: NaN. It begins on a multiple of `alignment`, and not
// on one of twice that.
class SharedArray {
 public:
  explicit SharedArray(size_t bytes, size_t alignment = 16);
  void* enter();
  bool zones_intact() const;

  static constexpr size_t kZone = 64;

 private:
  size_t bytes_, begin_;
  std::vector<unsigned char> memory_;
  uint64_t block_ = 0;  // the last that came by
};
// `Place` is a type of the declaration's own.
template <class T, size_t count, class Place>
T* shared_array(Place) {
  static SharedArray array(count * sizeof(T), alignof(T) < 16 ? 16 : alignof(T));
  return static_cast<T*>(array.enter());
}
void* dynamic_shared();

struct Launch {
  dim3 grid, block;
  size_t shared_bytes;
  cudaStream_t stream;
  const void* kernel;
  const void* arguments;
  void (*call)(const void* arguments);  // runs one thread
  std::vector<int64_t> only;            // the blocks that run; empty: all of them
};
// The default stream is an error: it would wait for every other one.
cudaError_t run(Launch launch);
cudaError_t allow_shared(const void* kernel, int bytes);
// What kernels claim to be compiled for: 90 at the start.
void set_architecture(int architecture);
int architecture();

// From the next launch on. Taken from PAPILIO_EMULATOR_ORDER at the start: "forward" (the default),
// "reverse" or "random", which may end in a seed: "random:7".
struct Order {
  enum Kind { forward, reverse, random } kind = forward;
  uint64_t seed = 1;
};
Order order();
void set_order(Order order);

// The k-th launch from now (k = 1: the next) fails with cudaErrorLaunchFailure; 0 turns it off.
void fail_launch(uint64_t k);
// Sees each launch from the next one on before it runs, and may change it; nullptr takes it off.
void watch_launches(std::function<void(Launch&)> watcher);
// What went wrong in the last launch that failed: "softmax_rows: ...".
const std::string& last_report();

}  // namespace emulator
