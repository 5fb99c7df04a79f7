// Tensors' numbers as the pictures of a report take them.
#pragma once

#include <vector>

#include "samples/report/svg/svg.h"
#include "tensor/tensor.h"

namespace papilio::cli {

std::vector<double> degrees(std::vector<double> radians);
report::Matrix matrix_of(const Tensor& x);  // of two dimensions

}  // namespace papilio::cli
