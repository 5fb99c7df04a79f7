// Products under a limit on the address space: OpenBLAS tries for ever to have buffers that it
// cannot have.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "autograd/ops/matmul.h"
#include "kernels/error.h"
#include "kernels/threads.h"
#include "tensor/creation.h"
#include "tensor/error.h"
#include "tests/sanitizers.h"

namespace papilio::test {

namespace {

constexpr const char* kChild = "products of more and more threads for the test of memory limits";

// The exit code of this program running kChild under the limit; 256 + SIGKILL after a minute.
int run_child(int megabytes) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string command = str("ulimit -v ", megabytes * 1024, "; exec \"", program,
                                  "\" --no-skip -tc='", kChild, "' >/dev/null 2>&1");
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
  bool done = false, refused = false;
  // Closely where there is room for the buffers, but not for the threads' stacks.
  for (int megabytes = 450; megabytes <= 1850; megabytes += megabytes < 600 ? 10 : 100) {
    CAPTURE(megabytes);
    const int code = run_child(megabytes);
    CHECK((code == 0 || code == 3));
    done |= code == 0;
    refused |= code == 3;
  }
  CHECK(done);
  CHECK(refused);
}

}  // namespace papilio::test
