#include "nn/data/sources/webdataset.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nn/data/detail/file_errors.h"
#include "nn/data/formats/detail/file.h"
#include "nn/data/formats/detail/tar.h"
#include "nn/data/sources/folder_files.h"
#include "nn/data/sources/labelled_images.h"
#include "nn/data/sources/part_names.h"
#include "tensor/files/detail/json.h"
#include "tensor/files/detail/mapped_file.h"
#include "tensor/files/regular_file.h"

namespace papilio::nn {

namespace fs = std::filesystem;

namespace {

constexpr size_t kHeader = 512, kName = 100, kLongestLabel = 1000;

// "a/000017.seg.png" -> "a/000017" and "seg.png", as WebDataset divides names.
std::pair<std::string, std::string> divided(const std::string& path) {
  const size_t slash = path.rfind('/'), from = slash == path.npos ? 0 : slash + 1;
  const size_t dot = std::min(path.find('.', from), path.size());
  return {path.substr(0, dot), dot < path.size() ? path.substr(dot + 1) : ""};
}

bool is_shard(const fs::path& file) {
  if (!fs::is_regular_file(file)) return false;
  const std::string header = RegularFile(file).read(kHeader);
  // CIFAR comes in a tar file too: the first member's name tells them apart.
  const std::string first = header.substr(0, std::min(header.find('\0'), kName));
  const bool sample =
      has_image_extension(first) || first.ends_with(".cls") || first.ends_with(".json");
  return is_tar(header) && sample;
}

std::vector<fs::path> shards_in(const fs::path& folder) {
  std::vector<fs::path> shards;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const fs::path& file = entry.path();
    if (file.extension() == ".tar" && !is_passed_over(file) && is_shard(file))
      shards.push_back(file);
  }
  std::ranges::sort(shards);
  return shards;
}

// The part that a word of the file's name says.
Part part_of(const fs::path& file) {
  std::string word;
  for (const char c : file.stem().string() + ' ') {
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
      word += c;
      continue;
    }
    if (const Part part = part_named(word); part != Part::none) return part;
    word.clear();
  }
  return Part::train;
}

std::string trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n"), end = text.find_last_not_of(" \t\r\n");
  return begin == text.npos ? "" : std::string(text.substr(begin, end - begin + 1));
}

std::string label_in_json(std::string_view text, const std::string& where) {
  const nlohmann::json object = parse_json(text, where);
  if (!object.is_object() || !object.contains("label")) return "";
  const nlohmann::json& label = object.at("label");
  return label.is_string()           ? label.get<std::string>()
         : label.is_number_integer() ? label.dump()
                                     : "";
}

// The samples of one file, one after another.
class Shard {
 public:
  explicit Shard(const fs::path& path)
      : name_(path.string()), file_(std::make_shared<MappedFile>(path)) {
    const auto* bytes = reinterpret_cast<const char*>(file_->data());
    for (const TarMember& member : read_tar({bytes, file_->size()}, name_)) add(member);
    finish();
  }
  std::vector<LabelledImage> images() && { return std::move(images_); }

 private:
  void add(const TarMember& member) {
    const auto [key, ending] = divided(member.path);
    if (key != key_) finish();
    key_ = key;
    ++members_;
    if (ending == "cls" || ending == "cls.txt") {
      check<FileError>(member.data.size() <= kLongestLabel, name_, ", ", member.path,
                       ": is too long for a class");
      label_ = trimmed(member.data);
    } else if (ending == "json" && label_.empty()) {
      label_ = label_in_json(member.data, name_ + ", " + member.path);
    } else if (has_image_extension(member.path) && ending.find('.') == ending.npos) {
      check<FileError>(picture_.empty(), name_, ", ", member.path,
                       ": is a second picture of its sample");
      picture_ = member.path;
      data_ = member.data;
    }
  }

  void finish() {
    if (std::exchange(members_, 0) == 0) return;
    check<FileError>(!picture_.empty(), name_, ", ", key_,
                     ": has no picture (.jpg, .jpeg or .png)");
    check<FileError>(!label_.empty(), name_, ", ", key_,
                     ": has no class (.cls, or label in .json)");
    std::string name = name_ + '/' + picture_;
    images_.push_back(
        {name, label_, [file = file_, data = data_, name] { return decode_image(data, name); }});
    picture_.clear();
    label_.clear();
  }

  std::string name_;
  std::shared_ptr<MappedFile> file_;
  std::vector<LabelledImage> images_;
  int members_ = 0;  // of the sample that is under way
  std::string key_, picture_, label_;
  std::string_view data_;
};

// The lines of a file of class names beside the data; the labels are numbers of its lines then.
std::vector<std::string> class_names_in(const fs::path& folder) {
  for (const char* name : {"classes.txt", "classnames.txt"}) {
    if (fs::is_regular_file(folder / name)) return lines_of(read_file(folder / name, 1 << 20));
  }
  return {};
}

void name_classes(std::vector<LabelledImage>& images, const std::vector<std::string>& names) {
  for (LabelledImage& image : images) {
    if (image.label.size() > 9 || image.label.find_first_not_of("0123456789") != image.label.npos)
      continue;
    const auto number = size_t(std::stol(image.label));
    check<FileError>(number < names.size(), image.name, ": class ", number, " is out of range for ",
                     names.size(), " names");
    image.label = names[number];
  }
}

}  // namespace

bool is_webdataset(const fs::path& path) {
  return fs::is_directory(path) ? !shards_in(path).empty() : is_shard(path);
}

ImageSplits open_webdataset(const fs::path& path, const HoldOut& shares) {
  return with_file_errors(path, [&] {
    const bool folder = fs::is_directory(path);
    const std::vector<std::string> names = class_names_in(folder ? path : path.parent_path());
    LabelledParts parts;
    for (const fs::path& file : folder ? shards_in(path) : std::vector{path}) {
      std::vector<LabelledImage> images = Shard(file).images();
      if (!names.empty()) name_classes(images, names);
      const Part part = folder ? part_of(file) : Part::train;
      auto& list = part == Part::test         ? parts.test
                   : part == Part::validation ? parts.validation
                                              : parts.train;
      std::ranges::move(images, std::back_inserter(list));
    }
    ImageSplits splits = labelled_splits(std::move(parts), shares, path.string(), names);
    splits.kind = "webdataset";
    return splits;
  });
}

}  // namespace papilio::nn
