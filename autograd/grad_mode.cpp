#include "autograd/grad_mode.h"

#include <utility>

namespace papilio {

namespace {
thread_local bool recording = true;
thread_local bool searching = false;
}  // namespace

bool grad_enabled() {
  return recording;
}
NoGrad::NoGrad() : before_(std::exchange(recording, false)) {}
NoGrad::~NoGrad() {
  recording = before_;
}

EnableGrad::EnableGrad() : before_(std::exchange(recording, true)) {}
EnableGrad::~EnableGrad() {
  recording = before_;
}

bool anomaly_mode() {
  return searching;
}
AnomalyMode::AnomalyMode() : before_(std::exchange(searching, true)) {}
AnomalyMode::~AnomalyMode() {
  searching = before_;
}

}  // namespace papilio
