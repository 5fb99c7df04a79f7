#include "autograd/node.h"

#include <atomic>
#include <utility>

namespace papilio {

namespace {

std::atomic<uint64_t> next_sequence{1};

// What released nodes held. Destroying it may release further nodes, which only append here; the
// outermost call empties the list, so the depth of the stack does not grow with the length of the
// graph.
struct Held {
  Backward backward;
  std::function<Tensor()> recompute;
  std::vector<Edge> inputs;
};
thread_local std::vector<Held>* trash = nullptr;

void destroy(Held held) {
  if (trash != nullptr) {
    trash->push_back(std::move(held));
    return;
  }
  std::vector<Held> list;
  trash = &list;
  list.push_back(std::move(held));
  while (!list.empty()) {
    const Held last = std::move(list.back());
    list.pop_back();
  }
  trash = nullptr;
}

}  // namespace

Node::Node() : sequence(next_sequence.fetch_add(1, std::memory_order_relaxed)) {}

Node::~Node() {
  release();
}

void Node::release() {
  if (backward || recompute || !inputs.empty())
    destroy({std::move(backward), std::move(recompute), std::move(inputs)});
  backward = nullptr;
  recompute = nullptr;
  remake = nullptr;
  inputs.clear();
  seen.clear();
}

}  // namespace papilio
