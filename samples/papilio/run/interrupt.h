// Ctrl-C as a question that loops ask.
#pragma once

namespace papilio::cli {

// While it lives, the first SIGINT, SIGTERM, SIGHUP (a terminal that closes) or SIGUSR1 (which
// mpirun hands on) is only noted; the second of its kind ends the program.
class Interruptible {
 public:
  Interruptible();
  ~Interruptible();
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;

  // The signal that came, 0 before.
  static int signal();
};

}  // namespace papilio::cli
