#include "autograd/ops/linear.h"

#include "autograd/autocast.h"
#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops/detail/check.h"
#include "autograd/ops/detail/matrix.h"
#include "autograd/ops/detail/settled.h"
#include "autograd/record.h"
#include "autograd/saved.h"
#include "kernels/bias_gelu.h"
#include "kernels/gemm.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"

namespace papilio {

namespace {

void check_arguments(const char* operation, const Tensor& x, const Tensor& weight,
                     const Tensor& bias) {
  check_floating(operation, x);
  check_floating(operation, weight, "weight");
  check_same(operation, x, weight);
  check(weight.dim() == 2, operation, ": expected weight of shape (out, in), got ", weight.shape());
  check(x.dim() >= 1 && x.shape().back() == weight.shape()[1], operation,
        ": expected x of shape (..., ", weight.shape()[1], ") for weight ", weight.shape(),
        ", got ", x.shape());
  if (!bias.defined()) return;
  check_same(operation, x, bias);
  check_shape(operation, bias, {weight.shape()[0]}, "bias");
}

// Gradients of y = x W^T + bias from g = dL/dy, as one matrix; dbias unless it is known already.
Grads gradients(const Tensor& g, const Tensor& for_x, const Saved& for_weight, const Dims& x_shape,
                Needs needs, const Tensor& dbias = {}) {
  Grads grads(3);
  if (needs[0]) grads[0] = with_shape(matrix_product("linear", g, for_x), x_shape);
  if (needs[1]) grads[1] = matrix_product("linear", transposed(g), as_rows(for_weight.get()));
  if (needs[2]) grads[2] = dbias.defined() ? dbias : sum_to(g, {g.shape()[1]});
  return grads;
}

// The shape of y.
Dims output_shape(const Tensor& x, const Tensor& weight) {
  Dims shape = x.shape();
  shape[shape.size() - 1] = weight.shape()[0];
  return shape;
}

}  // namespace

namespace settled {

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const Tensor rows = as_rows(x.detach());
  const Tensor y =
      with_shape(matrix_product("linear", rows, transposed(weight), bias), output_shape(x, weight));
  const Tensor for_x = x.requires_grad() ? weight.detach() : Tensor();
  const Saved for_weight = weight.requires_grad() ? Saved(x, rows) : Saved();
  return record("linear", y, {x, weight, bias},
                [for_x, for_weight, x_shape = x.shape()](const Tensor& dy, Needs needs) {
                  return gradients(as_rows(contiguous_data(dy)), for_x, for_weight, x_shape, needs);
                });
}

}  // namespace settled

Tensor linear(const Tensor& input, const Tensor& w, const Tensor& b) {
  const Tensor x = autocast::to_product(input), weight = autocast::to_product(w),
               bias = autocast::to_product(b);
  check_arguments("linear", x, weight, bias);
  return settled::linear(x, weight, bias);
}

Tensor linear_gelu(const Tensor& input, const Tensor& w, const Tensor& b,
                   GeluApproximate approximate) {
  constexpr const char* name = "linear_gelu";
  const Tensor x = autocast::to_product(input), weight = autocast::to_product(w),
               bias = autocast::to_product(b);
  check_arguments(name, x, weight, bias);
  const auto in_two = [&] {
    return settled::bias_gelu(settled::linear(x, weight, {}), bias, approximate);
  };
  if (x.device().is_cpu() || approximate != GeluApproximate::tanh || !bias.defined())
    return in_two();
  const bool recorded =
      grad_enabled() && (x.requires_grad() || weight.requires_grad() || bias.requires_grad());
  const Tensor rows = gemm_operand(name, as_rows(x.detach()));
  const Tensor y = empty(output_shape(x, weight), {x.dtype(), x.device()});
  const Tensor y_rows = as_rows(y), before = recorded ? empty_like(y_rows) : Tensor();
  const auto in_one = pick_cuda(name, x.device(), cuda::gemm_bias_gelu);
  if (!in_one(view(y_rows), view_or_none(before), view(rows),
              view(gemm_operand(name, transposed(weight))), view(contiguous_data(bias))))
    return in_two();
  const Tensor for_x = x.requires_grad() ? weight.detach() : Tensor();
  const Saved for_weight = weight.requires_grad() ? Saved(x, rows) : Saved();
  return record(
      name, y, {x, weight, bias},
      [before, for_x, for_weight, x_shape = x.shape()](const Tensor& dy, Needs needs) {
        const Tensor dz = empty_like(before);
        const Tensor db = needs[2] ? empty({dz.size(1)}, {dz.dtype(), dz.device()}) : Tensor();
        pick(dz.device(), cpu::bias_gelu_backward, cuda::bias_gelu_backward)(
            view(dz), view_or_none(db), view(contiguous_data(dy)), view(before), {}, true);
        return gradients(dz, for_x, for_weight, x_shape, needs, db);
      });
}

}  // namespace papilio
