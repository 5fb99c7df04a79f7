// The graph behind the tensors: one Node an operation (or a leaf), edges to the nodes of its inputs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "tensor/tensor.h"

namespace papilio {

// Which inputs of an operation want a gradient: needs[i] is true for input i.
class Needs {
 public:
  explicit Needs(uint64_t bits = 0) : bits_(bits) {}
  bool operator[](size_t input) const { return bits_ >> input & 1; }

 private:
  uint64_t bits_;
};

// One gradient an input, in order; undefined where Needs says no (or where it is zero).
using Grads = std::vector<Tensor>;
using Backward = std::function<Grads(const Tensor& dy, Needs needs)>;

struct Node {
  struct Edge {
    std::shared_ptr<Node> node;  // null where the input needs no gradient
    Dims shape;
    DType dtype;
    std::weak_ptr<Storage> storage;  // to notice in-place writes between forward and backward
    uint64_t version;
  };

  const char* operation = "leaf";
  uint64_t sequence = 0;  // grows with creation: an operation's inputs always have smaller ones
  Dims shape;
  DType dtype = DType::float32;
  std::vector<Edge> inputs;
  Backward backward;  // empty for leaves, and after the graph has been freed
  bool freed = false;
  Tensor grad;     // leaves: the accumulated gradient
  Tensor pending;  // during a backward pass: the gradient that has arrived so far

  bool is_leaf() const { return inputs.empty() && !freed; }
  Needs needs() const;
  // Frees what the backward function holds. Long chains are taken apart without recursion.
  void release();
  ~Node();
};

}  // namespace papilio
