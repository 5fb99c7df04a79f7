// Loaded into the program (LD_PRELOAD): makes one of its calls on files fail, or kills it there.
// Counted are the calls of the functions in PAPILIO_FAULT_CALLS ("write fsync rename remove readdir
// pread") on files whose path holds PAPILIO_FAULT_PATH; from call PAPILIO_FAULT_FROM on, up to
// PAPILIO_FAULT_TO, they fail with PAPILIO_FAULT_ERROR. With 0 there SIGKILL ends the program; with
// -1 they do not come back, and SIGKILL ends it two minutes later if nobody has.
#include <dirent.h>
#include <dlfcn.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

long number(const char* name, long otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atol(text);
}

// Whether the call fails; errno says how.
bool fails(const char* call, const char* path) {
  static std::atomic<long> count{0};
  const char *calls = std::getenv("PAPILIO_FAULT_CALLS"), *part = std::getenv("PAPILIO_FAULT_PATH");
  if (calls == nullptr || std::strstr(calls, call) == nullptr) return false;
  if (part == nullptr || std::strstr(path, part) == nullptr) return false;
  const long n = ++count;
  if (n < number("PAPILIO_FAULT_FROM", 1) || n > number("PAPILIO_FAULT_TO", LONG_MAX)) return false;
  const long error = number("PAPILIO_FAULT_ERROR", ENOSPC);
  if (error < 0) sleep(120);
  if (error <= 0) raise(SIGKILL);
  errno = int(error);
  return true;
}

bool fails(const char* call, int file) {
  char link[64], path[PATH_MAX + 1];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t size = readlink(link, path, PATH_MAX);
  if (size < 0) return false;
  path[size] = '\0';
  return path[0] == '/' && fails(call, path);
}

template <class Function>
Function* next(Function*, const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t write(int file, const void* data, size_t bytes) {
  return fails("write", file) ? -1 : next(&write, "write")(file, data, bytes);
}

ssize_t pread(int file, void* data, size_t bytes, off_t from) {
  return fails("pread", file) ? -1 : next(&pread, "pread")(file, data, bytes, from);
}

int fsync(int file) {
  return fails("fsync", file) ? -1 : next(&fsync, "fsync")(file);
}

int rename(const char* from, const char* to) noexcept {
  return fails("rename", to) ? -1 : next(&rename, "rename")(from, to);
}

dirent* readdir(DIR* folder) {
  return fails("readdir", dirfd(folder)) ? nullptr : next(&readdir, "readdir")(folder);
}

int remove(const char* path) noexcept {
  struct stat info = {};
  const bool there = lstat(path, &info) == 0;
  return there && fails("remove", path) ? -1 : next(&remove, "remove")(path);
}
}
