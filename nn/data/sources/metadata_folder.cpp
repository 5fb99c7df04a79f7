#include "nn/data/sources/metadata_folder.h"

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nn/data/detail/file_errors.h"
#include "nn/data/sources/detail/labelled_images.h"
#include "nn/data/sources/detail/metadata_rows.h"
#include "nn/data/sources/detail/part_names.h"
#include "tensor/error.h"

namespace papilio::nn {

namespace fs = std::filesystem;

namespace {

constexpr const char* kLabels[] = {"label", "labels", "class", "category"};

std::vector<LabelledImage>& list_of(LabelledParts& parts, Part part) {
  return part == Part::test         ? parts.test
         : part == Part::validation ? parts.validation
                                    : parts.train;
}

}  // namespace

bool is_metadata_folder(const fs::path& folder) {
  return has_metadata(folder, kLabels);
}

std::string missing_in_metadata(const fs::path& folder) {
  const std::optional<fs::path> file = metadata_in(folder);
  if (!file || has_metadata(folder, kLabels)) return "";
  return str("; its ", file->filename().string(), " does not begin with a ", kFileName,
             " and a label (or labels, class, category), a text or a whole number");
}

ImageSplits open_metadata_folder(const fs::path& folder, const HoldOut& shares) {
  return with_file_errors(folder, [&] {
    LabelledParts parts;
    for (const MetadataRow& row : metadata_rows(folder)) {
      const fs::path path = row.file(kFileName);
      const char* column = row.first_of(kLabels);
      check<FileError>(column != nullptr, row.where, ": has no label (a text or a whole number)");
      list_of(parts, row.part).push_back({path.string(), row.values.at(column), [path] {
                                            return read_image(path);
                                          }});
    }
    ImageSplits splits = labelled_splits(std::move(parts), shares, folder.string());
    splits.kind = "metadata";
    return splits;
  });
}

}  // namespace papilio::nn
