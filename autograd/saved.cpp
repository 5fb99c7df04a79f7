#include "autograd/saved.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "tensor/error.h"

namespace papilio {

// An operation's output once more: made when it is first asked for, held as long as anyone may ask.
class Remake {
 public:
  Remake(const Node& node, std::vector<Saved> inputs, Make make)
      : operation_(node.operation),
        seen_(node.seen),
        inputs_(std::move(inputs)),
        make_(std::move(make)) {
    for (const Saved& x : inputs_) depth_ = std::max(depth_, x.depth() + 1);
  }

  const Tensor& get() {
    if (made_.defined()) return made_;
    for (const Snapshot& snapshot : seen_)
      check<Error>(!snapshot.changed(), "backward: an input or the output of ", operation_,
                   " was changed in place after the forward pass");
    std::vector<Tensor> inputs;
    for (const Saved& x : inputs_) inputs.push_back(x.get());
    made_ = make_(inputs);
    inputs_.clear();
    make_ = nullptr;
    return made_;
  }
  int depth() const { return depth_; }

 private:
  const char* operation_;
  std::vector<Snapshot> seen_;
  std::vector<Saved> inputs_;
  Make make_;
  Tensor made_;
  int depth_ = 1;
};

namespace {
// Residual sums of residual sums are made again so far, then one is held.
constexpr int kDeepest = 4;
// A part of y that may be held for its sake.
constexpr int64_t kSmall = 8;
}  // namespace

Saved::Saved(const Tensor& x) {
  if (x.requires_grad()) remake_ = x.node()->remake;
  if (remake_ || !x.defined()) return;
  data_ = x.detach();
  mark_kept(x);
}

Tensor Saved::get() const {
  return remake_ ? remake_->get() : data_;
}

int Saved::depth() const {
  return remake_ ? remake_->depth() : 0;
}

void offer_remake(const Tensor& y, std::initializer_list<Tensor> inputs, Make make) {
  if (!y.requires_grad() || y.node()->hollow) return;
  std::vector<Saved> saved;
  for (const Tensor& x : inputs) saved.emplace_back(x);
  y.node()->remake = std::make_shared<Remake>(*y.node(), std::move(saved), std::move(make));
}

bool is_kept(const Tensor& x, const Tensor& y) {
  if (x.numel() <= y.numel() / kSmall) return true;
  if (!x.requires_grad()) return false;
  const Node& node = *x.node();
  return node.remake ? node.remake->depth() < kDeepest : node.kept || node.is_leaf();
}

void mark_kept(const Tensor& x) {
  if (x.requires_grad()) x.node()->kept = true;
}

}  // namespace papilio
