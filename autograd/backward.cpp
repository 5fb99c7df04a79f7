#include "autograd/backward.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <queue>
#include <utility>
#include <vector>

#include "autograd/anomaly.h"
#include "autograd/autocast.h"
#include "autograd/grad_mode.h"
#include "autograd/gradient_watch.h"
#include "kernels/elementwise.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {

namespace {

// Nodes whose gradient has begun to arrive. The latest made comes first: everything that uses a
// node's output was made after it, so by then its gradient is complete.
struct Earlier {
  bool operator()(const std::shared_ptr<Node>& a, const std::shared_ptr<Node>& b) const {
    return a->sequence < b->sequence;
  }
};

class Pass {
 public:
  explicit Pass(bool retain_graph) : retain_graph_(retain_graph) {}
  ~Pass() {
    // After an error some gradients are still waiting; they must not leak into the next pass.
    for (; !queue_.empty(); queue_.pop()) queue_.top()->pending = {};
  }

  void add(const std::shared_ptr<Node>& node, Tensor gradient) {
    if (!node->pending.defined()) {
      node->pending = std::move(gradient);
      queue_.push(node);
    } else {
      own(node->pending);
      add_to(node->pending, gradient);
    }
    if (watch_ != nullptr && node->is_leaf())
      (*watch_)(node.get(), node->pending, ++arrivals_[node.get()]);
  }

  void run() {
    while (!queue_.empty()) {
      const std::shared_ptr<Node> node = queue_.top();
      queue_.pop();
      const Tensor dy = std::move(node->pending);
      node->pending = {};
      if (node->is_leaf()) {
        accumulate(*node, dy);
      } else {
        step(*node, dy);
      }
    }
  }

 private:
  // Makes `x` a contiguous tensor that nobody else sees, so that it may be added to in place.
  static void own(Tensor& x) {
    if (x.storage().use_count() > 1 || !x.is_contiguous()) x = copy_of(x);
  }

  static void add_to(const Tensor& dst, const Tensor& src) {
    pick(dst.device(), cpu::add_to, cuda::add_to)(view(dst), view(src));
  }

  static void accumulate(Node& leaf, const Tensor& dy) {
    if (!leaf.grad.defined()) {
      leaf.grad = dy;
      // `dy` in run() is the one other handle that may exist.
      if (dy.storage().use_count() > 2 || !dy.is_contiguous()) leaf.grad = copy_of(dy);
    } else {
      add_to(leaf.grad, dy);
    }
  }

  void step(Node& node, const Tensor& dy) {
    check<Error>(!node.freed, "backward: the graph of ", node.operation,
                 " has been freed by an earlier backward; pass retain_graph = true to that one");
    check<Error>(!node.hollow, "backward: ", node.operation,
                 " was computed inside checkpoint(f, x); only what f returns has a gradient");
    for (const Snapshot& snapshot : node.seen) {
      check<Error>(!snapshot.changed(), "backward: an input or the output of ", node.operation,
                   " was changed in place after the forward pass");
    }
    // Whoever reads the output has been here before.
    if (!retain_graph_) node.remake = nullptr;
    if (node.recompute) {
      recompute(node, dy);
    } else {
      to_inputs(node, dy);
    }
    if (!retain_graph_) {
      node.freed = true;
      node.release();
    }
  }

  void to_inputs(Node& node, const Tensor& dy) {
    Grads grads = node.backward(dy, Needs(node.inputs));
    check<Error>(grads.size() == node.inputs.size(), "backward of ", node.operation, ": expected ",
                 node.inputs.size(), " gradients, got ", grads.size());
    for (size_t i = 0; i < grads.size(); ++i) {
      const Edge& input = node.inputs[i];
      if (input.node == nullptr || !grads[i].defined()) continue;
      check<Error>(grads[i].shape() == input.shape && grads[i].dtype() == input.dtype,
                   "backward of ", node.operation, ": expected the gradient of input ", i,
                   " to be ", input.dtype, " ", input.shape, ", got ", grads[i].dtype(), " ",
                   grads[i].shape());
      if (anomaly_mode()) check_no_new_nan(node.operation, "backward", grads[i], {&dy, 1});
      add(input.node, std::exchange(grads[i], {}));
    }
  }

  // What is recorded now is later than all that waits, so it is walked through next: gradients meet
  // in the order that they have without recomputation.
  void recompute(Node& node, const Tensor& dy) {
    const Tensor y = node.recompute();
    check<Error>(
        y.defined() && y.requires_grad() && y.shape() == node.shape && y.dtype() == node.dtype,
        "backward of ", node.operation, ": expected ", node.dtype, " ", node.shape,
        " that wants a gradient once more, got another tensor");
    add(y.node(), dy);
  }

  bool retain_graph_;
  const GradientArrived* watch_ = GradientWatch::current();
  std::map<const Node*, int64_t> arrivals_;  // at leaves, if somebody watches
  std::priority_queue<std::shared_ptr<Node>, std::vector<std::shared_ptr<Node>>, Earlier> queue_;
};

const std::shared_ptr<Node>& leaf_node(const char* operation, const Tensor& x) {
  check(x.requires_grad() && x.node()->is_leaf(), operation,
        ": expected a leaf that collects a gradient (set_requires_grad)");
  return x.node();
}

}  // namespace

Tensor& set_requires_grad(Tensor& x, bool value) {
  check(x.defined(), "set_requires_grad: the tensor is undefined");
  check(!x.requires_grad() || x.node()->is_leaf(), "set_requires_grad: the tensor was computed by ",
        x.requires_grad() ? x.node()->operation : "", "; detach() it first");
  if (!value) {
    x.set_node(nullptr);
  } else if (!x.requires_grad()) {
    check(is_floating(x.dtype()), "set_requires_grad: expected a floating tensor, got ", x.dtype());
    auto node = std::make_shared<Node>();
    node->shape = x.shape();
    node->dtype = x.dtype();
    x.set_node(std::move(node));
  }
  return x;
}

Tensor leaf(Tensor x) {
  return set_requires_grad(x);
}

Tensor grad(const Tensor& x) {
  return leaf_node("grad", x)->grad;
}

void set_grad(const Tensor& x, const Tensor& gradient) {
  const auto& node = leaf_node("set_grad", x);
  check(!gradient.defined() || (gradient.shape() == x.shape() && gradient.dtype() == x.dtype()),
        "set_grad: expected ", x.dtype(), " ", x.shape(), ", got ", gradient.dtype(), " ",
        gradient.shape());
  node->grad = gradient.defined() ? contiguous_data(gradient) : Tensor();
}

void zero_grad(const Tensor& x) {
  set_grad(x, {});
}

void backward(const Tensor& y, Tensor dy, bool retain_graph) {
  check(y.requires_grad(), "backward: the tensor depends on nothing that collects a gradient");
  if (!dy.defined()) {
    check(y.numel() == 1,
          "backward: expected a tensor with one element (or a gradient dy), got shape ", y.shape());
    dy = ones_like(y);
  }
  check(dy.shape() == y.shape() && dy.dtype() == y.dtype(), "backward: expected dy of ", y.dtype(),
        " ", y.shape(), ", got ", dy.dtype(), " ", dy.shape());
  const NoGrad no_grad;
  const Autocast forward_dtypes(DType::float32);
  Pass pass(retain_graph);
  pass.add(y.node(), dy.detach());
  pass.run();
}

}  // namespace papilio
