#include "nn/data/sources/image_folder.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "nn/data/detail/file_errors.h"
#include "nn/data/formats/detail/file.h"
#include "nn/data/formats/image.h"
#include "nn/data/sources/detail/folder_files.h"
#include "nn/data/sources/detail/part_names.h"
#include "nn/data/sources/metadata_folder.h"
#include "nn/detail/text_table.h"
#include "tensor/error.h"

namespace papilio::nn {

namespace fs = std::filesystem;

namespace {

class FolderImages : public ImageDataset {
 public:
  struct File {
    fs::path path;
    int64_t label;
  };
  FolderImages(std::vector<File> files, std::vector<std::string> class_names)
      : ImageDataset(std::move(class_names)), files_(std::move(files)) {}

  int64_t size() const override { return int64_t(files_.size()); }
  Image sample(int64_t i) const override { return read_image(files_[size_t(i)].path); }
  int64_t label(int64_t i) const override { return files_[size_t(i)].label; }
  std::string own_name(int64_t i) const override { return files_[size_t(i)].path.string(); }
  std::vector<fs::path> files(int64_t i) const override { return {files_[size_t(i)].path}; }

 private:
  std::vector<File> files_;
};

// Pictures below one class's folder, sorted; adds the others to `ignored`.
std::vector<fs::path> pictures(const fs::path& folder, int64_t& ignored) {
  FolderFiles files = files_below(folder);
  ignored += int64_t(files.others.size());
  return std::move(files.pictures);
}

// Folders, and files, directly in one.
struct Entries {
  std::vector<std::string> folders;  // sorted
  std::vector<fs::path> files;
};

Entries entries_of(const fs::path& folder) {
  Entries entries;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (is_passed_over(entry.path())) continue;
    if (entry.is_directory())
      entries.folders.push_back(entry.path().filename());
    else
      entries.files.push_back(entry.path());
  }
  std::ranges::sort(entries.folders);
  return entries;
}

// If classes are known, those of `root` must be among them, and may be without pictures; so may
// those that other parts have (`elsewhere`).
ImageData open_folder(const fs::path& root, int64_t& ignored,
                      const std::vector<std::string>& known = {},
                      const std::set<std::string>& elsewhere = {}) {
  const auto [names, loose] = entries_of(root);
  ignored += int64_t(loose.size());
  check<FileError>(!names.empty(), root.string(), ": holds no folders of pictures, one a class",
                   names.empty() ? missing_in_metadata(root) : "");
  std::vector<FolderImages::File> files;
  const std::vector<std::string>& classes = known.empty() ? names : known;
  for (const std::string& name : names) {
    const fs::path folder = root / name;
    check<FileError>(is_plain_text(name), root.string(),
                     ": a folder's name is not printable UTF-8, so it cannot name a class");
    const auto label = std::ranges::find(classes, name) - classes.begin();
    check<FileError>(label < int64_t(classes.size()), folder.string(),
                     ": is a class that the training part does not have");
    std::vector<fs::path> found = pictures(folder, ignored);
    check<FileError>(!found.empty() || !known.empty() || elsewhere.contains(name), folder.string(),
                     ": holds no picture (.jpg, .jpeg or .png)");
    for (fs::path& path : found) files.push_back({std::move(path), label});
  }
  check<FileError>(!files.empty(), root.string(), ": holds no picture (.jpg, .jpeg or .png)");
  return std::make_shared<FolderImages>(std::move(files), classes);
}

// The folders of a data set that comes divided; empty for a part that is not there.
struct PartFolders {
  std::string train, validation, test;
  std::vector<std::string> others;
};

PartFolders parts_in(const fs::path& root) {
  PartFolders parts;
  for (const std::string& name : entries_of(root).folders) {
    std::string* const part = [&]() -> std::string* {
      switch (part_named(name)) {
        case Part::train:
          return &parts.train;
        case Part::validation:
          return &parts.validation;
        case Part::test:
          return &parts.test;
        case Part::none:
          break;
      }
      return nullptr;
    }();
    if (part == nullptr) {
      parts.others.push_back(name);
      continue;
    }
    check<FileError>(part->empty(), root.string(), ": holds ", *part, " and ", name,
                     ", which are the same part; keep one of them");
    *part = name;
  }
  return parts;
}

// Whether it divides into classes itself, as a part does and a class does not.
bool holds_folders(const fs::path& folder) {
  const Entries entries = entries_of(folder);
  return !entries.folders.empty() && std::ranges::none_of(entries.files, has_image_extension);
}

// A folder that holds nothing but the data set's folder, as archives unpack, stands for it.
fs::path data_folder(const fs::path& root) {
  fs::path at = root;
  for (int depth = 0; depth < 4; ++depth) {
    const Entries entries = entries_of(at);
    if (entries.folders.size() != 1 || !holds_folders(at / entries.folders[0])) break;
    if (part_named(entries.folders[0]) != Part::none) break;
    at /= entries.folders[0];
  }
  return at;
}

void note_empty_classes(const fs::path& folder, const ImageDataset& part, ImageSplits& splits) {
  const std::vector<std::string>& classes = part.class_names();
  const std::vector<int64_t> counts = class_counts(part);
  std::vector<std::string> without;
  for (size_t c = 0; c < counts.size(); ++c)
    if (counts[c] == 0) without.push_back(classes[c]);
  if (!without.empty())
    splits.notes.push_back(str(folder.string(), ": holds no picture of ",
                               without.size() == 1 ? "class " : "the classes ",
                               listed(without, 8)));
}

// A part besides train; null if its pictures have no class.
ImageData open_part(const fs::path& folder, const std::vector<std::string>& classes,
                    ImageSplits& splits, int64_t& ignored) {
  const Entries entries = entries_of(folder);
  const auto loose = std::ranges::count_if(entries.files, has_image_extension);
  if (entries.folders.empty() && loose > 0) {
    splits.notes.push_back(str(folder.string(), ": its ", loose,
                               " pictures are left out: they lie in no class's folder"));
    return nullptr;
  }
  ImageData part = open_folder(folder, ignored, classes);
  note_empty_classes(folder, *part, splits);
  return part;
}

// The classes that these parts have pictures of.
std::set<std::string> classes_in(const fs::path& root, const std::vector<std::string>& parts) {
  std::set<std::string> classes;
  for (const std::string& part : parts) {
    if (part.empty()) continue;
    for (const std::string& name : entries_of(root / part).folders)
      if (!files_below(root / part / name).pictures.empty()) classes.insert(name);
  }
  return classes;
}

void note_ignored(ImageSplits& splits, int64_t ignored) {
  if (ignored == 0) return;
  splits.notes.push_back(str(ignored, ignored == 1 ? " file is" : " files are",
                             " left out: not .jpg, .jpeg or .png in a class's folder"));
}

}  // namespace

