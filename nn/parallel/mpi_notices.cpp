// What ranks tell each other beside the exchanges: that they are there, and that they end.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "nn/parallel/communicator.h"
#include "nn/parallel/detail/mpi_thread.h"
#include "tensor/text.h"

namespace papilio::nn {

namespace {

// A rank that is asked whether it is there answers at once, whatever it computes.
constexpr double kGoneAfter = 5;
// A process that was stopped and goes on has not waited all that while since it asked last.
constexpr double kOneWatch = 1.5;

}  // namespace

std::string MpiThread::name(int rank) const {
  return str("rank ", rank, " of ", size_, " on ", hosts_[size_t(rank)]);
}

void MpiThread::read_notices() {
  for (;;) {
    Notice notice;
    int from = -1;
    check(functions_.receive_notice(&from, &notice, int(sizeof notice)), "a notice");
    if (from < 0) return;
    Other& other = others_[size_t(from)];
    switch (notice.kind) {
      case Notice::Kind::where: {
        const std::unique_lock lock(mutex_);
        send(from, Notice::Kind::here, seconds_now() < busy_until_);
        break;
      }
      case Notice::Kind::here:
        other.silent = 0;
        other.asked = false;
        other.busy = notice.flag != 0;
        other.begun = notice.begun;
        break;
      case Notice::Kind::end:
        other.ended = true;
        other.own = notice.flag != 0;
        other.text = notice.text.data();
        // What it met behind this exchange, this rank may meet too: then all say the same.
        if (exchanging_ && notice.begun >= begun_) {
          if (ended_ < 0) ended_ = from;
        } else {
          throw_end_of(from);
        }
        break;
    }
  }
}

// Under the mutex.
void MpiThread::tell_end_of(int rank) {
  if (failure_.empty()) failure_ = name(rank) + ": " + others_[size_t(rank)].text, told_ = true;
  done_.notify_all();
}

void MpiThread::throw_end_of(int rank) {
  const std::lock_guard lock(mutex_);
  tell_end_of(rank);
  if (ask_ == Ask::nothing) throw RankError(failure_);
}

void MpiThread::send(int to, Notice::Kind kind, int32_t flag, const std::string& text) {
  Notice notice{.kind = kind, .flag = flag, .begun = begun_};
  text.copy(notice.text.data(), notice.text.size() - 1);
  check(functions_.send_notice(to, &notice, int(sizeof notice)), "a notice");
}

void MpiThread::look_after_others(double seconds, bool patient) {
  double patience = 0;
  {
    const std::lock_guard lock(mutex_);
    patience = patience_;
  }
  for (int r = 0; r < size_; ++r) {
    Other& other = others_[size_t(r)];
    if (r == rank_) continue;
    if (other.asked) other.silent += seconds;
    if (other.silent >= kGoneAfter)
      throw RankError(name(r) + " does not answer: it was stopped, or its machine is gone");
    // By what it last said.
    other.late = other.busy || other.begun >= begun_ ? 0 : other.late + seconds;
    if (!patient && other.late > patience && !other.asked)
      throw RankError(str(name(r), " has not come in ", patience, " seconds: it hangs"));
    if (!other.asked) send(r, Notice::Kind::where);
    other.asked = true;
  }
}

void MpiThread::watch_others() {
  const auto now = Clock::now();
  const double seconds = std::min(Seconds(now - watched_at_).count(), kOneWatch);
  if (seconds < 1) return;
  watched_at_ = now;
  look_after_others(seconds, true);
}

void MpiThread::end_together() {
  const std::string own_line = !own_ || names_rank_ ? reason_ : name(rank_) + ": " + reason_;
  line_ = own_line;  // if nobody can be told any more
  for (int r = 0; r < size_; ++r) {
    if (r != rank_) send(r, Notice::Kind::end, own_, reason_);
  }
  others_[size_t(rank_)].ended = true;
  others_[size_t(rank_)].own = own_;
  others_[size_t(rank_)].text = reason_;
  const auto all_have = [&](auto&& f) { return std::ranges::all_of(others_, f); };
  for (const auto begin = Clock::now(); Seconds(Clock::now() - begin).count() < kEndWithin;) {
    try {
      read_notices();
    } catch (const RankError&) {
      continue;
    }
    const auto nothing_comes = [](const Other& o) { return o.ended || o.silent >= kGoneAfter; };
    if (all_have(nothing_comes)) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const auto speaker = std::ranges::find_if(others_, &Other::own);
  line_.clear();
  if (speaker != others_.end() && speaker != others_.begin() + rank_) return;
  const bool same =
      all_have([&](const Other& other) { return other.own && other.text == reason_; });
  line_ = same ? reason_ : own_line;
}

}  // namespace papilio::nn
