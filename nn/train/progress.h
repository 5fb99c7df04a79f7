// Progress for people: one line that renews itself on a terminal, plain lines now and then
// elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

namespace papilio::nn {

class Progress {
 public:
  // `out` is stderr in programs. Whether it is a terminal decides the form; a null `out` shows
  // nothing.
  Progress(std::FILE* out, std::string title, int64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` of `total` steps; `detail` stands behind the bar ("loss 0.123  acc 97.1 %"). At most ten
  // updates a second are shown.
  void update(int64_t done, int64_t images, const std::string& detail);
  // What a second could do and an image takes, in operations: the line then shows the share of the
  // machine's peak that is used.
  void set_peak(double operations_a_second, double operations_an_image) {
    images_at_peak_ = operations_a_second / operations_an_image;
  }
  // What is counted, if it is not images.
  void set_unit(std::string unit) { unit_ = std::move(unit); }
  // Steps made before this run began: they count in `total`, not in the time.
  void set_done_before(int64_t done) { before_ = done; }
  // Leaves the last state, if there was one, on its line. Called by the destructor too.
  void finish();

 private:
  void show(int64_t done, const std::string& detail);

  using Clock = std::chrono::steady_clock;
  std::FILE* out_;
  bool terminal_;
  std::string title_, last_detail_, unit_ = "images";
  int64_t total_, images_ = 0, last_done_ = 0, before_ = 0;
  double images_at_peak_ = 0;
  bool finished_ = false, updated_ = false;
  Clock::time_point begin_, shown_;
};

// 75 -> "1:15", 3700 -> "1:01:40"
std::string duration_text(double seconds);

}  // namespace papilio::nn
