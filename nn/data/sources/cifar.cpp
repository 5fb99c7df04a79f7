#include "nn/data/sources/cifar.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <system_error>
#include <utility>
#include <vector>

#include "nn/data/formats/detail/file.h"
#include "nn/data/formats/detail/pickle.h"
#include "nn/data/formats/detail/tar.h"
#include "nn/data/formats/image.h"
#include "nn/data/sources/detail/class_names.h"
#include "tensor/error.h"
#include "tensor/files/detail/file_format.h"
#include "tensor/files/detail/regular_file.h"

namespace papilio::nn {

namespace fs = std::filesystem;

namespace {

constexpr size_t kPlane = 32 * 32;

// Files by name, without their folder.
using Files = std::map<std::string, std::string_view>;

// One of the four versions: its files and what they hold.
struct Version {
  Cifar kind;
  bool pickled;
  std::vector<const char*> train;
  const char *test, *names;
  const char* key;  // of the names in a pickle
};
const std::vector<Version> kVersions = {
    {Cifar::ten,
     false,
     {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
      "data_batch_5.bin"},
     "test_batch.bin",
     "batches.meta.txt",
     ""},
    {Cifar::hundred, false, {"train.bin"}, "test.bin", "fine_label_names.txt", ""},
    {Cifar::ten,
     true,
     {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"},
     "test_batch",
     "batches.meta",
     "label_names"},
    {Cifar::hundred, true, {"train"}, "test", "meta", "fine_label_names"},
};

bool is_wanted(const std::string& file) {
  return std::ranges::any_of(kVersions, [&](const Version& v) {
    return file == v.test || file == v.names || std::ranges::find(v.train, file) != v.train.end();
  });
}

std::vector<std::string> texts_of(const Pickle& pickle, const Version& version,
                                  const std::string& where) {
  const Pickle::Value* list = pickle.find(pickle.root(), version.key);
  check<FileError>(list != nullptr && list->kind == Pickle::Kind::list, where, ": lacks the list ",
                   version.key);
  std::vector<std::string> texts;
  for (const size_t i : list->items) texts.emplace_back(pickle.at(i).text);
  return texts;
}

std::vector<std::string> class_names_of(const Files& files, const Version& version,
                                        const std::string& where) {
  const size_t count = version.kind == Cifar::ten ? 10 : 100;
  std::vector<std::string> names;
  const auto found = files.find(version.names);
  if (found == files.end()) {
    for (size_t c = 0; c < count; ++c) names.push_back(std::to_string(c));
    return names;
  }
  const std::string file = where + ": " + version.names;
  names = version.pickled ? texts_of(Pickle(found->second, file), version, file)
                          : lines_of(std::string(found->second));
  check<FileError>(names.size() == count, file, " names ", names.size(), " classes instead of ",
                   count);
  check_class_names(names, file);
  return names;
}

// The files of a folder, or the members of an archive.
ImageSplits open_files(const Files& files, const fs::path& path, bool packed,
                       const HoldOut& shares) {
  const std::string where = path.string();
  const auto version =
      std::ranges::find_if(kVersions, [&](const Version& v) { return files.contains(v.train[0]); });
  check<FileError>(version != kVersions.end(), where,
                   ": expected CIFAR's binary version (data_batch_1.bin and so on, or train.bin) "
                   "or its Python version (data_batch_1, or train and meta)");
  const std::vector<std::string> names = class_names_of(files, *version, where);
  const auto open = [&](const std::string& file) -> ImageData {
    const auto found = files.find(file);
    if (found == files.end()) return nullptr;
    const std::string name = where + ", " + file;
    const std::vector<fs::path> from = {packed ? path : path / file};
    return version->pickled ? read_cifar_pickle(found->second, names, name, from)
                            : read_cifar(found->second, version->kind, names, name, from);
  };
  ImageData train;
  for (const char* batch : version->train) {
    const ImageData more = open(batch);
    check<FileError>(more != nullptr, where, ": ", batch, " is missing");
    train = train == nullptr ? more : concatenate(train, more);
  }
  const char* kind = version->kind == Cifar::ten ? "cifar-10" : "cifar-100";
  return hold_out_rest<Image>({kind, train, nullptr, open(version->test)}, shares);
}

// Pixels of an image (channel after channel) as pixels with three channels.
void append_pixels(std::vector<uint8_t>& pixels, std::string_view planes) {
  for (size_t i = 0; i < kPlane; ++i) {
    for (size_t c = 0; c < 3; ++c) pixels.push_back(uint8_t(planes[c * kPlane + i]));
  }
}

ImageData images_of(std::vector<uint8_t> pixels, std::vector<int64_t> labels,
                    const std::vector<std::string>& class_names, const std::string& name,
                    const std::vector<fs::path>& files) {
  return images_in_memory({.height = 32,
                           .width = 32,
                           .channels = 3,
                           .pixels = std::move(pixels),
                           .labels = std::move(labels),
                           .class_names = class_names,
                           .name = name,
                           .files = files});
}

// The archive's last path component names a file.
Files files_of(const std::vector<TarMember>& members, const std::string& where) {
  Files files;
  for (const TarMember& member : members) {
    const std::string name = fs::path(member.path).filename();
    if (!is_wanted(name)) continue;
    check<FileError>(files.emplace(name, member.data).second, where, ": holds two files ", name);
  }
  return files;
}

}  // namespace

ImageData read_cifar(std::string_view bytes, Cifar kind,
                     const std::vector<std::string>& class_names, const std::string& name,
                     const std::vector<fs::path>& files) {
  const size_t labels = kind == Cifar::ten ? 1 : 2, record = labels + 3 * kPlane;
  check<FileError>(!bytes.empty() && bytes.size() % record == 0, name, ": expected records of ",
                   record, " bytes, got ", bytes.size(), " bytes");
  std::vector<uint8_t> pixels;
  pixels.reserve(bytes.size() / record * 3 * kPlane);
  std::vector<int64_t> classes;
  for (size_t at = 0; at < bytes.size(); at += record) {
    const auto coarse = static_cast<unsigned char>(bytes[at]);
    check<FileError>(kind == Cifar::ten || coarse < 20, name, ": coarse label ", int(coarse),
                     " of image ", classes.size(), " is out of range for 20 classes");
    classes.push_back(static_cast<unsigned char>(bytes[at + labels - 1]));
    append_pixels(pixels, bytes.substr(at + labels, 3 * kPlane));
  }
  return images_of(std::move(pixels), std::move(classes), class_names, name, files);
}

ImageData read_cifar_pickle(std::string_view bytes, const std::vector<std::string>& class_names,
                            const std::string& name, const std::vector<fs::path>& files) {
  using Kind = Pickle::Kind;
  const Pickle pickle(bytes, name);
  const Pickle::Value* data = pickle.find(pickle.root(), "data");
  const Pickle::Value* labels = pickle.find(pickle.root(), "fine_labels");
  if (labels == nullptr) labels = pickle.find(pickle.root(), "labels");
  check<FileError>(
      data != nullptr && labels != nullptr && data->kind == Kind::array &&
          labels->kind == Kind::list,
      name, ": expected a pickle of an array \"data\" and a list \"labels\" or \"fine_labels\"");
  const auto count = int64_t(data->text.size() / (3 * kPlane));
  const bool good = count > 0 && data->text.size() % (3 * kPlane) == 0 && data->items.size() == 2 &&
                    pickle.at(data->items[0]).number == count &&
                    pickle.at(data->items[1]).number == int64_t(3 * kPlane);
  check<FileError>(good, name, ": expected an array of rows of 3072 bytes, got ", data->text.size(),
                   " bytes");
  std::vector<uint8_t> pixels;
  pixels.reserve(data->text.size());
  for (size_t at = 0; at < data->text.size(); at += 3 * kPlane)
    append_pixels(pixels, data->text.substr(at, 3 * kPlane));
  std::vector<int64_t> classes;
  for (const size_t i : labels->items) {
    check<FileError>(pickle.at(i).kind == Kind::number, name, ": a label is no number");
    classes.push_back(pickle.at(i).number);
  }
  return images_of(std::move(pixels), std::move(classes), class_names, name, files);
}

bool is_cifar_folder(const fs::path& folder) {
  const auto holds = [&](const char* file) {
    return file_exists(folder / file) && fs::is_regular_file(folder / file);
  };
  // "train" alone says nothing; a folder of pictures has one, but no file.
  return std::ranges::any_of(kVersions, [&](const Version& v) {
    return holds(v.train[0]) && (!v.pickled || v.kind == Cifar::ten || holds(v.names));
  });
}

ImageSplits open_cifar(const fs::path& path, const HoldOut& shares) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) {
    const std::string bytes = read_unpacked(path), format = format_of(bytes);
    check<FileError>(is_tar(bytes), path.string(), ": is ", format, format.empty() ? "" : ", ",
                     "neither a folder nor a file of a data set (an archive of CIFAR or of "
                     "samples, IDX)");
    const std::vector<TarMember> members = read_tar(bytes, path.string());
    const Files files = files_of(members, path.string());
    const auto picture = std::ranges::find_if(
        members, [](const TarMember& m) { return has_image_extension(m.path); });
    check<FileError>(!files.empty() || picture == members.end(), path.string(), ": holds ",
                     picture == members.end() ? "" : picture->path,
                     ", but neither CIFAR nor samples; folders of pictures are read unpacked");
    return open_files(files, path, true, shares);
  }
  std::map<std::string, std::string> contents;
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
    const std::string name = entry.path().filename();
    if (is_wanted(name) && file_exists(entry.path()) && entry.is_regular_file())
      contents[name] = read_file(entry.path());
  }
  return open_files(Files(contents.begin(), contents.end()), path, false, shares);
}

}  // namespace papilio::nn
