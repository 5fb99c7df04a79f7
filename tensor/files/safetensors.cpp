#include "tensor/files/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/error.h"
#include "tensor/files/atomic_file.h"
#include "tensor/files/detail/mapped_file.h"
#include "tensor/files/detail/safetensors_header.h"

namespace papilio {

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

SafetensorsReader::SafetensorsReader(const std::filesystem::path& path)
    : path_(path.string()), file_(std::make_shared<MappedFile>(path)) {
  const size_t size = file_->size();
  check<FileError>(size >= 8, path_, ": ", size, " bytes are too few for a safetensors file");
  uint64_t n = 0;
  std::memcpy(&n, file_->data(), 8);
  check<FileError>(n <= size - 8, path_, ": the header's length is ", n, ", the file has ",
                   size - 8, " bytes after it");
  check<FileError>(n <= kMostHeaderBytes, path_, ": the header's length is ", n, " (at most ",
                   kMostHeaderBytes, ")");
  data_begin_ = size_t(8 + n);
  const std::string_view json(reinterpret_cast<const char*>(file_->data()) + 8, size_t(n));
  header_ = parse_safetensors_header(path_, json, size - data_begin_);
}

const SafetensorsEntry& SafetensorsReader::entry(const std::string& name) const {
  const auto found = header_.tensors.find(name);
  check<FileError>(found != header_.tensors.end(), path_, ": no tensor ", in_quotes(name));
  return found->second;
}

Tensor SafetensorsReader::bytes(const std::string& name) const {
  const SafetensorsEntry& entry = this->entry(name);
  check<FileError>(entry.type->name == "I8" || entry.type->name == "U8", path_, ": tensor ",
                   in_quotes(name), ": expected bytes (I8 or U8), got ", entry.type->name);
  check<FileError>(entry.shape.size() <= kMaxRank, path_, ": tensor ", in_quotes(name), ": ",
                   entry.shape.size(), " dimensions (at most ", kMaxRank, ")");
  Tensor copy = empty(Dims(entry.shape), {.dtype = DType::uint8});
  std::copy_n(file_->data() + data_begin_ + entry.begin, size_t(entry.end - entry.begin),
              copy.data<uint8_t>());
  return copy;
}

Tensor SafetensorsReader::tensor(const std::string& name) const {
  const SafetensorsEntry& entry = this->entry(name);
  check<FileError>(entry.type->dtype.has_value(), path_, ": tensor ", in_quotes(name), ": dtype ",
                   entry.type->name, " is not supported");
  check<FileError>(entry.shape.size() <= kMaxRank, path_, ": tensor ", in_quotes(name), ": ",
                   entry.shape.size(), " dimensions (at most ", kMaxRank, ")");
  const DType dtype = *entry.type->dtype;
  unsigned char* const data = file_->data() + data_begin_ + entry.begin;
  const size_t bytes = size_t(entry.end - entry.begin);
  if (dtype == DType::boolean) {
    const bool good = std::all_of(data, data + bytes, [](unsigned char b) { return b <= 1; });
    check<FileError>(good, path_, ": tensor ", in_quotes(name), ": a BOOL byte is neither 0 nor 1");
  }
  const Dims shape(entry.shape);
  if (bytes == 0 || uintptr_t(data) % size_of(dtype) != 0) {
    auto copy = empty(shape, {.dtype = dtype});
    if (bytes != 0) std::memcpy(copy.raw_data(), data, bytes);
    return copy;
  }
  return Tensor(std::make_shared<Storage>(data, bytes, file_),
                Layout::contiguous(shape, "load_safetensors"), dtype);
}

SafetensorsFile load_safetensors(const std::filesystem::path& path) {
  const SafetensorsReader reader(path);
  SafetensorsFile file{{}, reader.metadata()};
  for (const auto& [name, entry] : reader.entries()) {
    if (!entry.type->dtype) {
      file.unsupported.emplace(name, entry.type->name);
      continue;
    }
    file.tensors.emplace_hint(file.tensors.end(), name, reader.tensor(name));
  }
  return file;
}

namespace {

// The text as a JSON string.
std::string json_string(const std::string& text, const char* what) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    throw ArgumentError(
        str("save_safetensors: expected ", what, " in UTF-8, got ", in_quotes(text)));
  }
}

void check_tensor_name(const std::string& name) {
  const char* const rule = name == "__metadata__"                  ? "is the metadata's"
                           : name.find('\0') != std::string::npos  ? "holds a NUL character"
                           : name.find("../") != std::string::npos ? "holds '../'"
                                                                   : nullptr;
  check(rule == nullptr, "save_safetensors: the name ", in_quotes(name), " ", rule ? rule : "");
}

}  // namespace

void save_safetensors(const std::filesystem::path& path,
                      const std::map<std::string, Tensor>& tensors, const Metadata& metadata,
                      const std::set<std::string>& signed_bytes) {
  struct Item {
    const std::string* name;
    const Tensor* tensor;
    const SafetensorsType* type;
  };
  std::vector<Item> items;
  for (const auto& [name, tensor] : tensors) {
    check_tensor_name(name);
    check(tensor.defined(), "save_safetensors: tensor ", in_quotes(name), " is undefined");
    const bool is_signed = tensor.dtype() == DType::uint8 && signed_bytes.contains(name);
    items.push_back(
        {&name, &tensor, &(is_signed ? safetensors_int8() : safetensors_type(tensor.dtype()))});
  }
  // The map is in order of names already.
  std::stable_sort(items.begin(), items.end(),
                   [](const Item& a, const Item& b) { return a.type > b.type; });

  std::string header = "{";
  if (!metadata.empty()) {
    header += "\"__metadata__\":{";
    for (const auto& [key, text] : metadata) {
      if (header.back() != '{') header += ',';
      header += json_string(key, "a metadata key") + ':' + json_string(text, "metadata");
    }
    header += '}';
  }
  uint64_t begin = 0;
  for (const Item& item : items) {
    const uint64_t end = begin + uint64_t(item.tensor->numel()) * size_of(item.tensor->dtype());
    if (header.back() != '{') header += ',';
    header += json_string(*item.name, "a tensor's name") + ":{\"dtype\":\"" +
              std::string(item.type->name) + "\",\"shape\":[";
    for (int i = 0; i < item.tensor->dim(); ++i) {
      if (i > 0) header += ',';
      header += std::to_string(item.tensor->shape()[i]);
    }
    header += "],\"data_offsets\":[" + std::to_string(begin) + ',' + std::to_string(end) + "]}";
    begin = end;
  }
  header += '}';
  header.resize((header.size() + 7) / 8 * 8, ' ');
  check(header.size() <= kMostHeaderBytes, "save_safetensors: ", path.string(),
        ": the header would have ", header.size(), " bytes (at most ", kMostHeaderBytes,
        "): too many tensors for one file");

  AtomicFile file(path);
  const uint64_t n = header.size();
  file.write(&n, 8);
  file.write(header);
  for (const Item& item : items) {
    const Tensor data = contiguous_data(cpu_data(*item.tensor));
    file.write(data.raw_data(), size_t(data.numel()) * size_of(data.dtype()));
  }
  file.commit();
}

}  // namespace papilio
