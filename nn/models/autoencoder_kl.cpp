#include "nn/models/autoencoder_kl.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/extrema.h"
#include "autograd/ops/join.h"
#include "autograd/ops/math.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape.h"
#include "nn/models/detail/folder_config.h"
#include "tensor/creation.h"
#include "tensor/draw_for_rows.h"
#include "tensor/files/detail/json.h"

namespace papilio::nn {

using nlohmann::json;

namespace {

constexpr const char* kName = "AutoencoderKL";
constexpr std::array<int64_t, 2> kOne{1, 1}, kThree{3, 3};
constexpr double kEps = 1e-6;

ResnetBlock2DOptions resnet(const AutoencoderKLConfig& c, int64_t channels) {
  return {
      .in_channels = channels, .out_channels = channels, .groups = c.norm_num_groups, .eps = kEps};
}

UNetBlockOptions block(const AutoencoderKLConfig& c, int64_t in, int64_t out, int64_t layers,
                       bool resamples) {
  return {.in_channels = in,
          .out_channels = out,
          .layers = layers,
          .resamples = resamples,
          .resnet = resnet(c, out),
          .transformer = {}};
}

}  // namespace

VaeAttention::VaeAttention(int64_t channels, int64_t groups)
    : group_norm(groups, channels, kEps), attention(channels, channels, 1, true) {}

Tensor VaeAttention::operator()(const Tensor& x) {
  const Tensor tokens = transpose(flatten(group_norm(x), 2, 3), 1, 2);
  return x + reshape(transpose(attention(tokens), 1, 2), x.shape());
}

void VaeAttention::visit(Visitor& v) {
  v("group_norm", group_norm);
  attention.visit(v);
}

VaeMidBlock::VaeMidBlock(const ResnetBlock2DOptions& o, bool attends) {
  for (int i = 0; i < 2; ++i) resnets.emplace_back(o);
  if (attends) attention = std::make_unique<VaeAttention>(o.out_channels, o.groups);
}

Tensor VaeMidBlock::operator()(const Tensor& x) {
  const Tensor h = resnets[0](x);
  return resnets[1](attention ? (*attention)(h) : h);
}

void VaeMidBlock::visit(Visitor& v) {
  v("attentions.0", attention);
  v("resnets", resnets);
}

VaeEncoder::VaeEncoder(const AutoencoderKLConfig& c)
    : conv_in(c.in_channels, c.block_out_channels.front(), kThree, {.padding = 1}),
      mid_block(resnet(c, c.block_out_channels.back()), c.mid_block_add_attention),
      conv_norm_out(c.norm_num_groups, c.block_out_channels.back(), kEps),
      conv_out(c.block_out_channels.back(), 2 * c.latent_channels, kThree, {.padding = 1}) {
  int64_t channels = c.block_out_channels.front();
  for (size_t i = 0; i < c.block_out_channels.size(); ++i) {
    const bool last = i + 1 == c.block_out_channels.size();
    down_blocks.emplace_back(block(c, channels, c.block_out_channels[i], c.layers_per_block, !last),
                             0);
    channels = c.block_out_channels[i];
  }
}

Tensor VaeEncoder::operator()(const Tensor& x) {
  Tensor h = conv_in(x);
  for (UNetDownBlock& down : down_blocks) {
    std::vector<Tensor> skips;
    h = down(h, {}, {}, skips);
  }
  return conv_out(conv_norm_out.then_silu(mid_block(h)));
}

void VaeEncoder::visit(Visitor& v) {
  v("conv_in", conv_in);
  v("down_blocks", down_blocks);
  v("mid_block", mid_block);
  v("conv_norm_out", conv_norm_out);
  v("conv_out", conv_out);
}

VaeDecoder::VaeDecoder(const AutoencoderKLConfig& c)
    : conv_in(c.latent_channels, c.block_out_channels.back(), kThree, {.padding = 1}),
      mid_block(resnet(c, c.block_out_channels.back()), c.mid_block_add_attention),
      conv_norm_out(c.norm_num_groups, c.block_out_channels.front(), kEps),
      conv_out(c.block_out_channels.front(), c.out_channels, kThree, {.padding = 1}) {
  int64_t channels = c.block_out_channels.back();
  for (size_t i = c.block_out_channels.size(); i-- > 0;) {
    up_blocks.emplace_back(
        block(c, channels, c.block_out_channels[i], c.layers_per_block + 1, i > 0),
        std::vector<int64_t>());
    channels = c.block_out_channels[i];
  }
}

Tensor VaeDecoder::operator()(const Tensor& z) {
  Tensor h = mid_block(conv_in(z));
  std::vector<Tensor> no_skips;
  for (UNetUpBlock& up : up_blocks) h = up(h, {}, {}, no_skips);
  return conv_out(conv_norm_out.then_silu(h));
}

void VaeDecoder::visit(Visitor& v) {
  v("conv_in", conv_in);
  v("up_blocks", up_blocks);
  v("mid_block", mid_block);
  v("conv_norm_out", conv_norm_out);
  v("conv_out", conv_out);
}

Tensor LatentDistribution::sample(Generator& generator) const {
  const TensorOptions like{.dtype = mean.dtype(), .device = mean.device()};
  const Tensor noise =
      draw_for_rows(mean.shape(), [&](const Dims& shape) { return randn(shape, like, generator); });
  return mean + exp(log_variance * 0.5) * noise;
}

Tensor LatentDistribution::kl() const {
  const Tensor each = pow(mean, 2) + exp(log_variance) - 1 - log_variance;
  return sum(each, {1, 2, 3}) * 0.5;
}

AutoencoderKL::AutoencoderKL(const AutoencoderKLConfig& c)
    : config((check(!c.block_out_channels.empty(), kName, ": expected at least one block"), c)),
      encoder(c),
      decoder(c) {
  const int64_t z = c.latent_channels;
  if (c.use_quant_conv) quant_conv = std::make_unique<Conv2d>(2 * z, 2 * z, kOne);
  if (c.use_post_quant_conv) post_quant_conv = std::make_unique<Conv2d>(z, z, kOne);
}

LatentDistribution AutoencoderKL::encode(const Tensor& images) {
  check(images.defined() && images.dim() == 4 && images.size(1) == config.in_channels, kName,
        ": expected images of shape (B, ", config.in_channels, ", H, W), got ", images.shape());
  const int64_t step = config.pixels_of_latent();
  check(images.size(2) % step == 0 && images.size(3) % step == 0, kName,
        ": expected a height and width that are multiples of ", step, ", got ", images.size(2),
        " and ", images.size(3));
  Tensor moments = encoder(images);
  if (quant_conv) moments = (*quant_conv)(moments);
  const std::vector<Tensor> halves = split(moments, config.latent_channels, 1);
  return {halves[0], clamp(halves[1], -30, 20)};
}

Tensor AutoencoderKL::decode(const Tensor& latents) {
  check(latents.defined() && latents.dim() == 4 && latents.size(1) == config.latent_channels, kName,
        ": expected latents of shape (B, ", config.latent_channels, ", H, W), got ",
        latents.shape());
  return decoder(post_quant_conv ? (*post_quant_conv)(latents) : latents);
}

void AutoencoderKL::visit(Visitor& v) {
  v("encoder", encoder);
  v("decoder", decoder);
  v("quant_conv", quant_conv);
  v("post_quant_conv", post_quant_conv);
}

void AutoencoderKL::before_loading(StateDict& tensors) {
  constexpr std::pair<std::string_view, std::string_view> kOld[] = {{".query.", ".to_q."},
                                                                    {".key.", ".to_k."},
                                                                    {".value.", ".to_v."},
                                                                    {".proj_attn.", ".to_out.0."}};
  StateDict renamed;
  for (const auto& [name, tensor] : tensors) {
    std::string now = name;
    for (const auto& [old, current] : kOld) {
      const size_t at = now.find(".attentions.") == now.npos ? now.npos : now.find(old);
      if (at != now.npos) now.replace(at, old.size(), current);
    }
    renamed[now] = tensor;
  }
  tensors = std::move(renamed);
}

ConfigFields AutoencoderKL::config_fields() const {
  const AutoencoderKLConfig& c = config;
  const std::vector<std::string> down(c.block_out_channels.size(), "DownEncoderBlock2D"),
      up(c.block_out_channels.size(), "UpDecoderBlock2D");
  return nn::config_fields({{"_class_name", kName},
                            {"in_channels", c.in_channels},
                            {"out_channels", c.out_channels},
                            {"down_block_types", down},
                            {"up_block_types", up},
                            {"block_out_channels", c.block_out_channels},
                            {"layers_per_block", c.layers_per_block},
                            {"act_fn", "silu"},
                            {"latent_channels", c.latent_channels},
                            {"norm_num_groups", c.norm_num_groups},
                            {"sample_size", c.sample_size},
                            {"scaling_factor", c.scaling_factor},
                            {"use_quant_conv", c.use_quant_conv},
                            {"use_post_quant_conv", c.use_post_quant_conv},
                            {"mid_block_add_attention", c.mid_block_add_attention}});
}

AutoencoderKLConfig read_vae_config(JsonFields& fields) {
  constexpr FixedField kFixed[] = {
      {"shift_factor", "null"}, {"latents_mean", "null"}, {"latents_std", "null"}};
  AutoencoderKLConfig c;
  expect_class(fields, kName);
  expect_fixed(fields, kFixed);
  expect_silu(fields, "act_fn");
  fields.value("force_upcast");  // of half precision, in which nothing is computed here
  c.in_channels = fields.integer("in_channels", c.in_channels, 1);
  c.out_channels = fields.integer("out_channels", c.out_channels, 1);
  c.block_out_channels = read_channels(fields, "block_out_channels", c.block_out_channels);
  for (const auto& [key, type] : {std::pair("down_block_types", "DownEncoderBlock2D"),
                                  std::pair("up_block_types", "UpDecoderBlock2D")}) {
    const std::vector<std::string> wanted(c.block_out_channels.size(), type);
    if (read_names(fields, key, wanted) != wanted)
      fields.fail(key,
                  str(wanted.size(), " times \"", type, "\" (others are not supported)").c_str());
  }
  c.layers_per_block = fields.integer("layers_per_block", c.layers_per_block, 1, 1000);
  c.latent_channels = fields.integer("latent_channels", c.latent_channels, 1);
  c.norm_num_groups = fields.integer("norm_num_groups", c.norm_num_groups, 1);
  c.sample_size = read_side(fields, "sample_size", c.sample_size);
  c.scaling_factor = fields.number("scaling_factor", c.scaling_factor);
  c.use_quant_conv = fields.boolean("use_quant_conv", c.use_quant_conv);
  c.use_post_quant_conv = fields.boolean("use_post_quant_conv", c.use_post_quant_conv);
  c.mid_block_add_attention = fields.boolean("mid_block_add_attention", c.mid_block_add_attention);
  return c;
}

std::unique_ptr<AutoencoderKL> load_vae(const std::filesystem::path& folder,
                                        std::vector<std::string>& warnings,
                                        const std::string& variant) {
  return load_folder_model<AutoencoderKL>(folder, read_vae_config, warnings, variant);
}

}  // namespace papilio::nn
