#include "nn/parallel/nccl.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "kernels/nccl.h"
#include "nn/parallel/data_parallel.h"

namespace papilio::nn {

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

struct Abort {
  void operator()(cuda::NcclCommunicator* communicator) const noexcept {
    cuda::nccl_abort(communicator);
  }
};
using NcclHandle = std::unique_ptr<cuda::NcclCommunicator, Abort>;

// What goes wrong in NCCL is most often another rank's end, which `host` knows more of.
template <class F>
auto of_nccl(Communicator& host, F f) -> decltype(f()) {
  try {
    return f();
  } catch (const papilio::Error&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    host.others_busy();
    throw;
  }
}

// A process that was stopped and goes on has not waited all that while.
constexpr double kOneLook = 1;

// Returns when f() is true. Throws if another rank fails, or `what` has not come after so many
// seconds in which none was busy.
template <class F>
void poll(Communicator& host, double patience, const char* what, F f) {
  double waited = 0, late = 0;
  auto before = Clock::now();
  while (!of_nccl(host, f)) {
    const auto now = Clock::now();
    const double step = std::min(Seconds(now - before).count(), kOneLook);
    before = now;
    waited += step;
    late = host.others_busy() ? 0 : late + step;
    check<RankError>(late < patience, "NCCL: ", what, " has not come in ", patience, " seconds");
    if (waited > 0.001) std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

class Nccl : public Communicator {
 public:
  Nccl(std::unique_ptr<Communicator> host, Device device, NcclHandle nccl, double patience)
      : host_(std::move(host)), device_(device), patience_(patience), nccl_(std::move(nccl)) {}

  int rank() const override { return host_->rank(); }
  int size() const override { return host_->size(); }
  std::string host(int rank) const override { return host_->host(rank); }
  std::string engine() const override { return host_->engine() + ", " + cuda::nccl_version(); }

  bool reaches(Device device) const override { return device.is_cpu() || device == device_; }
  // Tickets of the GPUs' sums are negative.
  int64_t start(const Collective& c) override {
    if (c.device.is_cpu()) return host_->start(c);
    check(c.device == device_ && c.kind == Collective::Kind::all_reduce,
          "NCCL: expected a sum of memory on ", device_, ", got ", c.device);
    check(c.keep != nullptr, "NCCL: expected what holds a sum's memory");
    const int64_t n =
        of_nccl(*host_, [&] { return cuda::nccl_all_reduce(nccl_.get(), c.to, c.count, c.dtype); });
    kept_.push_back(c.keep);
    // Connecting to the others is a part of the first one.
    poll(*host_, patience_, "a sum", [&] { return cuda::nccl_ready(nccl_.get()); });
    return -n;
  }
  void wait(int64_t ticket) override {
    if (ticket >= 0) return host_->wait(ticket);
    poll(*host_, patience_, "a sum", [&] { return cuda::nccl_test(nccl_.get(), -ticket); });
    for (; done_ < -ticket; ++done_) kept_.pop_front();
  }

  void set_busy_for(double seconds) override { host_->set_busy_for(seconds); }
  void set_patience(double seconds) override {
    patience_ = seconds;
    host_->set_patience(seconds);
  }
  bool others_busy() override { return host_->others_busy(); }
  std::string fail(const std::string& reason) override { return host_->fail(reason); }
  void leave(int code) override { host_->leave(code); }
  // Not before the others have their sums: what ends here ends theirs.
  void finish() override {
    host_->finish();
    nccl_.reset();
  }

 private:
  std::unique_ptr<Communicator> host_;
  const Device device_;
  double patience_;
  std::deque<std::shared_ptr<const void>> kept_;  // memory of the sums behind the done_-th
  int64_t done_ = 0;
  NcclHandle nccl_;  // ends before that memory does
};

// Why not all ranks can sum by NCCL, "" if they can.
std::string why_not(Communicator& host, Device device) {
  const std::string own = device.is_cpu() ? "computes on the CPU" : cuda::why_no_nccl();
  const std::vector<std::string> problems = host.all_gather(own);
  const std::vector<std::string> gpus = host.all_gather(
      own.empty() ? str(host.host(host.rank()), ' ', cuda::pci_bus_id(device.index)) : "");
  for (size_t r = 0; r < problems.size(); ++r) {
    const auto first = size_t(std::ranges::find(gpus, gpus[r]) - gpus.begin());
    const std::string shares = first < r ? str("has the GPU of rank ", first) : "";
    const std::string& problem = problems[r].empty() ? shares : problems[r];
    if (!problem.empty()) return str("rank ", r, " on ", host.host(int(r)), ": ", problem);
  }
  return "";
}

}  // namespace

std::string add_nccl(std::unique_ptr<Communicator>& ranks, Device device, double patience) {
  Communicator& host = *ranks;
  std::string why = why_not(host, device);
  if (!why.empty()) return why;
  check_same_everywhere(host, "NCCL", cuda::nccl_version());
  cuda::NcclId id{};
  if (host.rank() == 0) id = cuda::make_nccl_id();
  host.broadcast(std::span(id.data(), id.size()));
  NcclHandle nccl(
      of_nccl(host, [&] { return cuda::nccl_init(id, host.size(), host.rank(), device.index); }));
  poll(host, patience, "another rank", [&] { return cuda::nccl_ready(nccl.get()); });
  ranks = std::make_unique<Nccl>(std::move(ranks), device, std::move(nccl), patience);
  return "";
}

}  // namespace papilio::nn
