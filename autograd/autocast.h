// Mixed precision: a scope in which operations choose the dtype they compute in.
#pragma once

#include <vector>

#include "tensor/tensor.h"

namespace papilio {

// While it lives, operations on this thread choose their dtype as under torch.autocast, on every
// device alike:
//   `dtype`     linear, matmul, conv2d, scaled_dot_product_attention, the products of boft_linear
//   float32     softmax, log_softmax, layer_norm, cross_entropy, exp, log, pow, sum, mean, var;
//               cayley, cayley_neumann, butterfly_rotation and boft_linear's rotation: adapters
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

// What operations do in a scope: they call themselves again outside of it, with their tensors in
// another dtype. Undefined tensors, and those that are not floating or float64, pass as they are.
namespace autocast {

// What the arguments become: the dtype of products, or float32.
enum class To { product, float32 };
// One argument so converted; what is no tensor passes.
Tensor argument(To to, const Tensor& x);
template <class T>
const T& argument(To, const T& x) {
  return x;
}

// operation(arguments...) with converted arguments, outside of Autocast.
template <class Operation, class... Arguments>
Tensor outside(To to, Operation&& operation, const Arguments&... arguments) {
  return [&](const auto&... cast) {  // the casts are made first
    const Autocast off(DType::float32);
    return operation(cast...);
  }(argument(to, arguments)...);
}
// A product: in the dtype of products.
template <class Operation, class... Arguments>
Tensor products(Operation&& operation, const Arguments&... arguments) {
  return outside(To::product, operation, arguments...);
}
// A statistic or a loss: in float32.
template <class Operation, class... Arguments>
Tensor in_float32(Operation&& operation, const Arguments&... arguments) {
  return outside(To::float32, operation, arguments...);
}

// True in a scope where floating tensors meet in different dtypes.
bool mixed(const Tensor& a, const Tensor& b);
bool mixed(const std::vector<Tensor>& tensors);
// All in the widest dtype among them.
std::vector<Tensor> widest(const std::vector<Tensor>& tensors);
Tensor in_widest(Tensor (*operation)(const Tensor&, const Tensor&), const Tensor& a,
                 const Tensor& b);

}  // namespace autocast
}  // namespace papilio
