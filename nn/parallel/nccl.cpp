#include "nn/parallel/nccl.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
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

class Nccl : public Communicator {
 public:
  Nccl(std::unique_ptr<Communicator> host, Device device, const cuda::NcclId& id)
      : host_(std::move(host)),
        device_(device),
        group_(cuda::join_nccl(id, host_->size(), host_->rank(), device.index)) {}
  ~Nccl() override { cuda::leave_nccl(group_); }
  Nccl(const Nccl&) = delete;
  Nccl& operator=(const Nccl&) = delete;

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
    return of_the_group([&] { return -cuda::nccl_sum(group_, c.to, c.count, c.dtype); });
  }
  void wait(int64_t ticket) override {
    if (ticket >= 0) return host_->wait(ticket);
    const auto begin = Clock::now();
    while (!of_the_group([&] { return cuda::nccl_has(group_, -ticket); })) {
      host_->check_others();
      const double late = Seconds(Clock::now() - begin).count();
      check<RankError>(late < patience_, own_name(), ": NCCL: a sum has not come in ", patience_,
                       " seconds");
      if (late > 0.001) std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }

  void set_busy(bool busy) override { host_->set_busy(busy); }
  void set_patience(double seconds) override {
    patience_ = seconds;
    host_->set_patience(seconds);
  }
  void check_others() override { host_->check_others(); }
  std::string fail(const std::string& reason) override { return host_->fail(reason); }
  void leave(int code) override { host_->leave(code); }
  void finish() override {
    cuda::leave_nccl(std::exchange(group_, nullptr));
    host_->finish();
  }

 private:
  std::string own_name() const {
    return str("rank ", rank(), " of ", size(), " on ", host(rank()));
  }

  // What goes wrong in the group is most often another rank's end, which `host_` knows more of.
  template <class F>
  auto of_the_group(F f) -> decltype(f()) {
    try {
      return f();
    } catch (const papilio::Error& e) {
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
      host_->check_others();
      throw RankError(own_name() + ": " + e.what());
    }
  }

  std::unique_ptr<Communicator> host_;
  const Device device_;
  cuda::NcclGroup* group_;
  double patience_ = 60;
};

// Why not all ranks can sum by NCCL, "" if they can.
std::string why_not(Communicator& host, Device device) {
  const std::string own = device.is_cpu() ? "computes on the CPU" : cuda::why_no_nccl();
  const std::vector<std::string> problems = host.all_gather(own);
  // Two ranks of a host that see the same GPUs must not use the same one.
  const char* seen = std::getenv("CUDA_VISIBLE_DEVICES");
  const std::vector<std::string> gpus =
      host.all_gather(str(host.host(host.rank()), ' ', seen == nullptr ? "" : seen, ' ', device));
  for (size_t r = 0; r < problems.size(); ++r) {
    const auto first = size_t(std::ranges::find(gpus, gpus[r]) - gpus.begin());
    const std::string shares = first < r ? str("has ", device, " with rank ", first) : "";
    const std::string& problem = problems[r].empty() ? shares : problems[r];
    if (!problem.empty()) return str("rank ", r, " on ", host.host(int(r)), ": ", problem);
  }
  return "";
}

}  // namespace

std::unique_ptr<Communicator> with_nccl(std::unique_ptr<Communicator> host, Device device,
                                        std::string& why) {
  why = why_not(*host, device);
  if (!why.empty()) return host;
  check_same_everywhere(*host, "NCCL", cuda::nccl_version());
  cuda::NcclId id{};
  if (host->rank() == 0) id = cuda::make_nccl_id();
  host->broadcast(std::span(id.data(), id.size()));
  return std::make_unique<Nccl>(std::move(host), device, id);
}

}  // namespace papilio::nn
