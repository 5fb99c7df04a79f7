#include "nn/data/sources/cifar.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <system_error>
#include <utility>
#include <vector>

#include "nn/data/formats/file.h"
#include "nn/data/formats/tar.h"
#include "nn/data/sources/class_names.h"
#include "tensor/error.h"

namespace papilio::nn {

namespace fs = std::filesystem;

namespace {

constexpr size_t kPlane = 32 * 32;

// Files by name, without their folder.
using Files = std::map<std::string, std::string_view>;

const std::vector<std::string> kBatches = {"data_batch_1.bin", "data_batch_2.bin",
                                           "data_batch_3.bin", "data_batch_4.bin",
                                           "data_batch_5.bin"};

std::vector<std::string> class_names_of(const Files& files, Cifar kind, const std::string& where) {
  const size_t count = kind == Cifar::ten ? 10 : 100;
  const char* file = kind == Cifar::ten ? "batches.meta.txt" : "fine_label_names.txt";
  std::vector<std::string> names;
  const auto found = files.find(file);
  if (found == files.end()) {
    for (size_t c = 0; c < count; ++c) names.push_back(std::to_string(c));
    return names;
  }
  names = lines_of(std::string(found->second));
  check<FileError>(names.size() == count, where, ": ", file, " names ", names.size(),
                   " classes instead of ", count);
  check_class_names(names, where + ": " + file);
  return names;
}

ImageSplits open_files(const Files& files, const std::string& where, const HoldOut& shares) {
  const bool ten = files.contains(kBatches[0]), hundred = files.contains("train.bin");
  check<FileError>(!files.contains("data_batch_1") && !files.contains("meta"), where,
                   ": holds CIFAR's Python version; papilio reads the binary version");
  check<FileError>(ten != hundred, where,
                   ": expected CIFAR's binary version (data_batch_1.bin and so on, or train.bin)");
  const Cifar kind = ten ? Cifar::ten : Cifar::hundred;
  const std::vector<std::string> names = class_names_of(files, kind, where);
  const auto open = [&](const std::string& file) -> ImageData {
    const auto found = files.find(file);
    if (found == files.end()) return nullptr;
    return read_cifar(found->second, kind, names, where + ", " + file);
  };
  ImageData train;
  for (const std::string& batch : ten ? kBatches : std::vector<std::string>{"train.bin"}) {
    const ImageData more = open(batch);
    check<FileError>(more != nullptr, where, ": ", batch, " is missing");
    train = train == nullptr ? more : joined(train, more);
  }
  const ImageData test = open(ten ? "test_batch.bin" : "test.bin");
  HoldOut held = shares;
  if (test != nullptr) held.test = 0;
  ImageSplits splits = hold_out(train, held);
  if (test != nullptr) splits.test = test;
  splits.kind = ten ? "cifar-10" : "cifar-100";
  return splits;
}

// The archive's last path component names a file.
Files files_of(const std::vector<TarMember>& members, const std::string& where) {
  Files files;
  for (const TarMember& member : members) {
    const std::string name = fs::path(member.path).filename();
    check<FileError>(files.emplace(name, member.data).second, where, ": holds two files ", name);
  }
  return files;
}

}  // namespace

ImageData read_cifar(std::string_view bytes, Cifar kind,
                     const std::vector<std::string>& class_names, const std::string& name) {
  const size_t labels = kind == Cifar::ten ? 1 : 2, record = labels + 3 * kPlane;
  check<FileError>(!bytes.empty() && bytes.size() % record == 0, name, ": expected records of ",
                   record, " bytes, got ", bytes.size(), " bytes");
  std::vector<uint8_t> pixels(bytes.size() / record * 3 * kPlane);
  std::vector<int64_t> classes;
  uint8_t* to = pixels.data();
  for (size_t at = 0; at < bytes.size(); at += record) {
    const std::string_view image = bytes.substr(at + labels, 3 * kPlane);
    const auto coarse = static_cast<unsigned char>(bytes[at]);
    check<FileError>(kind == Cifar::ten || coarse < 20, name, ": coarse label ", int(coarse),
                     " of image ", classes.size(), " is out of range for 20 classes");
    classes.push_back(static_cast<unsigned char>(bytes[at + labels - 1]));
    for (size_t i = 0; i < kPlane; ++i) {
      for (size_t c = 0; c < 3; ++c) *to++ = uint8_t(image[c * kPlane + i]);
    }
  }
  return images_in_memory(32, 32, 3, std::move(pixels), std::move(classes), class_names, name);
}

bool is_cifar_folder(const fs::path& folder) {
  std::error_code ignored;
  for (const char* file : {"data_batch_1.bin", "train.bin", "data_batch_1"}) {
    if (fs::is_regular_file(folder / file, ignored)) return true;
  }
  return false;
}

ImageSplits open_cifar(const fs::path& path, const HoldOut& shares) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) {
    const std::string bytes = read_unpacked(path);
    check<FileError>(is_tar(bytes), path.string(), ": expected a tar archive of CIFAR");
    return open_files(files_of(read_tar(bytes, path.string()), path.string()), path.string(),
                      shares);
  }
  std::map<std::string, std::string> contents;
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
    const std::string name = entry.path().filename();
    const bool wanted = name.ends_with(".bin") || name.ends_with(".txt") || name == "meta" ||
                        name == "data_batch_1";
    if (wanted && entry.is_regular_file()) contents[name] = read_file(entry.path());
  }
  return open_files(Files(contents.begin(), contents.end()), path.string(), shares);
}

}  // namespace papilio::nn
