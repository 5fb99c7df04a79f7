#include "nn/layers/group_norm.h"

#include <cstdint>
#include <string>

#include "autograd/ops/group_norm.h"
#include "nn/init.h"

namespace papilio::nn {

GroupNorm::GroupNorm(int64_t groups, int64_t channels, double eps) : groups(groups), eps(eps) {
  check(groups >= 1 && channels % groups == 0, "GroupNorm: ", channels,
        " channels do not divide into ", groups, " groups");
  weight = constant_parameter({channels}, 1);
  bias = zero_parameter({channels});
}

Tensor GroupNorm::operator()(const Tensor& x) {
  return group_norm(x, groups, weight, bias, {.eps = eps});
}

Tensor GroupNorm::then_silu(const Tensor& x) {
  return group_norm(x, groups, weight, bias, {.eps = eps, .silu = true});
}

void GroupNorm::visit(Visitor& v) {
  v("weight", weight);
  v("bias", bias);
}

std::string GroupNorm::describe() const {
  return str("GroupNorm(", weight.size(0), " in ", groups, " groups)");
}

}  // namespace papilio::nn
