// --classes: some of a data set's classes, by name or by number.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace papilio::cli {

// Indices into `names`, in the order given: "all"; names a,b,c, in quotation marks ("a, b",c) if
// they hold commas; numbers and ranges 0-2,7, which are names if the names are numbers (folders 0,
// 1, 10, 2) and places otherwise. Throws UsageError for anything else.
std::vector<int64_t> parse_class_list(const std::string& text,
                                      const std::vector<std::string>& names);
// The names in a line: "3-5,11" of names that are numbers, else the first of the names.
std::string class_list_text(const std::vector<std::string>& names);

}  // namespace papilio::cli
