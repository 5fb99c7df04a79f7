// What people call the parts of a data set.
#pragma once

#include <string_view>

namespace papilio::nn {

// A part of a data set; `none` is a name that is no part's.
enum class Part { none, train, validation, test };

// train, training; val, valid, validation, dev; test, testing; in upper and lower case.
Part part_named(std::string_view name);

}  // namespace papilio::nn
