#include "nn/data/sources/metadata_folder.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nn/data/detail/file_errors.h"
#include "nn/data/formats/detail/csv.h"
#include "nn/data/formats/detail/file.h"
#include "nn/data/sources/detail/labelled_images.h"
#include "nn/data/sources/detail/part_names.h"
#include "tensor/files/detail/json.h"

namespace papilio::nn {

namespace fs = std::filesystem;

namespace {

constexpr const char *kCsv = "metadata.csv", *kLines = "metadata.jsonl", *kFile = "file_name";
constexpr const char* kLabels[] = {"label", "labels", "class", "category"};
constexpr size_t kLargest = size_t(1) << 30;

// What a line says, by column; values that are neither text nor whole numbers are missing.
struct Row {
  std::string where;
  std::map<std::string, std::string> values;
};

std::vector<Row> rows_of_csv(const std::string& text, const std::string& file) {
  std::vector<Row> rows;
  const std::vector<CsvRow> lines = parse_csv(text, file);
  for (size_t i = 1; i < lines.size(); ++i) {
    Row row{str(file, ", line ", lines[i].line), {}};
    for (size_t k = 0; k < lines[0].fields.size(); ++k)
      row.values[lines[0].fields[k]] = lines[i].fields[k];
    rows.push_back(std::move(row));
  }
  return rows;
}

Row row_of_json(const std::string& line, std::string where) {
  const nlohmann::json object = parse_json(line, where);
  check<FileError>(object.is_object(), where, ": expected a JSON object, got ", object.type_name());
  Row row{std::move(where), {}};
  for (const auto& [key, value] : object.items()) {
    if (value.is_string()) row.values[key] = value.get<std::string>();
    if (value.is_number_integer()) row.values[key] = value.dump();
  }
  return row;
}

std::optional<fs::path> metadata_in(const fs::path& folder) {
  for (const char* name : {kCsv, kLines}) {
    if (fs::is_regular_file(folder / name)) return folder / name;
  }
  return {};
}

// At most `most` rows.
std::vector<Row> rows_of(const fs::path& file, size_t most = SIZE_MAX) {
  const std::string text = read_file(file, kLargest);
  if (file.filename() == kCsv) return rows_of_csv(text, file.string());
  std::vector<Row> rows;
  size_t number = 0;
  for (size_t begin = 0; begin < text.size() && rows.size() < most; ++number) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    rows.push_back(row_of_json(line, str(file.string(), ", line ", number + 1)));
  }
  return rows;
}

const char* label_column(const Row& row) {
  const auto found =
      std::ranges::find_if(kLabels, [&](const char* name) { return row.values.contains(name); });
  return found == std::end(kLabels) ? nullptr : *found;
}

bool has_labels(const fs::path& folder) {
  const std::optional<fs::path> file = metadata_in(folder);
  if (!file) return false;
  const std::vector<Row> rows = rows_of(*file, 1);
  return !rows.empty() && rows[0].values.contains(kFile) && label_column(rows[0]) != nullptr;
}

// Folders of `folder` that are parts.
std::map<Part, fs::path> part_folders(const fs::path& folder) {
  std::map<Part, fs::path> parts;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const Part part = part_named(entry.path().filename().string());
    if (part != Part::none && entry.is_directory()) parts.emplace(part, entry.path());
  }
  return parts;
}

std::vector<LabelledImage>& list_of(LabelledParts& parts, Part part) {
  return part == Part::test         ? parts.test
         : part == Part::validation ? parts.validation
                                    : parts.train;
}

// Adds the pictures of a metadata file; with `by_path` each to the part that its first folder
// names.
void add(LabelledParts& parts, const fs::path& folder, Part part, bool by_path) {
  const std::optional<fs::path> file = metadata_in(folder);
  if (!file) return;
  const std::vector<Row> rows = rows_of(*file);
  for (const Row& row : rows) {
    const auto name = row.values.find(kFile);
    check<FileError>(name != row.values.end() && !name->second.empty(), row.where, ": has no ",
                     kFile);
    const fs::path below(name->second);
    check<FileError>(below.is_relative() && std::ranges::find(below, fs::path("..")) == below.end(),
                     row.where, ": ", kFile, ": expected a path inside the folder, got ",
                     name->second.substr(0, 80));
    const fs::path path = folder / below;
    check<FileError>(fs::is_regular_file(path), row.where, ": ", path.string(),
                     ": there is no such file");
    const char* column = label_column(row);
    check<FileError>(column != nullptr, row.where, ": has no label (a text or a whole number)");
    const Part own = by_path ? part_named(below.begin()->string()) : part;
    list_of(parts, own).push_back({path.string(), row.values.at(column), [path] {
                                     return read_image(path);
                                   }});
  }
}

}  // namespace

bool is_metadata_folder(const fs::path& folder) {
  if (!fs::is_directory(folder)) return false;
  if (has_labels(folder)) return true;
  const std::map<Part, fs::path> parts = part_folders(folder);
  const auto train = parts.find(Part::train);
  return train != parts.end() && has_labels(train->second);
}

std::string missing_in_metadata(const fs::path& folder) {
  const std::optional<fs::path> file = metadata_in(folder);
  if (!file || has_labels(folder)) return "";
  return str("; its ", file->filename().string(), " does not begin with a ", kFile,
             " and a label (or labels, class, category), a text or a whole number");
}

ImageSplits open_metadata_folder(const fs::path& folder, const HoldOut& shares) {
  return with_file_errors(folder, [&] {
    LabelledParts parts;
    if (metadata_in(folder)) {
      add(parts, folder, Part::train, true);
    } else {
      for (const auto& [part, path] : part_folders(folder)) add(parts, path, part, false);
    }
    ImageSplits splits = labelled_splits(std::move(parts), shares, folder.string());
    splits.kind = "metadata";
    return splits;
  });
}

}  // namespace papilio::nn
