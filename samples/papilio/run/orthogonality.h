// How far an adapter's blocks are from rotations, over all its layers.
#pragma once

#include <string>
#include <vector>

#include "boft/model/model.h"

namespace papilio::cli {

// The largest max |Q Q^T - I| of an adapter's blocks, and the path of its layer; 0 and "" of a
// method without blocks. NaN if a block is not finite.
struct OrthogonalityError {
  double error = 0;
  std::string path = {};
};
OrthogonalityError orthogonality_error(const boft::AdapterModel& model, const std::string& name);

// A warning for each active adapter whose blocks should be rotations and are none.
std::vector<std::string> orthogonality_warnings(const boft::AdapterModel& model);

}  // namespace papilio::cli
