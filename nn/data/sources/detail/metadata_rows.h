// The lines of a metadata.csv or metadata.jsonl that lies beside pictures, as Hugging Face's
// `imagefolder` reads them.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nn/data/sources/detail/part_names.h"

namespace papilio::nn {

// The column of the picture's file.
inline constexpr const char* kFileName = "file_name";

// What a line says of one picture.
struct MetadataRow {
  std::string where;             // "photos/metadata.csv, line 3"
  std::filesystem::path folder;  // of the metadata file
  Part part = Part::none;        // the picture's
  // The row's values by column: none for an empty field of CSV and null in JSON; those that are
  // neither text nor whole numbers are missing.
  std::map<std::string, std::optional<std::string>> values = {};

  // The first of these columns that it has, with a value or without, or null.
  const char* first_of(std::span<const char* const> columns) const;
  // The value of the column; empty without one.
  std::string value(const char* column) const;
  // The file that a column names, a path below `folder`. Throws FileError for a path that leads out
  // of it or to no file, and without such a column.
  std::filesystem::path file(const char* column) const;
};

// The metadata file that lies in this very folder.
std::optional<std::filesystem::path> metadata_in(const std::filesystem::path& folder);

// Whether the folder, or its folder of pictures to train on (part_named), holds a metadata file
// whose first line names a file and has one of these columns.
bool has_metadata(const std::filesystem::path& folder, std::span<const char* const> columns);

// All lines. Parts are folders, each with a metadata file of its own, or the first folders in the
// paths of the one at the top. Throws FileError, with the line, for what is not so, for two columns
// of one name, and for a folder with both metadata.csv and metadata.jsonl.
std::vector<MetadataRow> metadata_rows(const std::filesystem::path& folder);

}  // namespace papilio::nn
