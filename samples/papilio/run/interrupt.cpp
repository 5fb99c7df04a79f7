#include "samples/papilio/run/interrupt.h"

#include <signal.h>

#include <cstddef>
#include <iterator>

namespace papilio::cli {

namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};

volatile sig_atomic_t received = 0;
struct sigaction before[std::size(kSignals)];

void note(int signal) {
  received = signal;
}

}  // namespace

Interruptible::Interruptible() {
  received = 0;
  struct sigaction action = {};
  action.sa_handler = note;
  action.sa_flags = int(SA_RESTART | SA_RESETHAND);
  for (size_t i = 0; i < std::size(kSignals); ++i) {
    sigaction(kSignals[i], nullptr, &before[i]);
    // Who started the program may have asked it to ignore the signal (nohup, shells' &).
    if (before[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &action, nullptr);
  }
}

Interruptible::~Interruptible() {
  for (size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &before[i], nullptr);
}

int Interruptible::signal() {
  return received;
}

}  // namespace papilio::cli
