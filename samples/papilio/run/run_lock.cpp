#include "samples/papilio/run/run_lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include "tensor/error.h"

namespace papilio::cli {

namespace {

std::string own_name() {
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  return str("process ", getpid(), " on ", host);
}

std::string holder(int file) {
  char text[300] = {};
  const ssize_t size = pread(file, text, sizeof text - 1, 0);
  return size > 0 ? std::string(text, size_t(size)) : "another process";
}

struct flock whole_file() {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

// Whether the path is still the open file: its last holder may just have removed it.
bool is_at(int file, const std::filesystem::path& path) {
  struct stat open_one = {}, named = {};
  return fstat(file, &open_one) == 0 && stat(path.c_str(), &named) == 0 &&
         open_one.st_ino == named.st_ino && open_one.st_dev == named.st_dev;
}

}  // namespace

RunLock::RunLock(const std::filesystem::path& folder) : path_(folder / ".lock") {
  for (;;) {
    file_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    check<FileError>(file_ >= 0, path_.string(), ": cannot be made: ", std::strerror(errno));
    struct flock lock = whole_file();
    if (fcntl(file_, F_SETLK, &lock) != 0 && (errno == EAGAIN || errno == EACCES)) {
      const std::string who = holder(file_);
      close(file_);
      throw FileError(str(folder.string(), ": ", who,
                          " writes into this folder; wait for it, or choose another folder"));
    }
    if (is_at(file_, path_)) break;  // held, or on a disk that knows no locks
    close(file_);
  }
  const std::string name = own_name();
  const bool written =
      ftruncate(file_, 0) == 0 && write(file_, name.data(), name.size()) == ssize_t(name.size());
  if (written) return;
  const int error = errno;
  unlink(path_.c_str());
  close(file_);
  throw FileError(str(path_.string(), ": cannot be written: ", std::strerror(error)));
}

RunLock::RunLock(RunLock&& other) noexcept
    : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)) {}

RunLock::~RunLock() {
  if (file_ < 0) return;
  if (is_there()) unlink(path_.c_str());
  close(file_);
}

bool RunLock::is_there() const {
  return is_at(file_, path_);
}

}  // namespace papilio::cli
