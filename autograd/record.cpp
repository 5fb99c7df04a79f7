#include "autograd/record.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "autograd/anomaly.h"
#include "autograd/detail/outline.h"
#include "autograd/grad_mode.h"
#include "tensor/dry_run.h"

namespace papilio {

Tensor record(const char* operation, Tensor y, std::span<const Tensor> inputs, Backward backward) {
  DryRun::name_blocks(operation);
  if (anomaly_mode()) check_no_new_nan(operation, "forward", y, inputs);
  const auto needs_grad = [](const Tensor& x) { return x.requires_grad(); };
  if (!grad_enabled() || std::none_of(inputs.begin(), inputs.end(), needs_grad)) {
    // An operation may hand back an input as it is; inside NoGrad its history must not leak out.
    return y.requires_grad() ? y.detach() : y;
  }
  const std::shared_ptr<Node> node = attach_node(operation, y, inputs);
  if (!node->hollow) node->backward = std::move(backward);
  return y;
}

Tensor record(const char* operation, Tensor y, std::initializer_list<Tensor> inputs,
              Backward backward) {
  return record(operation, std::move(y), std::span<const Tensor>(inputs.begin(), inputs.size()),
                std::move(backward));
}

Tensor record_without_gradient(const char* operation, Tensor y,
                               std::initializer_list<Tensor> inputs) {
  return record(operation, std::move(y), inputs, [operation](const Tensor&, Needs) -> Grads {
    throw Error(str(operation, ": this operation has no gradient"));
  });
}

}  // namespace papilio
