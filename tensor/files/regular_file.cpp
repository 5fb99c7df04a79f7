#include "tensor/files/detail/regular_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "tensor/error.h"

namespace papilio {

namespace {

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

bool is_missing(int error) {
  return error == ENOENT || error == ENOTDIR;
}

bool is_link(const std::string& path) {
  struct stat status = {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
}

[[noreturn]] void fail(const std::string& path, int error) {
  if ((is_missing(error) || error == ELOOP) && is_link(path)) {
    std::error_code ignored;
    throw FileError(str(path, ": is a link to ",
                        std::filesystem::read_symlink(path, ignored).string(),
                        ", which cannot be followed: ",
                        error == ELOOP ? std::strerror(error) : "there is no such file"));
  }
  if (is_missing(error)) throw FileError(path + ": there is no such file");
  throw FileError(str(path, ": cannot be read: ", std::strerror(error)));
}

void check_is_regular(const std::string& path, const struct stat& status) {
  check<FileError>(S_ISREG(status.st_mode), path, ": is ", kind_of(status.st_mode), ", not a file");
}

}  // namespace

RegularFile::RegularFile(const std::filesystem::path& path) : path_(path.string()) {
  struct stat status = {};
  // Looked at before it is opened: opening a device may do something.
  if (::stat(path_.c_str(), &status) != 0) fail(path_, errno);
  check_is_regular(path_, status);
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor_ < 0) fail(path_, errno);
  try {
    if (::fstat(descriptor_, &status) != 0) fail(path_, errno);
    check_is_regular(path_, status);
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
  size_ = uint64_t(status.st_size);
}

RegularFile::~RegularFile() {
  ::close(descriptor_);
}

std::string RegularFile::read(size_t most) const {
  std::string bytes(size_t(std::min<uint64_t>(most, size_)), '\0');
  for (size_t at = 0; at < bytes.size();) {
    const size_t part =
        std::min(bytes.size() - at, size_t(1) << 30);  // read(2) takes less than 2^31
    const ssize_t got = ::pread(descriptor_, bytes.data() + at, part, off_t(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path_, errno);
    check<FileError>(got > 0, path_, ": was shortened while it was read");
    at += size_t(got);
  }
  return bytes;
}

bool file_exists(const std::filesystem::path& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) == 0) return true;
  const int error = errno;
  if (is_missing(error) && !is_link(path.string())) return false;
  fail(path.string(), error);
}

std::string read_file(const std::filesystem::path& path, size_t limit) {
  const RegularFile file(path);
  check<FileError>(file.size() <= limit, path.string(), ": is larger than ", limit, " bytes");
  return file.read(limit);
}

}  // namespace papilio
