#include "nn/train/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "tensor/error.h"

namespace papilio::nn {

namespace {

constexpr int kBarWidth = 24;

std::string bar(double fraction) {
  const int filled = int(fraction * kBarWidth);
  std::string text;
  for (int i = 0; i < kBarWidth; ++i) text += i < filled ? "━" : "╌";
  return text;
}

}  // namespace

std::string duration_text(double seconds) {
  const auto s = int64_t(seconds + 0.5);
  char text[32];
  if (s >= 3600) {
    std::snprintf(text, sizeof text, "%d:%02d:%02d", int(s / 3600), int(s / 60 % 60), int(s % 60));
  } else {
    std::snprintf(text, sizeof text, "%d:%02d", int(s / 60), int(s % 60));
  }
  return text;
}

Progress::Progress(std::FILE* out, std::string title, int64_t total)
    : out_(out),
      terminal_(out != nullptr && isatty(fileno(out)) == 1),
      title_(std::move(title)),
      total_(std::max<int64_t>(total, 1)),
      begin_(Clock::now()),
      shown_(begin_) {}

Progress::~Progress() {
  finish();
}

void Progress::update(int64_t done, int64_t images, const std::string& detail) {
  updated_ = true;
  images_ += images;
  last_done_ = done;
  last_detail_ = detail;
  if (out_ == nullptr) return;
  const double since = std::chrono::duration<double>(Clock::now() - shown_).count();
  if (since >= (terminal_ ? 0.1 : 10.0)) show(done, detail);
}

void Progress::show(int64_t done, const std::string& detail) {
  shown_ = Clock::now();
  const double elapsed = std::chrono::duration<double>(shown_ - begin_).count();
  const double fraction = std::clamp(double(done) / double(total_), 0.0, 1.0);
  std::string line = title_;
  if (terminal_) line = "\r\033[2K" + line + ' ' + bar(fraction);
  line += str(' ', done, '/', total_);
  if (images_ > 0 && elapsed > 0) {
    const double rate = double(images_) / elapsed;
    line += rate < 10 ? str("  ", double(int64_t(10 * rate + 0.5)) / 10, " ", unit_, "/s")
                      : str("  ", int64_t(rate), " ", unit_, "/s");
    if (images_at_peak_ > 0)
      line += str(" (", int64_t(100 * rate / images_at_peak_ + 0.5), " % of peak)");
  }
  line += "  " + detail + "  " + duration_text(elapsed);
  if (done > before_ && done < total_)
    line +=
        ", " + duration_text(elapsed * double(total_ - done) / double(done - before_)) + " to go";
  std::fprintf(out_, terminal_ ? "%s" : "%s\n", line.c_str());
  std::fflush(out_);
}

void Progress::finish() {
  if (finished_ || !updated_ || out_ == nullptr) return;
  finished_ = true;
  show(last_done_, last_detail_);
  if (terminal_) std::fputc('\n', out_);
}

}  // namespace papilio::nn
