// Lines that renew themselves on a terminal: they must not be longer than it is wide, since what
// clears them clears one row.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace papilio::nn {

// Returns the cursor to the line's begin and clears the line.
inline constexpr const char* kRenewLine = "\r\033[2K";

// Whether lines can renew themselves there; of no stream: no.
bool is_terminal(std::FILE* out);
// The terminal's columns as they are now; if it does not say, the environment's COLUMNS, else 80.
int64_t terminal_columns(std::FILE* out);

// Columns that UTF-8 text takes: two for letters of East Asia and pictures, one for others.
int64_t columns_of(std::string_view text);
// What of the text fits, with "…" at its end if something is left out.
std::string cut_to(std::string_view text, int64_t columns);

// A part of a line. Those of low rank are the last to be left out, those of rank 0 stay.
struct LinePart {
  std::string text;
  int rank = 0;
};
// The parts one after another, rank by rank as many as fit into the columns: what is left out takes
// all higher ranks with it. What stays is cut.
std::string fitted(const std::vector<LinePart>& parts, int64_t columns);

}  // namespace papilio::nn
