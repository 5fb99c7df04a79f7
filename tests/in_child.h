// Runs code that may kill its process, in a child process.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <string>

namespace papilio::test {

struct ChildResult {
  int status;         // exit code, or 256 + the signal that ended it
  std::string error;  // what it wrote to standard error
};

// f runs in a forked child without OpenMP's other threads: keep its work below parallel_for's
// grain. Returning means exit code 0, an exception 99.
template <class F>
ChildResult in_child(F&& f) {
  int ends[2];
  if (::pipe(ends) != 0) return {-1, "pipe"};
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    try {
      f();
    } catch (...) {
      ::_exit(99);
    }
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string error;
  char buffer[512];
  for (ssize_t n; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    error.append(buffer, size_t(n));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status), error};
}

}  // namespace papilio::test
