#include "tests/emulator/thread_ranks.h"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

namespace papilio::test {

namespace {

using nn::Collective;
using nn::RankError;

struct Together {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Collective> given;
  size_t waiting = 0;
  int64_t rounds = 0;
  std::string failure;
  std::vector<bool> busy;

  // Returns when all have come.
  void meet() {
    std::unique_lock lock(mutex);
    const int64_t round = rounds;
    if (++waiting == given.size()) {
      waiting = 0;
      ++rounds;
      changed.notify_all();
    }
    changed.wait(lock, [&] { return rounds > round || !failure.empty(); });
    if (rounds == round) throw RankError(failure);
  }
};

class ThreadRank : public nn::Communicator {
 public:
  ThreadRank(Together& all, int rank) : all_(all), rank_(rank) {}

  int rank() const override { return rank_; }
  int size() const override { return int(all_.given.size()); }
  std::string host(int) const override { return "here"; }
  std::string engine() const override { return "threads"; }

  int64_t start(const Collective& c) override {
    check(c.device.is_cpu() && c.kind != Collective::Kind::all_reduce &&
              c.kind != Collective::Kind::all_to_all,
          "threads: no such exchange");
    all_.given[size_t(rank_)] = c;
    all_.meet();
    const size_t bytes = size_t(c.count) * size_of(c.dtype);
    auto* to = static_cast<std::byte*>(c.to);
    if (c.kind == Collective::Kind::broadcast && c.root != rank_ && bytes > 0)
      std::memcpy(to, all_.given[size_t(c.root)].to, bytes);
    if (c.kind == Collective::Kind::all_gather && bytes > 0)
      for (size_t r = 0; r < all_.given.size(); ++r)
        std::memcpy(to + r * bytes, all_.given[r].from, bytes);
    all_.meet();
    return 0;
  }
  void wait(int64_t) override {}
  void set_busy_for(double seconds) override {
    const std::lock_guard lock(all_.mutex);
    all_.busy[size_t(rank_)] = seconds > 0;
  }
  void set_patience(double) override {}
  bool others_busy() override {
    const std::lock_guard lock(all_.mutex);
    check<RankError>(all_.failure.empty(), all_.failure);
    for (size_t r = 0; r < all_.busy.size(); ++r)
      if (all_.busy[r] && r != size_t(rank_)) return true;
    return false;
  }
  std::string fail(const std::string& reason) override {
    const std::lock_guard lock(all_.mutex);
    if (!all_.failure.empty()) return "";
    all_.failure = str("rank ", rank_, " of ", size(), " on here: ", reason);
    all_.changed.notify_all();
    return all_.failure;
  }
  void leave(int) override { throw RankError("a thread has no end of its own"); }
  void finish() override { all_.meet(); }

 private:
  Together& all_;
  int rank_;
};

}  // namespace

std::string in_thread_ranks(int size,
                            const std::function<void(std::unique_ptr<nn::Communicator>)>& f) {
  Together all;
  all.given.resize(size_t(size));
  all.busy.resize(size_t(size));
  std::vector<std::thread> threads;
  threads.reserve(size_t(size));
  for (int r = 0; r < size; ++r) {
    threads.emplace_back([&, r] {
      try {
        f(std::make_unique<ThreadRank>(all, r));
      } catch (const Error& e) {
        ThreadRank(all, r).fail(e.what());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return all.failure;
}

}  // namespace papilio::test
