// Files as inputs. Every file that the library reads is opened here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace papilio {

// A regular file, open for reading. Folders, pipes, devices and sockets are refused at once:
// reading one might wait for ever. All errors are FileError and begin with the path.
class RegularFile {
 public:
  explicit RegularFile(const std::filesystem::path& path);
  ~RegularFile();
  RegularFile(const RegularFile&) = delete;
  RegularFile& operator=(const RegularFile&) = delete;

  // What open(2) gave, and the bytes that the file had then.
  int descriptor() const { return descriptor_; }
  uint64_t size() const { return size_; }
  // Its first bytes, `most` of them or all.
  std::string read(size_t most) const;

 private:
  std::string path_;
  int descriptor_ = -1;
  uint64_t size_ = 0;
};

// All bytes of a regular file. Throws FileError as RegularFile does, and for more than `limit`
// bytes.
std::string read_file(const std::filesystem::path& path, size_t limit = size_t(1) << 30);

// Whether anything has this name, a folder too. Only what is missing is absent: throws FileError
// for a link that leads nowhere or in a circle, and for what may not be looked at.
bool file_exists(const std::filesystem::path& path);

}  // namespace papilio
