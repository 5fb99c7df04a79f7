#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "nn/parallel/detail/mpi_thread.h"
#include "tensor/text.h"

namespace papilio::nn {

namespace {

// Others are asked whether they are there when they are so late.
constexpr double kAskAfter = 1;
// An exchange that a rank has come to before its end comes to its own end soon, or never: at
// 1 Gbit/s twice its bytes, as a sum in a ring sends, and that again for a link that others use
// too.
constexpr double kEndOfExchange = 0.2, kEndOfOneByte = 2 * 2 * 8 / 1e9;
// A process that was stopped and goes on (Ctrl-Z, fg) has not waited all that while.
constexpr double kOneLook = 0.05;

int type_of(DType dtype) {
  return dtype == DType::float32    ? 1
         : dtype == DType::float64  ? 2
         : dtype == DType::bfloat16 ? 3
                                    : 0;
}

PapilioMpiCollective as_module_has_it(const Collective& c) {
  papilio::check(c.device.is_cpu(), "MPI: expected the host's memory, got ", c.device);
  const bool sum = c.kind == Collective::Kind::all_reduce;
  papilio::check(!sum || type_of(c.dtype) != 0,
                 "all_reduce: expected float32, float64 or bfloat16, got ", c.dtype);
  const int64_t count = sum ? c.count : c.count * int64_t(size_of(c.dtype));
  papilio::check(count >= 0 && count <= int64_t(1) << 30, "MPI: expected at most 2^30, got ", count,
                 sum ? " numbers" : " bytes");
  return {int(c.kind), sum ? type_of(c.dtype) : 0, c.from, c.to, int(count), c.root};
}

// "Open MPI v4.1.4, package: ..." or "MPICH Version:\t4.0.2\n...", without what is behind the
// number.
std::string name_of_engine(std::string text) {
  text.resize(std::min(text.find_first_of(",\n"), text.size()));
  const std::string between = " Version:\t";
  const size_t at = text.find(between);
  return at == text.npos ? text : text.replace(at, between.size(), " ");
}

}  // namespace

MpiThread::MpiThread(const PapilioMpiFunctions& functions, const Launch& launch, double patience)
    : functions_(functions), rank_(launch.rank), size_(launch.size), patience_(patience) {
  if (const char* link = std::getenv("PAPILIO_LINK")) {
    char* end = nullptr;
    bits_a_second_ = std::strtod(link, &end);
    latency_ = *end == ',' ? std::strtod(end + 1, nullptr) : 0;
  }
  others_.resize(size_t(size_));
  hosts_.assign(size_t(size_), "an unknown host");
  thread_ = std::thread([this, launch] { run(launch); });
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&] { return ready_ || !failure_.empty(); });
  if (failure_.empty()) return;
  const std::string why = failure_;
  lock.unlock();
  thread_.join();
  throw RankError(why);
}

MpiThread::~MpiThread() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    if (failure_.empty()) failure_ = "the communicator has ended";
    ask_ = Ask::abort;
    abort_code_ = 0;
  }
  asked_.notify_all();
  thread_.join();
}

int64_t MpiThread::start(const Collective& collective) {
  const std::lock_guard lock(mutex_);
  throw_failure();
  queue_.push_back(collective);
  asked_.notify_all();
  return ++given_;
}

void MpiThread::wait(int64_t ticket) {
  std::unique_lock lock(mutex_);
  waiting_ = true;
  done_.wait(lock, [&] { return finished_ >= ticket || !failure_.empty(); });
  waiting_ = false;
  if (finished_ < ticket) throw_failure();
}

void MpiThread::set_busy_for(double seconds) {
  const std::lock_guard lock(mutex_);
  busy_until_ = seconds_now() + seconds;
}

void MpiThread::set_patience(double seconds) {
  const std::lock_guard lock(mutex_);
  patience_ = seconds;
}

bool MpiThread::others_busy() {
  const std::lock_guard lock(mutex_);
  throw_failure();
  watched_ = true;
  return others_busy_;
}

