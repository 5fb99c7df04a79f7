#include "nn/train/progress.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "nn/train/detail/terminal.h"
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

// "epoch 1/2  loss 0.1" -> "epoch 1/2", "loss 0.1"
std::vector<std::string> split_at_blanks(const std::string& detail) {
  std::vector<std::string> parts;
  if (detail.empty()) return parts;
  for (size_t from = 0, to = 0; from <= detail.size() && to != detail.npos; from = to + 2) {
    to = detail.find("  ", from);
    parts.push_back(detail.substr(from, to == detail.npos ? to : to - from));
  }
  return parts;
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
      terminal_(is_terminal(out)),
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
  // The last ranks are the first that a narrow terminal has no room for.
  enum Rank { stays, to_go, details, rate = 20, time, bars, peak };
  std::vector<LinePart> parts{{title_, stays}};
  if (terminal_)
    parts.push_back({' ' + bar(std::clamp(double(done) / double(total_), 0.0, 1.0)), bars});
  parts.push_back({str(' ', done, '/', total_), stays});
  if (images_ > 0 && elapsed > 0) {
    const double speed = double(images_) / elapsed;
    const std::string number =
        speed < 10 ? str(double(int64_t(10 * speed + 0.5)) / 10) : str(int64_t(speed));
    parts.push_back({"  " + number + ' ' + unit_ + "/s", rate});
    // A peak that is exceeded was measured while others used the machine.
    if (images_at_peak_ > 0 && speed <= images_at_peak_)
      parts.push_back(
          {str(" (", int64_t(100 * speed / images_at_peak_ + 0.5), " % of peak)"), peak});
  }
  int next = details;
  for (const std::string& part : split_at_blanks(detail))
    parts.push_back({"  " + part, std::min(next++, int(rate) - 1)});
  parts.push_back({"  " + duration_text(elapsed), time});
  if (done > before_ && done < total_)
    parts.push_back(
        {", " + duration_text(elapsed * double(total_ - done) / double(done - before_)) + " to go",
         to_go});
  if (terminal_) {
    std::fprintf(out_, "%s%s", kRenewLine, fitted(parts, terminal_columns(out_) - 1).c_str());
  } else {
    for (const LinePart& part : parts) std::fputs(part.text.c_str(), out_);
    std::fputc('\n', out_);
  }
  std::fflush(out_);
}

void Progress::finish() {
  if (finished_ || !updated_ || out_ == nullptr) return;
  finished_ = true;
  show(last_done_, last_detail_);
  if (terminal_) std::fputc('\n', out_);
}

}  // namespace papilio::nn
