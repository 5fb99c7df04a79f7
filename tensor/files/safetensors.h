// The safetensors format (github.com/huggingface/safetensors): named tensors in one file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "tensor/files/mapped_file.h"
#include "tensor/files/safetensors_header.h"
#include "tensor/tensor.h"

namespace papilio {

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

 private:
  std::string path_;
  std::shared_ptr<MappedFile> file_;
  size_t data_begin_ = 0;
  SafetensorsHeader header_;
};

// A whole file in memory.
struct SafetensorsFile {
  std::map<std::string, Tensor> tensors;
  Metadata metadata;
};

// Everything in the file.
SafetensorsFile load_safetensors(const std::filesystem::path& path);

// Writes atomically (tensor/atomic_file.h). The same tensors give the same bytes: tensors lie in
// the reference implementation's order (by dtype, widest first, then by name), data begins at a
// multiple of 8. Tensors may be strided; gradients are not written. Throws ArgumentError for names
// no reader should accept (NUL, "../", not UTF-8, "__metadata__") and FileError.
void save_safetensors(const std::filesystem::path& path,
                      const std::map<std::string, Tensor>& tensors, const Metadata& metadata = {});

}  // namespace papilio
