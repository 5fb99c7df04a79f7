// A sign of life while something takes its time.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>

namespace papilio::nn {

// From a second after its beginning until its end it shows what is under way and for how long: on a
// terminal a line that turns and goes away at the end, elsewhere a line every five seconds. Nothing
// else writes to `out` meanwhile. A null `out` shows nothing.
class Spinner {
 public:
  Spinner(std::FILE* out, std::string what);
  ~Spinner();
  Spinner(const Spinner&) = delete;
  Spinner& operator=(const Spinner&) = delete;

 private:
  void run();
  void show(double seconds, int turn) const;

  std::FILE* out_;
  bool terminal_;
  std::string what_;
  std::mutex mutex_;
  std::condition_variable over_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace papilio::nn
