// Scalars in TensorBoard's event files: tensorboard --logdir FOLDER.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace papilio::nn {

// One file a run (or a part of one: TensorBoard joins the files of a folder by step). Format:
// TFRecord (length, data, and masked CRC-32C checksums of both) of Event messages in protocol
// buffers.
class TensorboardLog {
 public:
  // Makes the folder and in it events.out.tfevents.<seconds>.<host>.<process>. `again`: readers
  // shall forget what earlier files say of this step and later ones, which are made again (a
  // SessionLog START). Throws FileError.
  explicit TensorboardLog(const std::filesystem::path& folder, std::optional<int64_t> again = {});

  // One number of a curve.
  struct Scalar {
    std::string tag;  // "train/loss": the part before the slash groups curves
    double value;
  };
  // Written and flushed; values become float32, and those that are NaN are left out. Throws
  // FileError if the disk is full; a later call may succeed.
  void write(int64_t step, const std::vector<Scalar>& scalars);
  const std::filesystem::path& path() const { return path_; }

 private:
  void write_record(std::string_view data);

  std::filesystem::path path_;
  int64_t size_ = 0;  // of what is whole
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

// CRC-32C (Castagnoli), as the records have it.
uint32_t crc32c(std::string_view data);

}  // namespace papilio::nn
