#include "nn/data/sources/class_names.h"

#include <algorithm>
#include <cstddef>

#include "nn/data/formats/file.h"
#include "tensor/error.h"

namespace papilio::nn {

void check_class_names(const std::vector<std::string>& names, const std::string& where) {
  for (const std::string& name : names) {
    check<FileError>(is_plain_text(name) && std::ranges::count(names, name) == 1, where,
                     ": expected a different name on each line, in UTF-8");
  }
}

ChosenClasses choose_classes(const std::vector<std::string>& names,
                             const std::vector<int64_t>& classes) {
  ChosenClasses chosen{{}, std::vector<int64_t>(names.size(), -1)};
  for (int64_t c : classes) {
    check(c >= 0 && c < int64_t(names.size()), "with_classes: class ", c, " is out of range for ",
          names.size(), " classes");
    chosen.number[size_t(c)] = int64_t(chosen.names.size());
    chosen.names.push_back(names[size_t(c)]);
  }
  return chosen;
}

}  // namespace papilio::nn
