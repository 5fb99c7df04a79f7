#include "nn/data/sources/webdataset.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nn/data/detail/file_errors.h"
#include "nn/data/formats/detail/file.h"
#include "nn/data/formats/detail/gzip.h"
#include "nn/data/formats/detail/tar.h"
#include "nn/data/sources/detail/folder_files.h"
#include "nn/data/sources/detail/labelled_images.h"
#include "nn/data/sources/detail/part_names.h"
#include "nn/detail/text_table.h"
#include "tensor/files/detail/file_format.h"
#include "tensor/files/detail/json.h"
#include "tensor/files/detail/mapped_file.h"
#include "tensor/files/detail/regular_file.h"

namespace papilio::nn {

namespace fs = std::filesystem;

namespace {

constexpr size_t kLongestLabel = 1000;
constexpr size_t kBeginning = 1 << 16;  // of a file, compressed or not: headers of folders fit

// "a/000017.seg.png" -> "a/000017" and "seg.png", as WebDataset divides names.
std::pair<std::string, std::string> divided(const std::string& path) {
  const size_t slash = path.rfind('/'), from = slash == path.npos ? 0 : slash + 1;
  const size_t dot = std::min(path.find('.', from), path.size());
  return {path.substr(0, dot), dot < path.size() ? path.substr(dot + 1) : ""};
}

bool ends_with_any(const fs::path& file, std::initializer_list<std::string_view> endings) {
  const std::string name = file.filename().string();
  return std::ranges::any_of(endings, [&](std::string_view e) { return name.ends_with(e); });
}

bool is_shard(const fs::path& file) {
  if (!file_exists(file) || !fs::is_regular_file(file)) return false;
  std::string header = RegularFile(file).read(kBeginning);
  if (is_gzip(header)) header = gunzip_beginning(header, kBeginning);
  // CIFAR comes in a tar file too: the files' names tell them apart.
  return std::ranges::any_of(paths_in_tar(header), [](const std::string& path) {
    return has_image_extension(path) || path.ends_with(".cls") || path.ends_with(".json");
  });
}

// A tar file in another library's compression.
bool is_packed(const fs::path& file) {
  return ends_with_any(file, {".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tar.zst", ".tar.lz4"}) &&
         file_exists(file) && fs::is_regular_file(file);
}

std::string packed_by(const fs::path& file) {
  const std::string format = format_of(RegularFile(file).read(kBeginning));
  return format.empty() ? "compressed data" : format;
}

struct Files {
  std::vector<fs::path> shards, packed;  // sorted
  bool others = false;                   // folders or pictures
};

Files files_in(const fs::path& folder) {
  Files files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const fs::path& file = entry.path();
    if (is_passed_over(file)) continue;
    files.others = files.others || entry.is_directory() || has_image_extension(file);
    if (ends_with_any(file, {".tar", ".tar.gz", ".tgz"}) && is_shard(file))
      files.shards.push_back(file);
    if (is_packed(file)) files.packed.push_back(file);
  }
  std::ranges::sort(files.shards);
  std::ranges::sort(files.packed);
  return files;
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
  explicit Shard(const fs::path& path) : name_(path.string()) {
    const auto file = std::make_shared<MappedFile>(path);
    std::string_view bytes{reinterpret_cast<const char*>(file->data()), file->size()};
    bytes_ = file;
    if (is_gzip(bytes)) {
      const auto unpacked = std::make_shared<std::string>(gunzip(bytes, name_));
      bytes = *unpacked;
      bytes_ = unpacked;
    }
    members_ = read_tar(bytes, name_);
    for (const TarMember& member : members_) add(member);
    finish();
  }
  std::vector<LabelledImage> images() && { return std::move(images_); }
  // One line, or nothing: files that are no part of a sample.
  std::string note() const {
    return left_out_.empty()
               ? ""
               : str(name_, ": left out, neither picture nor class: ", listed(left_out_, 8));
  }

