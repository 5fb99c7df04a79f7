#include <algorithm>
#include <utility>

#include "autograd/detail/outline.h"

namespace papilio {

namespace {
thread_local Outline* current = nullptr;
thread_local bool hollow_nodes = false;
}  // namespace

void Outline::add(const char* operation, const Tensor& y, std::span<const Tensor> inputs) {
  steps.push_back({operation, y.shape(), y.dtype()});
  for (const Tensor& x : inputs)
    if (x.defined()) seen.emplace_back(x);
}

bool Outline::changed() const {
  return std::ranges::any_of(seen, &Snapshot::changed);
}

Outlining::Outlining(Outline& outline, bool hollow)
    : before_(std::exchange(current, &outline)),
      before_hollow_(std::exchange(hollow_nodes, hollow)) {}

// A checkpoint inside another one: what it has seen, the outer one must find unchanged too.
Outlining::~Outlining() {
  if (before_ != nullptr)
    before_->seen.insert(before_->seen.end(), current->seen.begin(), current->seen.end());
  current = before_;
  hollow_nodes = before_hollow_;
}

std::shared_ptr<Node> attach_node(const char* operation, Tensor& y,
                                  std::span<const Tensor> inputs) {
  auto node = std::make_shared<Node>();
  node->operation = operation;
  node->shape = y.shape();
  node->dtype = y.dtype();
  node->hollow = hollow_nodes;
  if (current != nullptr) current->add(operation, y, inputs);
  if (!node->hollow) {
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
  }
  y.set_node(node);
  return node;
}

}  // namespace papilio
