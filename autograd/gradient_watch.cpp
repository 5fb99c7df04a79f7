#include "autograd/gradient_watch.h"

#include <utility>

namespace papilio {

namespace {
thread_local const GradientArrived* watching = nullptr;
}

GradientWatch::GradientWatch(GradientArrived arrived)
    : arrived_(std::move(arrived)), before_(std::exchange(watching, &arrived_)) {}

GradientWatch::~GradientWatch() {
  watching = before_;
}

const GradientArrived* GradientWatch::current() {
  return watching;
}

}  // namespace papilio
