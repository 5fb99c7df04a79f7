#include "nn/data/sources/detail/class_names.h"

#include <algorithm>

#include "nn/data/formats/detail/file.h"
#include "tensor/error.h"

namespace papilio::nn {

void check_class_names(const std::vector<std::string>& names, const std::string& where) {
  for (const std::string& name : names) {
    check<FileError>(is_plain_text(name) && std::ranges::count(names, name) == 1, where,
                     ": expected a different name on each line, in UTF-8");
  }
}

}  // namespace papilio::nn
