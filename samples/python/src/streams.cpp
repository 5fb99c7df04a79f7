#include "samples/python/src/streams.h"

#include "kernels/cuda_streams.h"
#include "tensor/error.h"

namespace papilio::python {

namespace nb = nanobind;

namespace {

int64_t number_of(const char* operation, nb::handle number) {
  if (PyLong_Check(number.ptr()) == 0)
    throw nb::type_error(str(operation, ": expected the number of a stream, or None, got ",
                             nb::type_name(number.type()).c_str())
                             .c_str());
  const int64_t n = PyLong_AsLongLong(number.ptr());
  if (n == -1 && PyErr_Occurred() != nullptr) nb::raise_python_error();
  check(n >= -1 && n != 0, operation,
        ": expected a stream's number (1 the legacy default stream, 2 the thread's default stream, "
        "more a cudaStream_t, -1 none), got ",
        n);
  return n;
}

// After a failure of the device, or of the driver at the process' end, there is no order to make;
// whoever waits for the device hears of it. Nor is there one while a graph is being recorded, which
// another library's stream is no part of: the module offers no graphs today.
template <class F>
void quietly(F f) noexcept {
  try {
    f();
  } catch (const Error&) {
  }
}

}  // namespace

PeerStream::PeerStream(const char* operation, Device device, nb::handle number) : device_(device) {
  const bool said = number.is_valid() && !number.is_none();
  check(!said || !device.is_cpu(), operation,
        ": a stream is said of arrays on a GPU alone; on the CPU leave stream out");
  if (!device.is_cpu())
    number_ = said ? number_of(operation, number) : int64_t(cuda::kLegacyStream);
}

void PeerStream::waits_for_ours() const {
  if (number_ > 0)
    cuda::order_streams(cuda::stream_number(device_.index), cuda::StreamNumber(number_),
                        device_.index);
}
void PeerStream::ours_waits() const {
  if (number_ > 0)
    cuda::order_streams(cuda::StreamNumber(number_), cuda::stream_number(device_.index),
                        device_.index);
}
void PeerStream::waits_for_ours_at_the_end() const noexcept {
  quietly([this] { at_the_end().waits_for_ours(); });
}
void PeerStream::ours_waits_at_the_end() const noexcept {
  quietly([this] { at_the_end().ours_waits(); });
}

// Another thread's default stream has no number here; the legacy one goes after every thread's, and
// they after it.
PeerStream PeerStream::at_the_end() const {
  PeerStream peer = *this;
  if (number_ == int64_t(cuda::kThreadStream)) peer.number_ = int64_t(cuda::kLegacyStream);
  return peer;
}

}  // namespace papilio::python
