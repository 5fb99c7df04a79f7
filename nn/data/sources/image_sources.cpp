#include "nn/data/sources/image_sources.h"

#include <algorithm>

#include "nn/data/detail/file_errors.h"
#include "nn/data/sources/cifar.h"
#include "nn/data/sources/idx.h"
#include "nn/data/sources/image_folder.h"
#include "nn/data/sources/metadata_folder.h"
#include "nn/data/sources/webdataset.h"
#include "tensor/error.h"
#include "tensor/files/detail/regular_file.h"

namespace papilio::nn {

namespace fs = std::filesystem;

namespace {

// The folder itself or one inside, as archives unpack and as torchvision lays them out; empty if
// none is of the kind.
fs::path found_in(const fs::path& path, bool (*is_kind)(const fs::path&)) {
  for (const char* below : {"", "raw", "cifar-10-batches-bin", "cifar-100-binary",
                            "cifar-10-batches-py", "cifar-100-python"}) {
    fs::path folder = *below == '\0' ? path : path / below;
    if (is_kind(folder)) return folder;
  }
  return {};
}

ImageSource idx_source() {
  return {.description = "a folder of IDX files (MNIST)",
          .recognises =
              [](const fs::path& path) {
                return is_idx_file(path) || !found_in(path, is_idx_folder).empty();
              },
          .open =
              [](const fs::path& path, const HoldOut& shares) {
                const fs::path folder = found_in(path, is_idx_folder);
                return open_idx(folder.empty() ? path : folder, shares);
              },
          .drawings = true};
}

ImageSource cifar_source() {
  return {.description = "CIFAR's folder or .tar.gz",
          .recognises =
              [](const fs::path& path) {
                return fs::exists(path) &&
                       (!fs::is_directory(path) || !found_in(path, is_cifar_folder).empty());
              },
          .open =
              [](const fs::path& path, const HoldOut& shares) {
                const fs::path folder = found_in(path, is_cifar_folder);
                return open_cifar(folder.empty() ? path : folder, shares);
              }};
}

ImageSource webdataset_source() {
  return {.description = "a WebDataset: a tar file of samples, or a folder of them",
          .recognises = is_webdataset,
          .open = open_webdataset};
}

ImageSource metadata_source() {
  return {.description = "a folder of pictures with labels in metadata.csv or metadata.jsonl",
          .recognises = is_metadata_folder,
          .open = open_metadata_folder};
}

ImageSource folder_source() {
  return {.description =
              "a folder of pictures, a class a folder, with or without train, val and test folders",
          .recognises = [](const fs::path& path) { return fs::is_directory(path); },
          .open = open_image_folder};
}

}  // namespace

const std::vector<ImageSource>& image_sources() {
  static const std::vector<ImageSource> all{idx_source(), webdataset_source(), cifar_source(),
                                            metadata_source(), folder_source()};
  return all;
}

const ImageSource& source_of(const fs::path& path, const std::vector<ImageSource>& sources) {
  return with_file_errors(path, [&]() -> const ImageSource& {
    const auto found = std::ranges::find_if(
        sources, [&](const ImageSource& source) { return source.recognises(path); });
    if (found == sources.end())
      throw FileError(path.string() + (file_exists(path) ? ": is no set of pictures"
                                                         : ": there is no such file or folder"));
    return *found;
  });
}

ImageSplits open_images(const fs::path& path, const HoldOut& shares,
                        const std::vector<ImageSource>& sources) {
  return with_file_errors(path, [&] { return source_of(path, sources).open(path, shares); });
}

}  // namespace papilio::nn
