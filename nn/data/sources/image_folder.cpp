#include "nn/data/sources/image_folder.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nn/data/detail/file_errors.h"
#include "nn/data/formats/file.h"
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

 private:
  std::vector<File> files_;
};

bool hidden(const fs::path& path) {
  return path.filename().string().starts_with('.');
}

// Pictures below one class's folder, sorted; adds the others to `ignored`.
std::vector<fs::path> pictures(const fs::path& folder, int64_t& ignored) {
  std::vector<fs::path> found;
  for (auto at = fs::recursive_directory_iterator(folder); at != fs::recursive_directory_iterator();
       ++at) {
    const fs::path& path = at->path();
    if (hidden(path)) {
      if (at->is_directory()) at.disable_recursion_pending();
    } else if (!at->is_directory() || at->is_symlink()) {
      const bool picture = has_image_extension(path) && at->is_regular_file();
      if (picture) found.push_back(path);
      ignored += !picture;
    }
  }
  std::ranges::sort(found);
  return found;
}

// With the classes known, those of `root` must be among them.
ImageData open_folder(const fs::path& root, int64_t& ignored,
                      const std::vector<std::string>& known = {}) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(root)) {
    if (hidden(entry.path())) continue;
    if (entry.is_directory())
      names.push_back(entry.path().filename());
    else
      ++ignored;
  }
  std::ranges::sort(names);
  check<FileError>(!names.empty(), root.string(), ": holds no folders of pictures, one a class");
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
    check<FileError>(!found.empty(), folder.string(), ": holds no picture (.jpg, .jpeg or .png)");
    for (fs::path& path : found) files.push_back({std::move(path), label});
  }
  return std::make_shared<FolderImages>(std::move(files), classes);
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

ImageSplits open_image_folder(const fs::path& root, const HoldOut& shares) {
  return with_file_errors(root, [&]() -> ImageSplits {
    int64_t ignored = 0;
    ImageSplits splits;
    if (!fs::is_directory(root / "train")) {
      splits = hold_out(open_folder(root, ignored), shares);
    } else {
      const ImageData train = open_folder(root / "train", ignored);
      const auto part = [&](std::initializer_list<const char*> names) -> ImageData {
        for (const char* name : names) {
          if (fs::is_directory(root / name))
            return open_folder(root / name, ignored, train->class_names());
        }
        return nullptr;
      };
      const ImageData validation = part({"val", "validation", "valid"}), test = part({"test"});
      HoldOut held = shares;
      if (validation != nullptr) held.validation = 0;
      if (test != nullptr) held.test = 0;
      splits = hold_out(train, held);
      if (validation != nullptr) splits.validation = validation;
      if (test != nullptr) splits.test = test;
    }
    splits.kind = "folder";
    note_ignored(splits, ignored);
    return splits;
  });
}

}  // namespace papilio::nn
