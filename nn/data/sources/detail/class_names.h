// The names of classes.
#pragma once

#include <string>
#include <vector>

namespace papilio::nn {

// Throws FileError that begins with `where` unless the names are printable UTF-8 and differ.
void check_class_names(const std::vector<std::string>& names, const std::string& where);

}  // namespace papilio::nn
