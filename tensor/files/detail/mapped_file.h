// A file's bytes as memory.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

namespace papilio {

// Maps a regular file privately: writes through data() change this process's memory only, never the
// file. Throws FileError that names the file. Should someone shorten the file meanwhile, touching
// the lost bytes ends the process with one line that says so and exit code 1 (the system knows no
// error to return there).
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  // Its bytes, and their number.
  unsigned char* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  unsigned char* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace papilio
