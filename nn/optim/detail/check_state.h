// Whether saved state is that of an optimiser or average like this one.
#pragma once

#include <map>
#include <string>

#include "tensor/tensor.h"

namespace papilio::nn {

// Throws ArgumentError, which begins with `who`, if names, dtypes or shapes of `state` are not
// those of `mine`, or if the count of that name is negative.
void check_state(const char* who, const std::map<std::string, Tensor>& mine,
                 const std::map<std::string, Tensor>& state, const std::string& count);

}  // namespace papilio::nn
