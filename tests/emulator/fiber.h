// A stack of its own on which a function runs until it pauses: Boost.Context's jumps, told to
// AddressSanitizer if that is compiled in.
#pragma once

#include <boost/context/detail/fcontext.hpp>

#include <cstddef>

namespace emulator {

class Fiber {
 public:
  // body(argument) begins at the first resume() and must never return: it pauses when it is done.
  Fiber(void (*body)(void*), void* argument);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // From outside: goes on inside until the next pause().
  void resume();
  // From inside: goes back to resume()'s caller.
  void pause();

 private:
  static void enter(boost::context::detail::transfer_t from);

  void (*body_)(void*);
  void* argument_;
  char* stack_;
  boost::context::detail::fcontext_t inside_, outside_ = nullptr;
  // The other side's stack, as AddressSanitizer keeps it.
  void* fake_inside_ = nullptr;
  void* fake_outside_ = nullptr;
  const void* outside_stack_ = nullptr;
  size_t outside_size_ = 0;
};

}  // namespace emulator
