// The safetensors format (github.com/huggingface/safetensors): named tensors in one file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/dtype.h"
#include "tensor/tensor.h"

namespace papilio {

class MappedFile;

// An element type the format knows. Papilio has `dtype`, or nothing like it.
struct SafetensorsType {
  std::string_view name;
  int bits;
  std::optional<DType> dtype;
};

// One tensor of a file.
struct SafetensorsEntry {
  const SafetensorsType* type = nullptr;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;  // bytes, counted from the end of the header
};

// Free text by key.
using Metadata = std::map<std::string, std::string>;

// What a file's header says: tensors by name, and its metadata.
struct SafetensorsHeader {
  std::map<std::string, SafetensorsEntry> tensors;
  Metadata metadata;
};

// An open file. Opening reads and checks the header only; tensors come when asked for.
class SafetensorsReader {
 public:
  // Throws FileError that names the file, the tensor and the broken rule.
  explicit SafetensorsReader(const std::filesystem::path& path);

  // What its header says: tensors by name, and free text by key.
  const std::map<std::string, SafetensorsEntry>& entries() const { return header_.tensors; }
  const Metadata& metadata() const { return header_.metadata; }
  // The tensor on top of the mapped file: pages are read when touched, writes stay in memory. One
  // whose bytes are not aligned to its dtype is a copy. Throws for an unknown name, a dtype Papilio
  // does not have, more than 8 dimensions, and bool bytes that are neither 0 nor 1.
  Tensor tensor(const std::string& name) const;
  // A copy of the bytes of a tensor of I8 or U8, in its shape, as uint8.
  Tensor bytes(const std::string& name) const;

 private:
  const SafetensorsEntry& entry(const std::string& name) const;

  std::string path_;
  std::shared_ptr<MappedFile> file_;
  size_t data_begin_ = 0;
  SafetensorsHeader header_;
};

// A whole file in memory.
struct SafetensorsFile {
  std::map<std::string, Tensor> tensors;
  Metadata metadata;
  // Tensors of dtypes that Papilio does not have (F8_E4M3, C64, ...), which are left out: the dtype
  // by name. Whoever needs one must refuse; whoever needs none may go on.
  std::map<std::string, std::string> unsupported = {};
};

// Everything in the file that Papilio has a dtype for.
SafetensorsFile load_safetensors(const std::filesystem::path& path);

// Writes atomically (tensor/files/atomic_file.h). The same tensors give the same bytes: tensors lie
// in the reference implementation's order (by dtype, widest first, then by name), data begins at a
// multiple of 8. Tensors may be strided; those of uint8 among `signed_bytes` are written as I8, of
// which Papilio has no dtype; gradients are not written. Throws ArgumentError for names
// no reader should accept (NUL, "../", not UTF-8, "__metadata__") and FileError.
void save_safetensors(const std::filesystem::path& path,
                      const std::map<std::string, Tensor>& tensors, const Metadata& metadata = {},
                      const std::set<std::string>& signed_bytes = {});

}  // namespace papilio
