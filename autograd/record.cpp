#include "autograd/record.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "autograd/anomaly.h"
#include "autograd/grad_mode.h"

namespace papilio {

Tensor record(const char* operation, Tensor y, std::span<const Tensor> inputs, Backward backward) {
  if (anomaly_mode()) check_no_new_nan(operation, "forward", y, inputs);
  const auto needs_grad = [](const Tensor& x) { return x.requires_grad(); };
  if (!grad_enabled() || std::none_of(inputs.begin(), inputs.end(), needs_grad)) {
    // An operation may hand back an input as it is; inside NoGrad its history must not leak out.
    return y.requires_grad() ? y.detach() : y;
  }
  auto node = std::make_shared<Node>();
  node->operation = operation;
  node->shape = y.shape();
  node->dtype = y.dtype();
  node->inputs.reserve(inputs.size());
  node->seen.reserve(inputs.size() + 1);
  for (const Tensor& x : inputs) {
    if (!x.defined()) {  // an optional argument that was left out
      node->inputs.emplace_back();
      continue;
    }
    node->inputs.push_back({x.node(), x.shape(), x.dtype()});
    node->seen.emplace_back(x);
  }
  node->seen.emplace_back(y);
  node->backward = std::move(backward);
  y.set_node(std::move(node));
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