std::string MpiThread::fail(const std::string& reason) {
  if (!thread_.joinable()) return reason;  // behind the common end, each is alone
  std::unique_lock lock(mutex_);
  reason_ = reason;
  own_ = !told_ || reason != failure_;
  names_rank_ = reason == failure_;  // it was found here, of another
  ask_ = Ask::fail;
  answered_ = false;
  if (failure_.empty()) failure_ = reason;
  asked_.notify_all();
  done_.wait(lock, [&] { return answered_; });
  return line_;
}

void MpiThread::leave(int code) {
  if (!thread_.joinable()) return;
  // The speaker ends the others; a launcher that is gone ends nobody.
  if (line_.empty()) std::this_thread::sleep_for(Seconds(kEndWithin));
  std::unique_lock lock(mutex_);
  ask_ = Ask::abort;
  abort_code_ = code;
  answered_ = false;
  asked_.notify_all();
  done_.wait_for(lock, Seconds(kEndWithin), [&] { return answered_; });
}

void MpiThread::finish() {
  {
    std::unique_lock lock(mutex_);
    ask_ = Ask::finish;
    answered_ = false;
    asked_.notify_all();
    done_.wait(lock, [&] { return answered_; });
    if (!failure_.empty()) throw_failure();
  }
  thread_.join();
}

void MpiThread::throw_failure() const {
  if (!failure_.empty()) throw RankError(failure_);
}

void MpiThread::check(int error, const char* what) const {
  if (error == 0) return;
  std::array<char, 1024> text{};
  functions_.error_text(error, text.data(), int(text.size()));
  throw RankError(str(name(rank_), ": MPI: ", what, ": ", text.data()));
}

void MpiThread::begin(const Launch& launch) {
  int funneled = 0;
  check(functions_.init(&rank_, &size_, &funneled), "the beginning");
  std::array<char, 8192> text{};
  check(functions_.version_text(text.data(), int(text.size())), "the version");
  engine_ = name_of_engine(text.data());
  if (size_ != launch.size) {
    throw RankError(str("started by ", launch.launcher, " as one of ", launch.size,
                        " ranks, but the MPI that Papilio is built with (", engine_, ") sees ",
                        size_, ": start it with that MPI's own mpirun"));
  }
  if (!funneled) throw RankError(engine_ + " gives no MPI_THREAD_FUNNELED");
  learn_hosts();
}

void MpiThread::learn_hosts() {
  constexpr size_t kLength = 256;
  std::vector<char> own(kLength, '\0'), all(kLength * size_t(size_), '\0');
  ::gethostname(own.data(), kLength - 1);
  exchange({.kind = Collective::Kind::all_gather,
            .from = own.data(),
            .to = all.data(),
            .count = int64_t(kLength)},
           false);
  for (size_t r = 0; r < size_t(size_); ++r) hosts_[r] = all.data() + r * kLength;
}

void MpiThread::run(const Launch& launch) {
  try {
    begin(launch);
  } catch (const std::exception& e) {
    const std::lock_guard lock(mutex_);
    failure_ = e.what();
    done_.notify_all();
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    ready_ = true;
    done_.notify_all();
  }
  serve();
}

void MpiThread::serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    asked_.wait_for(lock, std::chrono::milliseconds(100),
                    [&] { return ask_ != Ask::nothing || (!queue_.empty() && failure_.empty()); });
    const Ask ask = std::exchange(ask_, Ask::nothing);
    const bool exchanges = ask == Ask::nothing && failure_.empty() && !queue_.empty();
    const Collective next = exchanges ? queue_.front() : Collective{};
    const int code = abort_code_;
    const bool failed = !failure_.empty(), watched = std::exchange(watched_, false);
    lock.unlock();
    std::string problem;
    try {
      if (ask == Ask::fail) end_together();
      if (ask == Ask::abort && code != 0) functions_.abort(code);
      if (ask == Ask::finish && !failed) {
        exchange({}, true);
        check(functions_.finalize(), "the end");
      }
      if (exchanges)
        exchange(next, false);
      else if (ask == Ask::nothing && !failed)
        read_notices();
      if (!exchanges && ask == Ask::nothing && !failed && watched) watch_others();
    } catch (const std::exception& e) {
      problem = e.what();
      exchanging_ = false;
    }
    lock.lock();
    if (!problem.empty() && failure_.empty()) failure_ = problem;
    if (exchanges && problem.empty()) {
      queue_.pop_front();
      ++finished_;
      if (ended_ >= 0) tell_end_of(ended_);
    }
    others_busy_ = std::ranges::any_of(others_, &Other::busy);
    if (ask != Ask::nothing) answered_ = true;
    done_.notify_all();
    // After an end that failed there is still to be said why.
    if (ask == Ask::abort || (ask == Ask::finish && failure_.empty())) return;
  }
}

