#include "tests/emulator/block.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <numeric>
#include <random>
#include <unordered_map>
#include <utility>

#include "tests/emulator/device.h"
#include "tests/emulator/fiber.h"
#include "tests/emulator/names.h"
#include "tests/emulator/streams.h"

namespace emulator {

dim3 grid_dim, block_dim;
uint3 block_index, thread_index;

namespace {

constexpr int kLanes = 32;
constexpr int64_t kMaxThreads = 1024;
constexpr size_t kMaxShared = 48 * 1024;

struct Thread {
  enum State { ready, at_block, at_warp, ended } state = ready;
  uint3 index{};
  Fiber* fiber = nullptr;  // none before the first turn and after the end
  Exchange mine{};
  uint64_t result = 0;
};

// A worker runs one thread after another; only threads that wait keep theirs.
struct Worker {
  Worker() : fiber(&body, this) {}
  static void body(void* self);
  Fiber fiber;
};

std::recursive_mutex one_launch;
const Launch* launch_now = nullptr;
std::vector<Thread> threads;
Thread* current = nullptr;
std::vector<std::unique_ptr<Worker>> workers;
std::vector<Fiber*> idle;

uint64_t blocks_run = 0;  // names a block for its shared memory
std::vector<const SharedArray*> entered;
std::unique_ptr<SharedArray> dynamic_array;
std::unordered_map<const void*, size_t> allowed_shared;

std::string report;
std::string wrong_collective;  // what a warp did together and should not have
int architecture_now = 90;
uint64_t fail_in = 0;
std::function<void(Launch&)> watch;
std::mt19937_64 random_bits;

Order order_of_environment() {
  const char* value = std::getenv("PAPILIO_EMULATOR_ORDER");
  const std::string text = value == nullptr ? "forward" : value;
  const std::string name = text.substr(0, text.find(':'));
  Order order;
  if (name == "reverse") order.kind = Order::reverse;
  if (name == "random") order.kind = Order::random;
  if (name.size() < text.size())
    order.seed = std::strtoull(text.c_str() + name.size() + 1, nullptr, 10);
  return order;
}

Order& order_now() {
  static Order order = order_of_environment();
  return order;
}

void Worker::body(void* self) {
  auto* worker = static_cast<Worker*>(self);
  while (true) {
    launch_now->call(launch_now->arguments);
    current->state = Thread::ended;
    worker->fiber.pause();
  }
}

Fiber* free_worker() {
  if (idle.empty()) {
    workers.push_back(std::make_unique<Worker>());
    idle.push_back(&workers.back()->fiber);
  }
  Fiber* fiber = idle.back();
  idle.pop_back();
  return fiber;
}

// 0, 1, ..., n - 1 in the order of the day.
std::vector<int64_t> sequence(int64_t n) {
  std::vector<int64_t> result(size_t(n), 0);
  std::iota(result.begin(), result.end(), 0);
  if (order_now().kind == Order::reverse) std::reverse(result.begin(), result.end());
  if (order_now().kind == Order::random) std::shuffle(result.begin(), result.end(), random_bits);
  return result;
}

void turn(Thread& thread) {
  if (thread.fiber == nullptr) thread.fiber = free_worker();
  current = &thread;
  thread_index = thread.index;
  thread.fiber->resume();
  if (thread.state == Thread::ended) idle.push_back(std::exchange(thread.fiber, nullptr));
}

void wait(Thread::State where) {
  Thread* self = current;
  self->state = where;
  self->fiber->pause();
}

void collect(const Thread* warp, unsigned mask, Collective collective) {
  void* lanes[kLanes];
  for (int l = 0; l < kLanes && mask == ~0u; ++l)
    lanes[l] = std::bit_cast<void*>(warp[l].mine.value);
  const std::string wrong = mask == ~0u ? collective(lanes) : "a warp lacks lanes for this";
  if (wrong_collective.empty()) wrong_collective = wrong;
}

// Lets the lanes of `mask` go on with what the others gave.
void complete(Thread* warp, unsigned mask) {
  const Exchange& any = warp[std::countr_zero(mask)].mine;
  if (any.what == Exchange::collect) collect(warp, mask, any.collective);
  unsigned votes = 0;
  for (int l = 0; l < kLanes; ++l)
    if (mask >> l & 1 && warp[l].mine.value != 0) votes |= 1u << l;
  for (int l = 0; l < kLanes; ++l) {
    if (!(mask >> l & 1)) continue;
    const Exchange& mine = warp[l].mine;
    if (mine.what == Exchange::ballot) warp[l].result = votes;
    if (mine.what == Exchange::shuffle) {
      const bool there = mine.source >= 0 && mine.source < kLanes && mask >> mine.source & 1;
      warp[l].result = there ? warp[mine.source].mine.value : UINT64_MAX;
    }
  }
  for (int l = 0; l < kLanes; ++l)
    if (mask >> l & 1) warp[l].state = Thread::ready;
}

// Whether any lanes of the warp that begins at `first` have all come.
bool release_warp(int64_t first) {
  Thread* warp = &threads[size_t(first)];
  const int lanes = int(std::min<int64_t>(kLanes, int64_t(threads.size()) - first));
  const unsigned there = lanes == kLanes ? ~0u : (1u << lanes) - 1;
  bool any = false;
  for (int l = 0; l < lanes; ++l) {
    if (warp[l].state != Thread::at_warp) continue;
    const Exchange& mine = warp[l].mine;
    // A last warp that is not full has only the lanes it has.
    const unsigned mask = mine.mask & there;
    bool complete_now = mask >> l & 1;
    for (int k = 0; k < lanes; ++k) {
      if (!(mask >> k & 1)) continue;
      complete_now &= warp[k].state == Thread::at_warp && warp[k].mine.mask == mine.mask &&
                      warp[k].mine.what == mine.what && warp[k].mine.collective == mine.collective;
    }
    if (complete_now) complete(warp, mask), any = true;
  }
  return any;
}

// Runs a warp as far as it comes without the others: what it does before they have begun then
// shows.
void run_warp(int64_t first) {
  const int64_t lanes = std::min<int64_t>(kLanes, int64_t(threads.size()) - first);
  do {
    for (int64_t lane : sequence(lanes))
      if (threads[size_t(first + lane)].state == Thread::ready) turn(threads[size_t(first + lane)]);
  } while (release_warp(first) && wrong_collective.empty());
}

bool release_block() {
  const auto waits = [](const Thread& t) { return t.state == Thread::at_block; };
  if (!std::all_of(threads.begin(), threads.end(), waits)) return false;
  for (Thread& t : threads) t.state = Thread::ready;
  return true;
}

// "2 threads have ended, 30 wait for the block, 0 for their warp"
std::string describe_wait() {
  int64_t count[4] = {};
  for (const Thread& t : threads) ++count[t.state];
  return std::to_string(count[Thread::ended]) + " threads have ended, " +
         std::to_string(count[Thread::at_block]) + " wait for the block, " +
         std::to_string(count[Thread::at_warp]) + " for their warp";
}

std::string check_shared() {
  for (const SharedArray* array : entered)
    if (!array->zones_intact()) return "wrote outside its shared memory";
  return "";
}

// Runs the threads of one block to their end; returns what went wrong.
std::string run_block() {
  const auto ended = [](const Thread& t) { return t.state == Thread::ended; };
  ++blocks_run;
  entered.clear();
  const auto count = int64_t(threads.size()), warps = (count + kLanes - 1) / kLanes;
  while (true) {
    bool released = false;
    if (order_now().kind == Order::random) {
      for (int64_t t : sequence(count))
        if (threads[size_t(t)].state == Thread::ready) turn(threads[size_t(t)]);
      for (int64_t warp = 0; warp < warps; ++warp) released |= release_warp(warp * kLanes);
    } else {
      for (int64_t warp : sequence(warps)) run_warp(warp * kLanes);
    }
    if (std::all_of(threads.begin(), threads.end(), ended)) return check_shared();
    if (!wrong_collective.empty()) return std::exchange(wrong_collective, "");
    if (!released && !release_block())
      return "the threads wait for each other for ever: " + describe_wait();
  }
}

std::string run_grid(const Launch& launch) {
  const int64_t x = launch.grid.x, y = launch.grid.y, z = launch.grid.z;
  for (int64_t b : launch.only.empty() ? sequence(x * y * z) : launch.only) {
    block_index = {unsigned(b % x), unsigned(b / x % y), unsigned(b / x / y)};
    for (Thread& t : threads) t.state = Thread::ready;
    std::string wrong = run_block();
    if (!wrong.empty()) return wrong;
  }
  return "";
}

cudaError_t failed(cudaError_t status, const void* kernel, const std::string& why) {
  report = name_of(kernel) + ": " + why;
  return keep_error(status);
}

}  // namespace

int lane() {
  return int((current - threads.data()) % kLanes);
}

void wait_for_block() {
  wait(Thread::at_block);
}

uint64_t exchange(const Exchange& mine) {
  Thread* self = current;
  self->mine = mine;
  wait(Thread::at_warp);
  return self->result;
}

SharedArray::SharedArray(size_t bytes, size_t alignment)
    : bytes_(bytes), begin_(kZone), memory_(bytes + 2 * kZone + 2 * alignment) {
  while ((reinterpret_cast<uintptr_t>(memory_.data()) + begin_) % (2 * alignment) != alignment)
    ++begin_;
}

void* SharedArray::enter() {
  if (block_ != blocks_run) {
    block_ = blocks_run;
    std::fill(memory_.begin(), memory_.end(), 0xff);
    entered.push_back(this);
  }
  return memory_.data() + begin_;
}

bool SharedArray::zones_intact() const {
  const auto intact = [](unsigned char byte) { return byte == 0xff; };
  const auto end = memory_.begin() + int64_t(begin_ + bytes_);
  return std::all_of(memory_.begin(), memory_.begin() + int64_t(begin_), intact) &&
         std::all_of(end, memory_.end(), intact);
}

void* dynamic_shared() {
  return dynamic_array->enter();
}

cudaError_t run(Launch launch) {
  const std::lock_guard lock(one_launch);
  if (watch) watch(launch);
  const dim3 g = launch.grid, b = launch.block;
  const int64_t count = int64_t(b.x) * b.y * b.z;
  const auto allowed = allowed_shared.find(launch.kernel);
  const size_t shared = allowed == allowed_shared.end() ? kMaxShared : allowed->second;
  if (fail_in > 0 && --fail_in == 0)
    return failed(cudaErrorLaunchFailure, launch.kernel, "told to fail");
  if (launch.stream == nullptr)
    return failed(cudaErrorInvalidResourceHandle, launch.kernel, "launched on the default stream");
  int device = 0;
  cudaGetDevice(&device);
  if (device != device_of(launch.stream))
    return failed(cudaErrorInvalidResourceHandle, launch.kernel,
                  "launched on a stream of another device than the one in use");
  ask(launch.stream);
  if (g.x == 0 || g.x > INT32_MAX || g.y == 0 || g.y > 65535 || g.z == 0 || g.z > 65535 ||
      count < 1 || count > kMaxThreads || b.z > 64 || launch.shared_bytes > shared)
    return failed(cudaErrorInvalidConfiguration, launch.kernel,
                  "no such grid, block or shared memory");
  launch_now = &launch;
  grid_dim = g;
  block_dim = b;
  threads.assign(size_t(count), {});
  for (int64_t t = 0; t < count; ++t)
    threads[size_t(t)].index = {unsigned(t % b.x), unsigned(t / b.x % b.y),
                                unsigned(t / b.x / b.y)};
  dynamic_array = std::make_unique<SharedArray>(launch.shared_bytes);
  random_bits.seed(order_now().seed);
  DeviceMemoryOpen open;
  std::string wrong = run_grid(launch);
  if (!wrong.empty()) {  // whoever still waits keeps his stack: new threads get new ones
    for (Thread& t : threads) t.fiber = nullptr;
    return failed(cudaErrorLaunchFailure, launch.kernel, wrong);
  }
  wrong = check_zones();
  if (!wrong.empty()) return failed(cudaErrorIllegalAddress, launch.kernel, wrong);
  return cudaSuccess;
}

cudaError_t allow_shared(const void* kernel, int bytes) {
  const std::lock_guard lock(one_launch);
  if (bytes < 0 || bytes > int(max_shared())) return keep_error(cudaErrorInvalidValue);
  allowed_shared[kernel] = size_t(bytes);
  return cudaSuccess;
}

void set_architecture(int architecture) {
  architecture_now = architecture;
}
int architecture() {
  return architecture_now;
}

Order order() {
  return order_now();
}
void set_order(Order order) {
  order_now() = order;
}
void fail_launch(uint64_t k) {
  fail_in = k;
}
void watch_launches(std::function<void(Launch&)> watcher) {
  watch = std::move(watcher);
}
const std::string& last_report() {
  return report;
}

}  // namespace emulator
