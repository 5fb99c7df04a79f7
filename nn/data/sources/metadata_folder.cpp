#include "nn/data/sources/metadata_folder.h"

#include <cstdint>
#include <filesystem>
#include <map>
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

std::string label_of(const MetadataRow& row) {
  const char* column = row.first_of(kLabels);
  check<FileError>(column != nullptr, row.where, ": has no label (a text or a whole number)");
  std::string label = row.value(column);
  check<FileError>(label.find_first_not_of(" \t") != label.npos, row.where, ": its ", column,
                   " is empty; a picture without a class has no place here");
  return label;
}

// The pictures that lines have listed.
class Seen {
 public:
  // Throws FileError for a picture of another class before.
  void add(const fs::path& path, const std::string& label, const std::string& where) {
    const auto [first, is_new] = lines_.emplace(path.lexically_normal(), std::pair(label, where));
    const auto& [before, line] = first->second;
    check<FileError>(before == label, where, ": ", path.string(), " is ", label.substr(0, 40),
                     " here and ", before.substr(0, 40), " in ", line);
    again_ += is_new ? 0 : 1;
  }
  int64_t again() const { return again_; }

 private:
  std::map<fs::path, std::pair<std::string, std::string>> lines_;  // its class and where
  int64_t again_ = 0;
};

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
    Seen seen;
    for (const MetadataRow& row : metadata_rows(folder)) {
      const fs::path path = row.file(kFileName);
      const std::string label = label_of(row);
      seen.add(path, label, row.where);
      list_of(parts, row.part).push_back({path.string(), path, label, [path] {
                                            return read_image(path);
                                          }});
    }
    ImageSplits splits = labelled_splits(std::move(parts), shares, folder.string());
    splits.kind = "metadata";
    if (seen.again() > 0)
      splits.notes.push_back(str(folder.string(), ": ", seen.again(),
                                 seen.again() == 1 ? " line lists" : " lines list",
                                 " a picture again; parts held out may share it"));
    return splits;
  });
}

}  // namespace papilio::nn
