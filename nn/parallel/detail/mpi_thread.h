// The thread that speaks MPI: it alone calls the module's functions.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "nn/parallel/communicator.h"
#include "nn/parallel/detail/mpi_functions.h"
#include "nn/parallel/mpi.h"

namespace papilio::nn {

class MpiThread {
 public:
  // Begins MPI. Throws RankError if it is not the launcher's.
  MpiThread(const PapilioMpiFunctions& functions, const Launch& launch, double patience);
  // MPI is left as it is unless finish() came before: the process ends.
  ~MpiThread();
  MpiThread(const MpiThread&) = delete;
  MpiThread& operator=(const MpiThread&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  const std::string& host(int rank) const { return hosts_[size_t(rank)]; }
  const std::string& engine() const { return engine_; }

  int64_t start(const Collective& collective);
  void wait(int64_t ticket);
  void set_busy_for(double seconds);
  void set_patience(double seconds);
  bool others_busy();
  std::string fail(const std::string& reason);
  void leave(int code);
  void finish();

 private:
  enum class Ask { nothing, fail, abort, finish };
  // What ranks tell each other beside the exchanges.
  struct Notice {
    enum class Kind : int32_t { where, here, end } kind = Kind::where;
    int32_t flag = 0;  // here: busy; end: the failure is its own
    int64_t begun = 0;
    std::array<char, 1000> text{};
  };
  // What this rank knows of another.
  struct Other {
    bool asked = false, busy = false, ended = false, own = false;
    double silent = 0;  // seconds since it was asked and did not answer
    double late = 0;    // seconds of this exchange that it was neither busy nor there
    int64_t begun = 0;  // exchanges that it has come to
    std::string text;   // of its end
  };
  using Clock = std::chrono::steady_clock;
  using Seconds = std::chrono::duration<double>;
  static double seconds_now() { return Seconds(Clock::now().time_since_epoch()).count(); }
  // How long failing ranks wait for each other's reasons.
  static constexpr double kEndWithin = 3;

  void run(const Launch& launch);
  void begin(const Launch& launch);
  void learn_hosts();
  void serve();
  // patient: the others may come when they like, as long as they answer.
  void exchange(const Collective& collective, bool patient);
  // end_of_exchange: seconds that it may go on when a rank has ended behind it.
  void poll(bool patient, double end_of_exchange);
  void travel(const PapilioMpiCollective& c, Clock::time_point begin) const;
  void check(int error, const char* what) const;
  void read_notices();
  void tell_end_of(int rank);
  void throw_end_of(int rank);
  void send(int to, Notice::Kind kind, int32_t flag = 0, const std::string& text = "");
  // Between exchanges, while the caller asks for others_busy().
  void watch_others();
  // Every second of waiting for others: so many seconds since the last time.
  void look_after_others(double seconds, bool patient);
  void end_together();
  std::string name(int rank) const;
  void throw_failure() const;

  const PapilioMpiFunctions& functions_;
  int rank_ = 0, size_ = 1;
  std::string engine_;
  std::vector<std::string> hosts_;

  std::mutex mutex_;
  std::condition_variable asked_, done_;
  // What the mutex guards.
  std::deque<Collective> queue_;
  int64_t given_ = 0, finished_ = 0;  // exchanges
  bool waiting_ = false, ready_ = false, answered_ = false;
  bool watched_ = false, others_busy_ = false;  // asked since the last look; the answer
  Ask ask_ = Ask::nothing;
  int abort_code_ = 1;
  double patience_;
  double busy_until_ = 0;  // by seconds_now()
  std::string failure_;    // no exchange can be had any more
  bool told_ = false;      // it is another rank's

  // A slower link than this machine has, to measure with (PAPILIO_LINK=BITS_A_SECOND,LATENCY).
  double bits_a_second_ = 0, latency_ = 0;

  // The thread's own.
  int64_t begun_ = 0;
  std::vector<std::byte> from_, to_;  // copies of what an exchange takes and gives
  std::vector<Other> others_;
  Clock::time_point watched_at_;
  bool exchanging_ = false;
  int ended_ = -1;  // the rank that ended behind the exchange that runs
  bool own_ = false, names_rank_ = false;
  std::string reason_, line_;

  std::thread thread_;
};

}  // namespace papilio::nn
