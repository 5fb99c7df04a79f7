#include "nn/models/unet_2d_blocks.h"

#include <cstddef>
#include <cstdint>
#include <utility>

#include "autograd/ops/join.h"

namespace papilio::nn {

namespace {

ResnetBlock2DOptions resnet(ResnetBlock2DOptions options, int64_t in, int64_t out) {
  options.in_channels = in;
  options.out_channels = out;
  return options;
}

}  // namespace

UNetDownBlock::UNetDownBlock(const UNetBlockOptions& o, int64_t downsample_padding) {
  for (int64_t i = 0; i < o.layers; ++i) {
    resnets.emplace_back(resnet(o.resnet, i == 0 ? o.in_channels : o.out_channels, o.out_channels));
    if (o.transformer) attentions.emplace_back(*o.transformer);
  }
  if (o.resamples) downsampler = std::make_unique<Downsample2D>(o.out_channels, downsample_padding);
}

Tensor UNetDownBlock::operator()(const Tensor& x, const Tensor& temb, const Tensor& context,
                                 std::vector<Tensor>& skips) {
  Tensor h = x;
  for (size_t i = 0; i < resnets.size(); ++i) {
    h = resnets[i](h, temb);
    if (!attentions.empty()) h = attentions[i](h, context);
    skips.push_back(h);
  }
  if (downsampler) skips.push_back(h = (*downsampler)(h));
  return h;
}

void UNetDownBlock::visit(Visitor& v) {
  v("attentions", attentions);
  v("resnets", resnets);
  v("downsamplers.0", downsampler);
}

UNetUpBlock::UNetUpBlock(const UNetBlockOptions& o, const std::vector<int64_t>& skip_channels) {
  for (int64_t i = 0; i < o.layers; ++i) {
    const int64_t skip = skip_channels.empty() ? 0 : skip_channels[size_t(i)];
    const int64_t in = (i == 0 ? o.in_channels : o.out_channels) + skip;
    resnets.emplace_back(resnet(o.resnet, in, o.out_channels));
    if (o.transformer) attentions.emplace_back(*o.transformer);
  }
  if (o.resamples) upsampler = std::make_unique<Upsample2D>(o.out_channels);
}

Tensor UNetUpBlock::operator()(const Tensor& x, const Tensor& temb, const Tensor& context,
                               std::vector<Tensor>& skips, std::optional<Pair> size) {
  Tensor h = x;
  for (size_t i = 0; i < resnets.size(); ++i) {
    if (!skips.empty()) {
      h = concat({h, skips.back()}, 1);
      skips.pop_back();
    }
    h = resnets[i](h, temb);
    if (!attentions.empty()) h = attentions[i](h, context);
  }
  return upsampler ? (*upsampler)(h, size) : h;
}

void UNetUpBlock::visit(Visitor& v) {
  v("attentions", attentions);
  v("resnets", resnets);
  v("upsamplers.0", upsampler);
}

UNetMidBlock2DCrossAttn::UNetMidBlock2DCrossAttn(const ResnetBlock2DOptions& options,
                                                 const Transformer2DOptions& transformer) {
  const int64_t channels = transformer.channels;
  for (int i = 0; i < 2; ++i) resnets.emplace_back(resnet(options, channels, channels));
  attentions.emplace_back(transformer);
}

Tensor UNetMidBlock2DCrossAttn::operator()(const Tensor& x, const Tensor& temb,
                                           const Tensor& context) {
  return resnets[1](attentions[0](resnets[0](x, temb), context), temb);
}

void UNetMidBlock2DCrossAttn::visit(Visitor& v) {
  v("attentions", attentions);
  v("resnets", resnets);
}

}  // namespace papilio::nn
