// One process at a time writes into a run's folder.
#pragma once

#include <filesystem>

namespace papilio::cli {

// Holds the folder's file .lock, which says who does. The system gives the lock back when the
// process ends in whatever way, so that what a killed one left stops nobody.
class RunLock {
 public:
  // Throws FileError if another process holds it, which it names, or if the file cannot be made.
  explicit RunLock(const std::filesystem::path& folder);
  RunLock(RunLock&& other) noexcept;
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;
  ~RunLock();

  // False if the folder, or the file in it, was removed since.
  bool is_there() const;

 private:
  std::filesystem::path path_;
  int file_ = -1;
};

}  // namespace papilio::cli
