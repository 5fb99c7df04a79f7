#include "tensor/files/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <utility>

#include "tensor/error.h"

namespace papilio {
namespace {

std::function<int(std::string_view)>& file_fault() {
  static std::function<int(std::string_view)> fault;
  return fault;
}

}  // namespace

// For tests: tests/tensor/faults.h declares it.
void set_file_fault(std::function<int(std::string_view step)> fault) {
  file_fault() = std::move(fault);
}

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  check<FileError>(path_.has_filename(), "cannot write ", path_.string(), ": not a file's name");
  temporary_ = path_;
  temporary_.replace_filename("." + path_.filename().string() + ".tmp");
  try {
    open_temporary();
  } catch (...) {
    if (file_ >= 0) ::close(file_);
    throw;
  }
}

void AtomicFile::open_temporary() {
  reach("open");
  for (;;) {
    file_ =
        ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (file_ < 0) fail("open", errno);
    struct stat opened = {}, named = {};
    if (::fstat(file_, &opened) != 0) fail("open", errno);
    if (!S_ISREG(opened.st_mode)) fail("open", EEXIST);
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
      check<FileError>(errno != EWOULDBLOCK, "cannot write ", path_.string(),
                       ": someone else is writing it");
      fail("lock", errno);
    }
    // Another writer may have renamed it between open and lock: then it is the file itself now.
    const bool same = ::lstat(temporary_.c_str(), &named) == 0 && named.st_ino == opened.st_ino &&
                      named.st_dev == opened.st_dev;
    if (same) break;
    ::close(std::exchange(file_, -1));
  }
  if (::ftruncate(file_, 0) != 0) fail("open", errno);
  struct stat existing = {};
  if (::lstat(path_.c_str(), &existing) == 0 && S_ISREG(existing.st_mode)) {
    if (::fchmod(file_, existing.st_mode & 07777) != 0) fail("open", errno);
  }
}

AtomicFile::~AtomicFile() {
  if (file_ < 0) return;
  ::unlink(temporary_.c_str());
  ::close(file_);
}

void AtomicFile::write(const void* data, size_t bytes) {
  constexpr size_t kMost = size_t(1) << 30;  // write(2) takes at most 2^31 - 4096 bytes
  const auto* from = static_cast<const char*>(data);
  while (bytes > 0) {
    reach("write");
    const ssize_t written = ::write(file_, from, std::min(bytes, kMost));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail("write", written < 0 ? errno : ENOSPC);
    from += written;
    bytes -= size_t(written);
  }
}

void AtomicFile::commit() {
  reach("sync");
  if (::fsync(file_) != 0) fail("sync", errno);
  reach("rename");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("rename", errno);
  ::close(std::exchange(file_, -1));

  reach("sync folder");
  const auto folder = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
  const int handle = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (handle < 0) fail("sync folder", errno);
  const int error = ::fsync(handle) == 0 ? 0 : errno;
  ::close(handle);
  if (error != 0 && error != EINVAL)
    fail("sync folder", error);  // EINVAL: folders are always in sync there
}

void AtomicFile::fail(const char* step, int error) const {
  throw FileError(
      str("cannot write ", path_.string(), ": ", std::strerror(error), " (", step, ")"));
}

void AtomicFile::reach(const char* step) const {
  if (!file_fault()) return;
  if (const int error = file_fault()(step)) fail(step, error);
}

void write_file_atomically(const std::filesystem::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace papilio
