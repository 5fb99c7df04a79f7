// std::cout << x: dtype, shape, device, and the values in rows.
#pragma once

#include <ostream>

#include "tensor/tensor.h"

namespace papilio {

//     float32 (2, 3) on cpu, requires gradient:
//     [[ 0.1000, -2.5000,     nan],
//      [ 1.0000,  3.2500,     inf]]
//
// Vectors that fit stay on one line: `int64 (3) on cpu: [0, 1, 2]`. Floating values have four
// decimals, none when all are whole, and exponents when one of them (but zero) is below 10^-4 or
// from 10^6. Above 1000 elements only the first and last of each dimension are shown.
std::ostream& operator<<(std::ostream& out, const Tensor& x);

}  // namespace papilio
