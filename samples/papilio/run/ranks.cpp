#include "samples/papilio/run/ranks.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "kernels/threads.h"
#include "nn/parallel/mpi.h"
#include "nn/parallel/nccl.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/option.h"
#include "tensor/text.h"

namespace papilio::cli {

namespace {

std::unique_ptr<nn::Communicator> world;
std::optional<nn::Launch> launch;
std::string why_no_gpu_sums;
bool said_by_first = false;      // what is wrong is known to all ranks
int complaints = STDERR_FILENO;  // where a rank's own failure is said

void say(const std::string& who, const std::string& line) {
  const std::string text = who + ": " + printable(line) + '\n';
  if (::write(complaints, text.data(), text.size()) < 0) return;
}

// What every rank prints, one is enough for.
void be_silent() {
  complaints = ::dup(STDERR_FILENO);
  const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (complaints < 0 || nowhere < 0) return;
  ::dup2(nowhere, STDOUT_FILENO);
  ::dup2(nowhere, STDERR_FILENO);
  ::close(nowhere);
}

// The processors that this process may use, one character each.
std::string processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::string text;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return text;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) text += CPU_ISSET(cpu, &set) != 0 ? '1' : '0';
  return text;
}

// Throws RankError, at all ranks.
void check_commands(const std::string& command) {
  const std::vector<std::string> all = world->all_gather(command);
  for (size_t r = 1; r < all.size(); ++r) {
    check<nn::RankError>(all[r] == all[0], "rank ", r, " on ", world->host(int(r)),
                         " runs another command than rank 0: ", all[r], " instead of ", all[0]);
  }
}

// Ranks of one host whose processors are the same ones share them; OMP_NUM_THREADS says otherwise.
void share_threads() {
  const std::string own = processors();
  const std::vector<std::string> all = world->all_gather(own);
  if (std::getenv("OMP_NUM_THREADS") != nullptr) return;
  int sharing = 0;
  for (int r = 0; r < world->size(); ++r)
    sharing += world->host(r) == world->host(world->rank()) && all[size_t(r)] == own;
  const auto cores = int(std::ranges::count(own, '1'));
  set_num_threads(std::max(1, cores / std::max(1, sharing)));
}

}  // namespace

nn::Communicator& ranks() {
  if (world == nullptr) world = nn::one_process();
  return *world;
}

bool is_first_rank() {
  return ranks().rank() == 0;
}

void find_rank() {
  launch = nn::find_launch();
  if (launch && launch->rank != 0) be_silent();
}

void begin_ranks(const std::string& command, const std::vector<std::string>& all_shared) {
  const bool shared = std::ranges::count(all_shared, command) > 0;
  if (!launch || (launch->size == 1 && !shared)) return;
  try {
    world = nn::mpi(*launch);
  } catch (const nn::RankError&) {
    if (shared) throw;  // what is wrong with the command needs no MPI to be said
  }
  if (world != nullptr) check_commands(command);
  said_by_first = !shared;
  check<UsageError>(shared, "runs in one process, and ", launch->launcher, " started ",
                    launch->size, ": several can ", joined(all_shared, ", ", " and "));
  world->set_busy(true);  // with reading data and models, until the run begins
  share_threads();
}

void end_ranks() {
  if (world == nullptr) return;
  std::fflush(nullptr);
  world->finish();
}

int fail_ranks(const std::string& who, const std::string& reason, int code) {
  if (world != nullptr && world->size() > 1) {
    const std::string line = world->fail(reason);
    std::fflush(nullptr);
    if (!line.empty()) say(who, line);
    world->leave(code);
  }
  // Before ranks know of each other: what is wrong at all of them is said by the first, and then
  // the launcher ends the others.
  if (!launch || launch->rank == 0) {
    say(who, reason);
    return code;
  }
  if (said_by_first) return code;
  std::this_thread::sleep_for(std::chrono::seconds(4));
  say(who, str("rank ", launch->rank, " of ", launch->size, " on ", nn::one_process()->host(0),
               ": ", reason));
  return code;
}

void join_gpus(Device device, double patience) {
  if (ranks().size() == 1) return;
  why_no_gpu_sums = nn::add_nccl(world, device, patience);
  if (device.is_cpu()) why_no_gpu_sums.clear();
}

std::string ranks_text() {
  nn::Communicator& all = ranks();
  std::set<std::string> hosts;
  for (int r = 0; r < all.size(); ++r) hosts.insert(all.host(r));
  std::vector<std::string> names(hosts.begin(), hosts.end());
  if (names.size() > 4) names = {names[0], names[1], "...", names.back()};
  const int threads = num_threads();
  return str(all.size(), " ranks on ", hosts.size(), hosts.size() == 1 ? " host (" : " hosts (",
             joined(names, ", "), "), ", threads, threads == 1 ? " thread" : " threads", " each, ",
             all.engine(),
             why_no_gpu_sums.empty()
                 ? ""
                 : "; gradients go through the host's memory: " + why_no_gpu_sums);
}

}  // namespace papilio::cli
