// What a function records, for checkpoint (autograd/checkpoint.h). Not for users.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "autograd/node.h"

namespace papilio {

// The operations that one run of a function recorded, in their order, and their inputs.
struct Outline {
  struct Step {
    const char* operation;
    Dims shape;  // of its output
    DType dtype;
  };
  std::vector<Step> steps;
  std::vector<Snapshot> seen;

  void add(const char* operation, const Tensor& y, std::span<const Tensor> inputs);
  // Has an input been written to since?
  bool changed() const;
};

// While it lives, what this thread records joins the outline. `hollow`: its nodes hold nothing; all
// they say is that a gradient is wanted.
class Outlining {
 public:
  Outlining(Outline& outline, bool hollow);
  ~Outlining();
  Outlining(const Outlining&) = delete;
  Outlining& operator=(const Outlining&) = delete;

 private:
  Outline* before_;
  bool before_hollow_;
};

// Gives y a node with edges to the inputs. Its backward (or recompute) is the caller's, unless it
// is hollow.
std::shared_ptr<Node> attach_node(const char* operation, Tensor& y, std::span<const Tensor> inputs);

}  // namespace papilio
