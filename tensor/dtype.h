// Names of the element types. The types themselves are in kernels/dtype.h.
#pragma once

#include <ostream>
#include <string_view>

#include "kernels/dtype.h"

namespace papilio {

// "float32", "float64", "bfloat16", "float16", "int64", "int32", "uint8", "bool": PyTorch's names.
std::string_view name_of(DType dtype);
inline std::ostream& operator<<(std::ostream& out, DType dtype) {
  return out << name_of(dtype);
}

}  // namespace papilio
