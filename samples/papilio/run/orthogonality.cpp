#include "samples/papilio/run/orthogonality.h"

#include <cmath>

#include "autograd/grad_mode.h"
#include "boft/geometry/angles.h"
#include "boft/model/attach.h"

namespace papilio::cli {

OrthogonalityError orthogonality_error(const boft::AdapterModel& model, const std::string& name) {
  const NoGrad no_grad;
  OrthogonalityError worst;
  for (const boft::LayerRef& ref : model.layers(name)) {
    const Tensor q = ref.adapter->rotations(false);
    if (!q.defined()) continue;
    const double error = boft::orthogonality_error(q);
    if (std::isnan(error)) return {error, ref.path};
    if (worst.path.empty() || error > worst.error) worst = {error, ref.path};
  }
  return worst;
}

std::vector<std::string> orthogonality_warnings(const boft::AdapterModel& model) {
  std::vector<std::string> warnings;
  for (const std::string& name : model.active()) {
    const OrthogonalityError worst = orthogonality_error(model, name);
    const std::string warning = boft::orthogonality_warning(model.config(name), worst.error);
    if (!warning.empty()) warnings.push_back(worst.path + ": " + warning);
  }
  return warnings;
}

}  // namespace papilio::cli
