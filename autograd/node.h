// The graph behind the tensors: one Node an operation (or a leaf), edges to the nodes of its
// inputs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "tensor/tensor.h"

namespace papilio {

// What a node knows of one of its inputs.
struct Edge {
  std::shared_ptr<Node> node;  // null if the input needs no gradient
  Dims shape;
  DType dtype = DType::float32;
};

// Which inputs of an operation want a gradient: needs[i] is true for input i.
class Needs {
 public:
  // `edges` lead to the operation's inputs.
  explicit Needs(std::span<const Edge> edges) : edges_(edges) {}
  bool operator[](size_t input) const { return edges_[input].node != nullptr; }

 private:
  std::span<const Edge> edges_;
};

// One gradient an input, in order; undefined if Needs says no (or if it is zero).
using Grads = std::vector<Tensor>;
using Backward = std::function<Grads(const Tensor& dy, Needs needs)>;

// A tensor's memory as it was when an operation saw it, to notice writes in place between forward
// and backward.
class Snapshot {
 public:
  // Remembers the version of x's memory.
  explicit Snapshot(const Tensor& x) : storage_(x.storage()), version_(x.storage()->version()) {}
  bool changed() const {
    const auto storage = storage_.lock();
    return storage && storage->version() != version_;
  }

 private:
  std::weak_ptr<Storage> storage_;
  uint64_t version_;
};

class Remake;  // autograd/saved.h

// One recorded operation, or a leaf: what backward walks.
struct Node {
  const char* operation = "leaf";
  uint64_t sequence = 0;  // grows with creation: an operation's inputs always have smaller ones
  Dims shape;             // of the output
  DType dtype = DType::float32;
  std::vector<Edge> inputs;
  std::vector<Snapshot> seen;  // the inputs, then the output
  Backward backward;           // empty for leaves, and after the graph has been freed
  // What stands in backward's place, or is empty: it computes the output once more, and the
  // gradient goes on through that one's graph.
  std::function<Tensor()> recompute;
  std::shared_ptr<Remake> remake;  // a cheap way to compute the output again, or null
  bool kept = false;               // an operation holds the memory of the output
  bool freed = false;
  bool hollow = false;  // recorded inside checkpoint: it holds nothing
  Tensor grad;          // leaves: the accumulated gradient
  Tensor pending;       // during a backward pass: the gradient that has arrived so far

  Node();
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  // Is it a tensor that collects a gradient, made by no operation?
  bool is_leaf() const { return !backward && !recompute && !freed && !hollow; }
  // Lets go of what backward or recompute saved and of the inputs. Chains of any length are taken
  // apart without recursion.
  void release();
};

}  // namespace papilio
