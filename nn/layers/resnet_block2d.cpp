#include "nn/layers/resnet_block2d.h"

#include <array>
#include <cstdint>
#include <memory>

#include "autograd/ops/activation.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/shape.h"

namespace papilio::nn {

ResnetBlock2D::ResnetBlock2D(const ResnetBlock2DOptions& o)
    : norm1(o.groups, o.in_channels, o.eps),
      conv1(o.in_channels, o.out_channels, {3, 3}, {.padding = 1}),
      norm2(o.groups, o.out_channels, o.eps),
      dropout(o.dropout),
      conv2(o.out_channels, o.out_channels, {3, 3}, {.padding = 1}),
      output_scale_factor(o.output_scale_factor) {
  if (o.temb_channels > 0)
    time_emb_proj = std::make_unique<Linear>(o.temb_channels, o.out_channels);
  if (o.in_channels != o.out_channels)
    conv_shortcut =
        std::make_unique<Conv2d>(o.in_channels, o.out_channels, std::array<int64_t, 2>{1, 1});
}

Tensor ResnetBlock2D::operator()(const Tensor& x, const Tensor& temb) {
  return whole([this, temb](const Tensor& in) { return compute(in, temb); }, x);
}

Tensor ResnetBlock2D::compute(const Tensor& x, const Tensor& temb) {
  Tensor h = conv1(norm1.then_silu(x));
  if (time_emb_proj) {
    const Tensor shift = (*time_emb_proj)(silu(temb));
    h = h + reshape(shift, {shift.size(0), shift.size(1), 1, 1});
  }
  h = conv2(dropout(norm2.then_silu(h)));
  const Tensor sum = (conv_shortcut ? (*conv_shortcut)(x) : x) + h;
  return output_scale_factor == 1 ? sum : sum / output_scale_factor;
}

void ResnetBlock2D::visit(Visitor& v) {
  v("norm1", norm1);
  v("conv1", conv1);
  v("time_emb_proj", time_emb_proj);
  v("norm2", norm2);
  v("dropout", dropout);
  v("conv2", conv2);
  v("conv_shortcut", conv_shortcut);
}

}  // namespace papilio::nn
