// Mixed precision: a scope in which operations choose the dtype they compute in.
#pragma once

#include <vector>

#include "tensor/tensor.h"

namespace papilio {

// While it lives, operations on this thread choose their dtype as under torch.autocast, on every
// device alike:
//   `dtype`     linear, matmul, conv2d, scaled_dot_product_attention, lora_linear, the products of
//               boft_linear
//   float32     softmax, log_softmax, layer_norm, group_norm, cross_entropy, mse_loss, exp, log,
//               pow, sum, mean, var;
//               cayley, cayley_neumann, butterfly_rotation, boft_linear's rotation, householder
//               and gram_schmidt: adapters
//   the widest  add, sub, mul, div, maximum, minimum, where, concat, stack and comparisons
//   its input's everything else
// Products are summed in float32. float64 stays what it is. Parameters stay too: their gradients
// have their dtype, so that optimisers and files see float32 only. backward() computes outside of
// every scope, in the dtypes of the forward pass.
// Scopes nest; Autocast(DType::float32) is off. Throws ArgumentError for dtypes other than these
// two (float16 would need its loss scaled).
class Autocast {
 public:
  // Until the end of the scope, products are computed in `dtype`: bfloat16, or float32 to switch
  // off.
  explicit Autocast(DType dtype = DType::bfloat16);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  DType before_;
};

// Whether this thread is in a scope that is on, and the dtype of products in it.
bool autocast_enabled();
DType autocast_dtype();

// How an operation settles its dtype, once, at its door: everything behind it takes what it gets.
namespace autocast {

// x in the dtype of products, or in float32. Outside of scopes, and if it is undefined, float64 or
// not floating: x itself.
Tensor to_product(const Tensor& x);
Tensor to_float32(const Tensor& x);

// True in a scope if floating tensors meet in different dtypes.
bool mixed(const Tensor& a, const Tensor& b);
bool mixed(const std::vector<Tensor>& tensors);
// All in the widest dtype among them.
std::vector<Tensor> widest(const std::vector<Tensor>& tensors);
Tensor in_widest(Tensor (*operation)(const Tensor&, const Tensor&), const Tensor& a,
                 const Tensor& b);

}  // namespace autocast
}  // namespace papilio
