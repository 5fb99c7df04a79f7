#include "autograd/ops/linear.h"

#include "autograd/autocast.h"
#include "autograd/backward.h"
#include "autograd/ops/check.h"
#include "autograd/ops/matrix.h"
#include "autograd/record.h"
#include "tensor/copy.h"

namespace papilio {

namespace {

void check_arguments(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  check_floating("linear", x);
  check_floating("linear", weight, "weight");
  check_same("linear", x, weight);
  check(weight.dim() == 2, "linear: expected weight of shape (out, in), got ", weight.shape());
  check(x.dim() >= 1 && x.shape().back() == weight.shape()[1], "linear: expected x of shape (..., ",
        weight.shape()[1], ") for weight ", weight.shape(), ", got ", x.shape());
  if (!bias.defined()) return;
  check_same("linear", x, bias);
  check_shape("linear", bias, {weight.shape()[0]}, "bias");
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (autocast_enabled()) return autocast::products(linear, x, weight, bias);
  check_arguments(x, weight, bias);
  const Tensor rows = as_rows(x.detach());
  Dims shape = x.shape();
  shape[shape.size() - 1] = weight.shape()[0];
  const Tensor y = with_shape(matrix_product("linear", rows, transposed(weight), bias), shape);

  const Tensor for_x = x.requires_grad() ? weight.detach() : Tensor();
  const Tensor for_weight = weight.requires_grad() ? rows : Tensor();
  return record("linear", y, {x, weight, bias},
                [for_x, for_weight, x_shape = x.shape()](const Tensor& dy, Needs needs) {
                  const Tensor g = as_rows(contiguous_data(dy));
                  Grads grads(3);
                  if (needs[0]) grads[0] = with_shape(matrix_product("linear", g, for_x), x_shape);
                  if (needs[1]) grads[1] = matrix_product("linear", transposed(g), for_weight);
                  if (needs[2]) grads[2] = sum_to(g, {g.shape()[1]});
                  return grads;
                });
}

}  // namespace papilio
