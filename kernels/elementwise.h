// Functions of one element at a time, over views of up to three inputs.
#pragma once

#include "kernels/view.h"

namespace papilio::cpu {

// dst += src, one floating dtype. dst is contiguous; src has any strides.
void add_to(View dst, ConstView src);

}  // namespace papilio::cpu
