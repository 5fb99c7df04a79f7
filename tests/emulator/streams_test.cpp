// The order between our stream and those of other libraries in the process.
#include <doctest/doctest.h>

#include <thread>

#include "kernels/cuda/on_device.h"
#include "kernels/cuda/streams.h"
#include "kernels/cuda_graph.h"
#include "kernels/error.h"
#include "tests/emulator/streams.h"

namespace papilio::cuda {
namespace {

// Another library's stream on a device.
class OtherStream {
 public:
  explicit OtherStream(int device) {
    const OnDevice on(device);
    cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking);
  }
  ~OtherStream() { cudaStreamDestroy(stream_); }
  OtherStream(const OtherStream&) = delete;
  OtherStream& operator=(const OtherStream&) = delete;
  operator cudaStream_t() const { return stream_; }
  StreamNumber number() const { return reinterpret_cast<StreamNumber>(stream_); }

 private:
  cudaStream_t stream_ = nullptr;
};

}  // namespace

TEST_CASE("order_streams: the later one waits for what the earlier one was asked for, not back") {
  for (int device : {0, 1}) {
    const OtherStream theirs(device);
    const StreamNumber ours = stream_number(device);
    CHECK(emulator::device_of(stream_handle(ours)) == device);
    const int events = emulator::events_alive(), before = device_in_use();
    emulator::ask(theirs);
    emulator::ask(stream_handle(ours));
    CHECK_FALSE(emulator::waits_for_all_of(stream_handle(ours), theirs));
    order_streams(theirs.number(), ours, device);
    CHECK(emulator::waits_for_all_of(stream_handle(ours), theirs));
    CHECK_FALSE(emulator::waits_for_all_of(theirs, stream_handle(ours)));
    emulator::ask(theirs);  // later than the order
    CHECK_FALSE(emulator::waits_for_all_of(stream_handle(ours), theirs));
    CHECK_FALSE(emulator::host_waited_for_all_of(theirs));
    CHECK(emulator::events_alive() == events);
    CHECK(device_in_use() == before);
  }
}

TEST_CASE("order_streams goes on through streams in between") {
  const OtherStream first(0), second(0), third(0);
  emulator::ask(first);
  order_streams(first.number(), second.number(), 0);
  order_streams(second.number(), third.number(), 0);
  CHECK(emulator::waits_for_all_of(third, first));
}

TEST_CASE("order_streams: the default streams go by their numbers") {
  const StreamNumber ours = stream_number(0);
  for (const StreamNumber theirs : {kLegacyStream, kThreadStream}) {
    emulator::ask(stream_handle(theirs));
    order_streams(theirs, ours, 0);
    CHECK(emulator::waits_for_all_of(stream_handle(ours), stream_handle(theirs)));
    emulator::ask(stream_handle(ours));
    order_streams(ours, theirs, 0);
    CHECK(emulator::waits_for_all_of(stream_handle(theirs), stream_handle(ours)));
  }
  // A thread's default stream has another number nowhere else; the legacy one waits for it.
  const OtherStream other(0);
  std::thread([&] {
    emulator::ask(stream_handle(kThreadStream));
    order_streams(kLegacyStream, other.number(), 0);
    CHECK(emulator::waits_for_all_of(other, stream_handle(kThreadStream)));
  }).join();
}

TEST_CASE("order_streams is refused while a graph is recorded, which others' work is no part of") {
  Graph* graph = begin_recording(0);
  CHECK_THROWS_WITH_AS(order_streams(kLegacyStream, stream_number(0), 0),
                       "cuda graph: the order of another library's stream cannot be recorded: its "
                       "work is no part of the graph",
                       Error);
  end_recording(graph, false);
}

}  // namespace papilio::cuda
