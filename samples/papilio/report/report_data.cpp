#include "samples/papilio/report/report_data.h"

#include <numbers>

namespace papilio::cli {

std::vector<double> degrees(std::vector<double> radians) {
  for (double& angle : radians) angle *= 180 / std::numbers::pi;
  return radians;
}

report::Matrix matrix_of(const Tensor& x) {
  return {int(x.size(0)), int(x.size(1)), x.to_vector<double>()};
}

}  // namespace papilio::cli
