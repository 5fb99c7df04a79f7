// Scopes that change what is recorded on this thread.
#pragma once

namespace papilio {

bool grad_enabled();

// While it lives, operations on this thread record nothing.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool before_;
};

// While it lives, operations on this thread record, inside a NoGrad too.
class EnableGrad {
 public:
  EnableGrad();
  ~EnableGrad();
  EnableGrad(const EnableGrad&) = delete;
  EnableGrad& operator=(const EnableGrad&) = delete;

 private:
  bool before_;
};

// True inside an AnomalyMode.
bool anomaly_mode();

// While it lives, every operation's output and every gradient is searched for NaN, and the first
// operation that makes one from NaN-free inputs throws an Error that names it. Slow; for finding,
// not for training.
class AnomalyMode {
 public:
  AnomalyMode();
  ~AnomalyMode();
  AnomalyMode(const AnomalyMode&) = delete;
  AnomalyMode& operator=(const AnomalyMode&) = delete;

 private:
  bool before_;
};

}  // namespace papilio
