// What an operation keeps of its inputs for the backward pass: their memory, or a way to compute
// them again from what other operations keep anyway.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "autograd/node.h"

namespace papilio {

// An input that the backward pass reads: its memory or, if its operation offers one, its remake.
class Saved {
 public:
  Saved() = default;  // of an undefined tensor
  explicit Saved(const Tensor& x);
  // For an operation that reads x as `as_read`, which is a copy if x is not contiguous.
  Saved(const Tensor& x, const Tensor& as_read) : Saved(x.is_contiguous() ? x : as_read) {}

  // x, without gradient. Throws Error if it has to be made again, and what it is made of was
  // changed in place.
  Tensor get() const;
  // How many remakes in a row it takes; 0 if its memory is held.
  int depth() const;

 private:
  Tensor data_;
  std::shared_ptr<Remake> remake_;
};

// Says how the output y, as recorded, is computed again, with the same bits: of the same inputs by
// the same kernels, without recording. For passes over elements, not for products. Inputs are held,
// so this pays only if they are kept anyway: by y's own gradient, or by others (is_kept).
using Make = std::function<Tensor(std::span<const Tensor> inputs)>;
void offer_remake(const Tensor& y, std::initializer_list<Tensor> inputs, Make make);

// Whether holding x for a remake of y costs next to nothing: an operation holds its memory or a
// short way to make it, or it is small beside y.
bool is_kept(const Tensor& x, const Tensor& y);
// Says that an operation holds the memory of its output x.
void mark_kept(const Tensor& x);

}  // namespace papilio
