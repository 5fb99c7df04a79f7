// Files that are either the old one or the new one, whole, whatever happens while they are written.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace papilio {

// Writes a temporary file beside the file (its name between a dot and ".tmp"); commit() brings it
// to the disk (fsync), renames it over the file and brings the folder's entry to the disk. Without
// commit (an exception on the way) the temporary file goes and the file stays. One that a killed
// process left behind is overwritten by the next write. A second writer of the same file at the
// same time is an error. An existing file's permissions are kept; a symbolic link is replaced, not
// followed. All errors are FileError and name the file.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // More of the content.
  void write(const void* data, size_t bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }
  // The file is now the new one. Call it last.
  void commit();

 private:
  void open_temporary();
  [[noreturn]] void fail(const char* step, int error) const;
  // Throws what a test asks for at this step.
  void reach(const char* step) const;

  std::filesystem::path path_, temporary_;
  int file_ = -1;
};

// The whole content at once. Throws FileError.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

}  // namespace papilio
