#include "nn/data/sources/detail/class_names.h"

#include <algorithm>
#include <cstddef>

#include "nn/data/formats/detail/file.h"
#include "nn/text/utf8.h"
#include "tensor/error.h"

namespace papilio::nn {

void check_class_names(const std::vector<std::string>& names, const std::string& where) {
  for (size_t i = 0; i < names.size(); ++i) {
    check_utf8(names[i], str(where, ": name ", i + 1));
    check<FileError>(is_plain_text(names[i]) && std::ranges::count(names, names[i]) == 1, where,
                     ": expected a different name on each line, without control characters");
  }
}

}  // namespace papilio::nn