void MpiThread::exchange(const Collective& collective, bool patient) {
  PapilioMpiCollective c = as_module_has_it(collective);
  const size_t one = size_t(collective.count) * size_of(collective.dtype);
  const auto ranks = size_t(size_);
  using Kind = Collective::Kind;
  const size_t from = collective.from == nullptr            ? 0
                      : collective.kind == Kind::all_to_all ? one * ranks
                                                            : one;
  const bool rows = collective.kind == Kind::all_to_all || collective.kind == Kind::all_gather;
  const size_t to = rows ? one * ranks : one;
  if (!collective.keep && one > 0) {
    from_.assign(static_cast<const std::byte*>(collective.from),
                 static_cast<const std::byte*>(collective.from) + from);
    to_.assign(static_cast<const std::byte*>(collective.to),
               static_cast<const std::byte*>(collective.to) + to);
    c.from = from_.data();
    c.to = to_.data();
  }
  ++begun_;
  for (Other& other : others_) other.asked = false, other.silent = other.late = 0;
  check(functions_.start_exchange(&c), "an exchange");
  const auto begin = Clock::now();
  exchanging_ = true;
  read_notices();
  // Within kEndWithin, in which the ranks hear each other's reasons.
  poll(patient, std::min(kEndOfExchange + kEndOfOneByte * double(to), kEndWithin - 0.5));
  exchanging_ = false;
  if (bits_a_second_ > 0) travel(c, begin);
  if (!collective.keep && one > 0) std::memcpy(collective.to, to_.data(), to);
}

// Not before a ring of such links would have it: 2 (n - 1) messages of bytes / n for a sum.
void MpiThread::travel(const PapilioMpiCollective& c, Clock::time_point begin) const {
  const double sizes[] = {1, 4, 8, 2}, bytes = sizes[c.type] * c.count, n = size_;
  const bool sum = c.kind == int(Collective::Kind::all_reduce);
  const double messages = sum ? 2 * (n - 1) : n - 1, each = sum ? bytes / n : bytes;
  std::this_thread::sleep_until(begin + std::chrono::duration_cast<Clock::duration>(Seconds(
                                            messages * (latency_ + 8 * each / bits_a_second_))));
}

void MpiThread::poll(bool patient, double end_of_exchange) {
  double late = 0, after_end = 0, asked_at = kAskAfter - 1;
  auto before = Clock::now();
  for (int64_t looks = 0;; ++looks) {
    int done = 0;
    check(functions_.test_exchange(&done), "an exchange");
    if (done) return;
    const auto now = Clock::now();
    const double step = std::min(Seconds(now - before).count(), kOneLook);
    late += step;
    before = now;
    if (looks % 16 == 0 && late > 0.002) read_notices();
    if (ended_ >= 0 && (after_end += step) > end_of_exchange) throw_end_of(ended_);
    if (late - asked_at >= 1) {
      look_after_others(late - asked_at, patient);
      asked_at = late;
    }
    bool hurry = false;
    {
      const std::lock_guard lock(mutex_);
      hurry = waiting_;
      if (ask_ == Ask::fail || ask_ == Ask::abort) throw RankError("another failure came first");
    }
    // Whoever waits for the exchange leaves its processor to this thread; one that computes does
    // not.
    if (hurry && !patient && late < 0.2) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(late < 0.2 ? 100 : 1000));
    }
  }
}

}  // namespace papilio::nn
