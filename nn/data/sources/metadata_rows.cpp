#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "nn/data/formats/detail/csv.h"
#include "nn/data/formats/detail/file.h"
#include "nn/data/sources/detail/metadata_rows.h"
#include "nn/text/utf8.h"
#include "tensor/error.h"
#include "tensor/files/detail/json.h"
#include "tensor/files/detail/regular_file.h"

namespace papilio::nn {

namespace fs = std::filesystem;

namespace {

constexpr const char *kCsv = "metadata.csv", *kLines = "metadata.jsonl";
constexpr size_t kLargest = size_t(1) << 30;

// Columns without a name, of an index or behind a last comma, may be several.
void check_columns(const CsvRow& names, const fs::path& file) {
  std::set<std::string> seen;
  for (const std::string& name : names.fields)
    check<FileError>(name.empty() || seen.insert(name).second, file.string(), ", line ", names.line,
                     ": has two columns called ", name);
}

std::vector<MetadataRow> rows_of_csv(const std::string& text, const fs::path& file) {
  std::vector<MetadataRow> rows;
  const std::vector<CsvRow> lines = parse_csv(text, file.string());
  if (!lines.empty()) check_columns(lines[0], file);
  for (size_t i = 1; i < lines.size(); ++i) {
    MetadataRow row{str(file.string(), ", line ", lines[i].line), file.parent_path()};
    for (size_t k = 0; k < lines[0].fields.size(); ++k) {
      auto& value = row.values[lines[0].fields[k]];
      if (!lines[i].fields[k].empty()) value = lines[i].fields[k];
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

MetadataRow row_of_json(const std::string& line, const fs::path& file, size_t number) {
  MetadataRow row{str(file.string(), ", line ", number), file.parent_path()};
  check_utf8(line, row.where);
  const nlohmann::json object = parse_json(line, row.where);
  check<FileError>(object.is_object(), row.where, ": expected a JSON object, got ",
                   object.type_name());
  for (const auto& [key, value] : object.items()) {
    if (value.is_string()) row.values[key] = value.get<std::string>();
    if (value.is_number_integer()) row.values[key] = value.dump();
    if (value.is_null()) row.values[key] = std::nullopt;
  }
  return row;
}

}  // namespace

std::optional<fs::path> metadata_in(const fs::path& folder) {
  for (const char* name : {kCsv, kLines}) {
    if (file_exists(folder / name)) return folder / name;
  }
  return {};
}

namespace {

// The file's rows, at most `most` of them.
std::vector<MetadataRow> rows_of(const fs::path& file, size_t most = SIZE_MAX) {
  check<FileError>(file.filename() != kCsv || !file_exists(file.parent_path() / kLines),
                   file.parent_path().string(), ": holds both ", kCsv, " and ", kLines,
                   ": which of them says what the pictures are?");
  const std::string text = read_file(file, kLargest);
  check<FileError>(text.find('\0') == text.npos, file.string(),
                   ": expected text in UTF-8, got NUL bytes, as UTF-16 has them");
  if (file.filename() == kCsv) return rows_of_csv(text, file);
  std::vector<MetadataRow> rows;
  size_t number = 0;
  for (size_t begin = 0; begin < text.size() && rows.size() < most;) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1, ++number;
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    rows.push_back(row_of_json(line, file, number));
  }
  return rows;
}

bool begins_with_columns(const fs::path& folder, std::span<const char* const> columns) {
  const std::optional<fs::path> file = metadata_in(folder);
  if (!file) return false;
  const std::vector<MetadataRow> rows = rows_of(*file, 1);
  return !rows.empty() && rows[0].values.contains(kFileName) &&
         rows[0].first_of(columns) != nullptr;
}

// Folders of `folder` that are parts.
std::map<Part, fs::path> part_folders(const fs::path& folder) {
  std::map<Part, fs::path> parts;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const Part part = part_named(entry.path().filename().string());
    if (part != Part::none && file_exists(entry.path()) && entry.is_directory())
      parts.emplace(part, entry.path());
  }
  return parts;
}

}  // namespace

const char* MetadataRow::first_of(std::span<const char* const> columns) const {
  const auto found =
      std::ranges::find_if(columns, [&](const char* name) { return values.contains(name); });
  return found == columns.end() ? nullptr : *found;
}

std::string MetadataRow::value(const char* column) const {
  const auto found = values.find(column);
  return found == values.end() ? "" : found->second.value_or("");
}

fs::path MetadataRow::file(const char* column) const {
  const std::string name = value(column);
  check<FileError>(!name.empty(), where, ": has no ", column);
  const fs::path below(name);
  check<FileError>(below.is_relative() && std::ranges::find(below, fs::path("..")) == below.end(),
                   where, ": ", column, ": expected a path inside the folder, got ",
                   name.substr(0, 80));
  fs::path path = folder / below;
  bool there = false;
  try {
    there = file_exists(path) && fs::is_regular_file(path);
  } catch (const FileError& e) {
    throw FileError(str(where, ": ", e.what()));
  }
  check<FileError>(there, where, ": ", path.string(), ": there is no such file");
  return path;
}

bool has_metadata(const fs::path& folder, std::span<const char* const> columns) {
  if (!fs::is_directory(folder)) return false;
  if (begins_with_columns(folder, columns)) return true;
  const std::map<Part, fs::path> parts = part_folders(folder);
  const auto train = parts.find(Part::train);
  return train != parts.end() && begins_with_columns(train->second, columns);
}

std::vector<MetadataRow> metadata_rows(const fs::path& folder) {
  std::vector<MetadataRow> rows;
  if (const std::optional<fs::path> file = metadata_in(folder)) {
    rows = rows_of(*file);
    for (MetadataRow& row : rows) {
      const std::string name = row.value(kFileName);
      if (!name.empty()) row.part = part_named(fs::path(name).begin()->string());
    }
    return rows;
  }
  for (const auto& [part, path] : part_folders(folder)) {
    const std::optional<fs::path> file = metadata_in(path);
    if (!file) continue;
    for (MetadataRow& row : rows_of(*file)) {
      row.part = part;
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

}  // namespace papilio::nn