ImageData image_folder(const fs::path& root, int64_t* ignored) {
  int64_t count = 0;
  ImageData data = with_file_errors(root, [&] { return open_folder(root, count); });
  if (ignored != nullptr) *ignored = count;
  return data;
}

ImageSplits open_image_folder(const fs::path& given, const HoldOut& shares) {
  return with_file_errors(given, [&]() -> ImageSplits {
    const fs::path root = data_folder(given);
    const PartFolders parts = parts_in(root);
    int64_t ignored = 0;
    ImageSplits splits;
    if (parts.train.empty()) {
      for (const std::string& part : {parts.validation, parts.test}) {
        check<FileError>(part.empty() || !holds_folders(root / part), root.string(), ": holds ",
                         part,
                         ", a part of a data set, but none to train on; name that one train, or "
                         "give the path of one part");
      }
      splits = hold_out(open_folder(root, ignored), shares);
    } else {
      const ImageData train = open_folder(root / parts.train, ignored, {},
                                          classes_in(root, {parts.validation, parts.test}));
      ImageSplits found{"folder", train, nullptr, nullptr};
      note_empty_classes(root / parts.train, *train, found);
      const auto part = [&](const std::string& name) {
        return name.empty() ? nullptr
                            : open_part(root / name, train->class_names(), found, ignored);
      };
      found.validation = part(parts.validation);
      found.test = part(parts.test);
      splits = hold_out_rest(std::move(found), shares);
      for (const std::string& other : parts.others)
        splits.notes.push_back((root / other).string() + ": is left out: no part of the data set");
    }
    splits.kind = "folder";
    note_ignored(splits, ignored);
    return splits;
  });
}

}  // namespace papilio::nn
