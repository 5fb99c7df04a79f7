// Comma-separated values (RFC 4180).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace papilio::nn {

// One row.
struct CsvRow {
  size_t line;  // on which it begins, from 1
  std::vector<std::string> fields;
};

// The rows of a text; quoted fields may hold commas, line ends and doubled quotes. Empty lines are
// passed over, and so is UTF-8's byte order mark. Throws FileError, beginning with `where` and the
// line, for a quote that does not end or is followed by more of the field, and for rows that differ
// from the first in their number of fields.
std::vector<CsvRow> parse_csv(std::string_view text, const std::string& where);

}  // namespace papilio::nn