 private:
  void add(const TarMember& member) {
    const auto [key, ending] = divided(member.path);
    if (ending.empty()) return;  // README: no part of a sample
    if (key != key_) finish();
    key_ = key;
    under_way_ = true;
    files_.push_back(member.path);
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
    if (!std::exchange(under_way_, false)) return;
    const std::vector<std::string> files = std::exchange(files_, {});
    if (picture_.empty() && label_.empty()) {  // README.txt
      left_out_.insert(left_out_.end(), files.begin(), files.end());
      return;
    }
    if (picture_.empty()) fail(": has no picture (.jpg, .jpeg or .png)");
    if (label_.empty()) fail(": has no class (.cls, or label in .json)");
    std::string name = name_ + '/' + picture_;
    images_.push_back({name, name_, label_,
                       [owner = bytes_, data = data_, name] { return decode_image(data, name); }});
    picture_.clear();
    label_.clear();
  }

  // The sample that is under way lacks something: is it elsewhere, or are these no samples?
  [[noreturn]] void fail(const char* lack) const {
    size_t pieces = 0;
    bool before = false, labels = false;
    for (const TarMember& member : members_) {
      const auto [key, ending] = divided(member.path);
      const bool own = key == key_ && !ending.empty();
      pieces += own && !before ? 1 : 0;
      before = own;
      labels = labels || ending == "cls" || ending == "cls.txt" || ending == "json";
    }
    throw FileError(str(name_, ", ", key_, lack,
                        pieces > 1 ? "; a sample's files must be neighbours (tar --sort=name)"
                        : labels   ? ""
                                   : "; folders of pictures are read unpacked"));
  }

  std::string name_;
  std::shared_ptr<const void> bytes_;  // a mapped file, or what it unpacks to
  std::vector<TarMember> members_;
  std::vector<LabelledImage> images_;
  std::vector<std::string> left_out_;
  bool under_way_ = false;          // a sample
  std::vector<std::string> files_;  // its own
  std::string key_, picture_, label_;
  std::string_view data_;
};

// The lines of a file of class names beside the data; the labels are numbers of its lines then.
std::vector<std::string> class_names_in(const fs::path& folder) {
  for (const char* name : {"classes.txt", "classnames.txt"}) {
    if (file_exists(folder / name)) return lines_of(read_file(folder / name, 1 << 20));
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
  if (!fs::is_directory(path)) return is_shard(path) || is_packed(path);
  const Files files = files_in(path);
  return !files.shards.empty() || (!files.packed.empty() && !files.others);
}

ImageSplits open_webdataset(const fs::path& path, const HoldOut& shares) {
  return with_file_errors(path, [&] {
    const bool folder = fs::is_directory(path);
    Files files;
    if (folder)
      files = files_in(path);
    else
      (is_packed(path) ? files.packed : files.shards).push_back(path);
    check<FileError>(!files.shards.empty(),
                     (files.packed.empty() ? path : files.packed[0]).string(), ": is ",
                     files.packed.empty() ? "no tar file" : packed_by(files.packed[0]),
                     "; tar files are read as they are or packed by gzip");
    const std::vector<std::string> names = class_names_in(folder ? path : path.parent_path());
    LabelledParts parts;
    std::vector<std::string> notes;
    for (const fs::path& file : files.shards) {
      Shard shard(file);
      if (std::string note = shard.note(); !note.empty()) notes.push_back(std::move(note));
      std::vector<LabelledImage> images = std::move(shard).images();
      if (!names.empty()) name_classes(images, names);
      const Part part = folder ? part_of(file) : Part::train;
      auto& list = part == Part::test         ? parts.test
                   : part == Part::validation ? parts.validation
                                              : parts.train;
      std::ranges::move(images, std::back_inserter(list));
    }
    ImageSplits splits = labelled_splits(std::move(parts), shares, path.string(), names);
    splits.kind = "webdataset";
    std::ranges::move(notes, std::back_inserter(splits.notes));
    for (const fs::path& file : files.packed)
      splits.notes.push_back(str(file.string(), ": is left out: ", packed_by(file)));
    return splits;
  });
}

}  // namespace papilio::nn
