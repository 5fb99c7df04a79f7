// Products under a limit on the address space: OpenBLAS tries for ever to have buffers that it
// cannot have.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/matmul.h"
#include "kernels/error.h"
#include "kernels/threads.h"
#include "tensor/creation.h"
#include "tensor/error.h"
#include "tests/sanitizers.h"

namespace papilio::test {

namespace {

// LLVM's OpenMP, which clang brings, ends the program itself if it cannot start a thread, and keeps
// the threads of a larger team.
#if defined(__clang__)
constexpr bool kLlvmOpenMP = true;
#else
constexpr bool kLlvmOpenMP = false;
#endif

constexpr const char *kProducts = "products of more and more threads for the test of memory limits",
                     *kTeams = "teams of changing sizes for the test of memory limits";

// The exit code of this program running a case under the limit ("ulimit -v 1000"); 256 + SIGKILL
// after a minute.
int run_child(const char* name, const std::string& limit) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string command =
      str(limit, "; exec \"", program, "\" --no-skip -tc='", name, "' >/dev/null 2>&1");
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    ::_exit(99);
  }
  int status = 0;
  for (int i = 0; ::waitpid(child, &status, WNOHANG) == 0; ++i) {
    if (i == 1200) ::kill(child, SIGKILL);
    ::usleep(50'000);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

// Not on a processor that qemu-user emulates: the kernel does not know this program.
bool starts_again() {
  const bool starts = run_child("no case", "true") != 126;
  if (!starts) MESSAGE("skipped: this program cannot start itself");
  return starts;
}

int64_t threads_there() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return std::distance(begin(tasks), end(tasks));
}

}  // namespace

// Ends the program: 3 if memory was said to be missing.
TEST_CASE("products of more and more threads for the test of memory limits" * doctest::skip()) {
  try {
    for (const int threads : {1, 2, 4}) {
      set_num_threads(threads);
      matmul(ones({700, 700}), ones({700, 700}));          // OpenBLAS divides it
      matmul(ones({64, 100, 100}), ones({64, 100, 100}));  // each thread calls OpenBLAS
    }
  } catch (const OutOfMemoryError&) {
    ::_exit(3);
  }
  ::_exit(0);
}

TEST_CASE("products under any memory limit end, with their result or an error" *
          doctest::skip(kAddressSanitizer)) {
  if (!starts_again()) return;
  bool done = false, refused = false;
  // Closely where there is room for the buffers, but not for the threads' stacks.
  for (int megabytes = 450; megabytes <= 1850; megabytes += megabytes < 600 ? 10 : 100) {
    CAPTURE(megabytes);
    const int code = run_child(kProducts, str("ulimit -v ", megabytes * 1024));
    CHECK((code == 0 || code == 3 || (kLlvmOpenMP && code == 256 + SIGABRT)));
    done |= code == 0;
    refused |= code == 3;
  }
  CHECK(done);
  CHECK(refused);
}

// Ends the program: 3 if it went as the test below tells.
TEST_CASE("teams of changing sizes for the test of memory limits" * doctest::skip()) {
  set_num_threads(24);
  const Tensor large = ones({1 << 22}), few = ones({1 << 15}), one = ones({1, 1});
  large + large;
  matmul(one, one);
  const int64_t threads = threads_there();
  few + few;
  for (int i = 0; i < 1000 && threads_there() > 2; ++i) ::usleep(10'000);
  if (threads < 24 || threads_there() > 2) ::_exit(4);
  size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const size_t bytes = pages * size_t(::sysconf(_SC_PAGESIZE)) + (size_t(24) << 20);
  const rlimit limit{bytes, bytes};
  if (::setrlimit(RLIMIT_AS, &limit) != 0) ::_exit(5);
  // A thread that has had none of its own needs none for a product of two numbers.
  std::thread([&] {
    if (matmul(one, one).item() != 1) ::_exit(6);
  }).join();
  try {
    large + large;
  } catch (const OutOfMemoryError& error) {
    ::_exit(std::string(error.what()).starts_with("threads: ") ? 3 : 7);
  }
  ::_exit(0);
}

TEST_CASE("a team that had more threads before gets them, or an error, when memory is limited" *
          doctest::skip(kAddressSanitizer || kLlvmOpenMP)) {
  if (!starts_again()) return;
  CHECK(run_child(kTeams, "ulimit -s 8192") == 3);
}

}  // namespace papilio::test
