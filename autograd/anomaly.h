// The search behind AnomalyMode.
#pragma once

#include <span>

#include "tensor/tensor.h"

namespace papilio {

// True when a floating tensor holds a NaN.
bool has_nan(const Tensor& x);
// True when it holds neither NaN nor infinity.
bool all_finite(const Tensor& x);

// Throws, naming the operation and the pass ("forward", "backward"), when `made` holds a NaN and
// none of `from` does.
void check_no_new_nan(const char* operation, const char* pass, const Tensor& made,
                      std::span<const Tensor> from);

}  // namespace papilio
