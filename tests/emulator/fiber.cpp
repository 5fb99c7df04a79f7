#include "tests/emulator/fiber.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__)
#define EMULATOR_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EMULATOR_ASAN 1
#endif
#endif
#ifdef EMULATOR_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

namespace emulator {
namespace {

// What AddressSanitizer wants to know; nobody else does.
void about_to_switch([[maybe_unused]] void** fake, [[maybe_unused]] const void* stack,
                     [[maybe_unused]] size_t size) {
#ifdef EMULATOR_ASAN
  __sanitizer_start_switch_fiber(fake, stack, size);
#endif
}
void have_switched([[maybe_unused]] void* fake, [[maybe_unused]] const void** stack,
                   [[maybe_unused]] size_t* size) {
#ifdef EMULATOR_ASAN
  __sanitizer_finish_switch_fiber(fake, stack, size);
#endif
}

// Pages come when they are touched. The lowest stays closed: an overflow stops the program.
constexpr size_t kStack = 256 * 1024, kClosed = 4096;

char* new_stack() {
  void* memory = mmap(nullptr, kStack, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, kClosed, PROT_NONE) != 0) {
    std::perror("emulator: stack of a thread");
    std::abort();
  }
  return static_cast<char*>(memory);
}

}  // namespace

Fiber::Fiber(void (*body)(void*), void* argument)
    : body_(body),
      argument_(argument),
      stack_(new_stack()),
      inside_(boost::context::detail::make_fcontext(stack_ + kStack, kStack - kClosed, enter)) {}

Fiber::~Fiber() {
  munmap(stack_, kStack);
}

void Fiber::resume() {
  about_to_switch(&fake_outside_, stack_ + kClosed, kStack - kClosed);
  inside_ = boost::context::detail::jump_fcontext(inside_, this).fctx;
  have_switched(fake_outside_, nullptr, nullptr);
}

void Fiber::pause() {
  about_to_switch(&fake_inside_, outside_stack_, outside_size_);
  outside_ = boost::context::detail::jump_fcontext(outside_, nullptr).fctx;
  have_switched(fake_inside_, &outside_stack_, &outside_size_);
}

void Fiber::enter(boost::context::detail::transfer_t from) {
  auto* self = static_cast<Fiber*>(from.data);
  self->outside_ = from.fctx;
  have_switched(nullptr, &self->outside_stack_, &self->outside_size_);
  self->body_(self->argument_);
  std::abort();
}

}  // namespace emulator
