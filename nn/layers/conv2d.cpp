#include "nn/layers/conv2d.h"

#include "autograd/backward.h"
#include "autograd/ops/shape.h"
#include "nn/init.h"
#include "tensor/creation.h"

namespace papilio::nn {

Conv2d::Conv2d(int64_t in_channels, int64_t out_channels, std::array<int64_t, 2> kernel_size,
               Conv2dOptions options_, bool with_bias)
    : options(options_) {
  check(options.groups >= 1 && in_channels % options.groups == 0 &&
            out_channels % options.groups == 0,
        "Conv2d: ", in_channels, " input and ", out_channels,
        " output channels do not divide into ", options.groups, " groups");
  weight = empty({out_channels, in_channels / options.groups, kernel_size[0], kernel_size[1]});
  kaiming_uniform_(weight);
  set_requires_grad(weight);
  if (with_bias) bias = leaf(zeros({out_channels}));
}

Tensor Conv2d::operator()(const Tensor& x) {
  const std::vector<Adapter*> working = adapters.working();
  if (working.empty()) return conv2d(x, weight, bias, options);
  const Tensor matrix = reshape(weight, {weight.size(0), -1});
  const Tensor adapted = AdaptedWeight(matrix, working).weight(training);
  return conv2d(x, reshape(adapted, weight.shape()), bias, options);
}

void Conv2d::visit(Visitor& v) {
  v("weight", weight);
  v("bias", bias);
  adapters.visit(v);
}

std::string Conv2d::describe() const {
  return str("Conv2d(", weight.size(1) * options.groups, " -> ", weight.size(0), ", ",
             weight.size(2), "x", weight.size(3), ")");
}

}  // namespace papilio::nn
