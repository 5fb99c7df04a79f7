#include "nn/train/spinner.h"

#include <chrono>
#include <system_error>
#include <utility>

#include "nn/train/detail/terminal.h"
#include "nn/train/progress.h"
#include "tensor/error.h"

namespace papilio::nn {

namespace {

constexpr const char* kTurns[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};

}  // namespace

Spinner::Spinner(std::FILE* out, std::string what)
    : out_(out), terminal_(is_terminal(out)), what_(std::move(what)) {
  if (out == nullptr) return;
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {
    // Without a thread there is no sign; the work goes on.
  }
}

Spinner::~Spinner() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  over_.notify_one();
  thread_.join();
}

void Spinner::run() {
  using namespace std::chrono_literals;
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  std::chrono::milliseconds until = terminal_ ? 1000ms : 5000ms;
  bool shown = false;
  std::unique_lock lock(mutex_);
  for (int turn = 0; !over_.wait_until(lock, begin + until, [this] { return stopped_; }); ++turn) {
    show(std::chrono::duration<double>(Clock::now() - begin).count(), turn);
    shown = true;
    until += terminal_ ? 100ms : 5000ms;
  }
  if (shown && terminal_) {
    std::fputs(kRenewLine, out_);
    std::fflush(out_);
  }
}

void Spinner::show(double seconds, int turn) const {
  if (terminal_) {
    const std::string line = str(kTurns[turn % 10], ' ', what_, "  ", duration_text(seconds));
    std::fprintf(out_, "%s%s", kRenewLine, cut_to(line, terminal_columns(out_) - 1).c_str());
  } else {
    std::fprintf(out_, "%s  %s\n", what_.c_str(), duration_text(seconds).c_str());
  }
  std::fflush(out_);
}

}  // namespace papilio::nn
