// Classes by name and by number.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace papilio::nn {

// Throws FileError that begins with `where` unless the names are printable UTF-8 and differ.
void check_class_names(const std::vector<std::string>& names, const std::string& where);

// Some of the classes, numbered 0, 1, ... in the order given.
struct ChosenClasses {
  std::vector<std::string> names;
  std::vector<int64_t> number;  // the new number of each class of before, -1 of those left out
};
// Throws ArgumentError for a class that is not there.
ChosenClasses choose_classes(const std::vector<std::string>& names,
                             const std::vector<int64_t>& classes);

}  // namespace papilio::nn
