#include "nn/models/unet_2d_condition.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/cast.h"
#include "autograd/ops/shape.h"
#include "nn/models/detail/folder_config.h"
#include "tensor/files/detail/json.h"

namespace papilio::nn {

using nlohmann::json;

namespace {

constexpr const char* kName = "UNet2DConditionModel";
constexpr std::array<int64_t, 2> kThree{3, 3};

// Whether a block of this type has transformers; throws for a type that is neither.
bool crosses(const std::string& type, const char* plain, const char* crossing) {
  check(type == plain || type == crossing, kName, ": expected blocks of ", plain, " or ", crossing,
        ", got ", type);
  return type == crossing;
}

// How one block is made; `i` counts as the way down does.
UNetBlockOptions block(const UNet2DConditionConfig& c, size_t i, int64_t in, bool crossing) {
  UNetBlockOptions o{.in_channels = in,
                     .out_channels = c.block_out_channels[i],
                     .layers = c.layers_per_block[i],
                     .resamples = true,
                     .resnet = {.in_channels = 0,
                                .out_channels = 0,
                                .temb_channels = 4 * c.block_out_channels.front(),
                                .groups = c.norm_num_groups,
                                .eps = c.norm_eps,
                                .dropout = c.dropout},
                     .transformer = {}};
  if (crossing)
    o.transformer = {.channels = c.block_out_channels[i],
                     .heads = c.attention_head_dim[i],
                     .layers = c.transformer_layers_per_block[i],
                     .cross_attention_dim = c.cross_attention_dim[i],
                     .groups = c.norm_num_groups,
                     .use_linear_projection = c.use_linear_projection};
  return o;
}

void check_config(const UNet2DConditionConfig& c) {
  const size_t n = c.block_out_channels.size();
  check(n >= 1, kName, ": expected at least one block");
  const auto check_count = [n](const char* field, size_t count) {
    check(count == n, kName, ": expected ", field, " to have ", n,
          " entries, as block_out_channels has, got ", count);
  };
  check_count("down_block_types", c.down_block_types.size());
  check_count("up_block_types", c.up_block_types.size());
  check_count("layers_per_block", c.layers_per_block.size());
  check_count("cross_attention_dim", c.cross_attention_dim.size());
  check_count("transformer_layers_per_block", c.transformer_layers_per_block.size());
  check_count("attention_head_dim", c.attention_head_dim.size());
  check(c.block_out_channels[0] % 2 == 0, kName, ": expected an even block_out_channels, got ",
        c.block_out_channels[0]);
}

// The channels of what the way down leaves for the way up, in the order it leaves them.
std::vector<int64_t> skip_channels(const UNet2DConditionConfig& c) {
  std::vector<int64_t> channels{c.block_out_channels[0]};
  for (size_t i = 0; i < c.block_out_channels.size(); ++i) {
    const bool downsamples = i + 1 < c.block_out_channels.size();
    channels.insert(channels.end(), size_t(c.layers_per_block[i] + (downsamples ? 1 : 0)),
                    c.block_out_channels[i]);
  }
  return channels;
}

}  // namespace

UNet2DConditionModel::UNet2DConditionModel(const UNet2DConditionConfig& c)
    : config((check_config(c), c)),
      conv_in(c.in_channels, c.block_out_channels[0], kThree, {.padding = 1}),
      time_embedding(c.block_out_channels[0], 4 * c.block_out_channels[0]),
      conv_norm_out(c.norm_num_groups, c.block_out_channels[0], c.norm_eps),
      conv_out(c.block_out_channels[0], c.out_channels, kThree, {.padding = 1}) {
  const size_t n = c.block_out_channels.size();
  int64_t channels = c.block_out_channels[0];
  for (size_t i = 0; i < n; ++i) {
    UNetBlockOptions o = block(
        c, i, channels, crosses(c.down_block_types[i], "DownBlock2D", "CrossAttnDownBlock2D"));
    o.resamples = i + 1 < n;
    down_blocks.emplace_back(o, c.downsample_padding);
    channels = c.block_out_channels[i];
  }
  UNetBlockOptions middle = block(c, n - 1, channels, true);
  middle.resnet.output_scale_factor = c.mid_block_scale_factor;
  mid_block = std::make_unique<UNetMidBlock2DCrossAttn>(middle.resnet, *middle.transformer);
  std::vector<int64_t> skips = skip_channels(c);
  for (size_t i = n; i-- > 0;) {
    UNetBlockOptions o = block(
        c, i, channels, crosses(c.up_block_types[n - 1 - i], "UpBlock2D", "CrossAttnUpBlock2D"));
    o.layers += 1;
    o.resamples = i > 0;
    std::vector<int64_t> taken(skips.end() - o.layers, skips.end());
    std::ranges::reverse(taken);
    skips.resize(skips.size() - taken.size());
    up_blocks.emplace_back(o, taken);
    channels = c.block_out_channels[i];
  }
}

Tensor UNet2DConditionModel::operator()(const Tensor& sample, const Tensor& timesteps,
                                        const Tensor& context, const Tensor& control) {
  check(sample.defined() && sample.dim() == 4 && sample.size(1) == config.in_channels, kName,
        ": expected a sample of shape (B, ", config.in_channels, ", H, W), got ", sample.shape());
  check(context.defined() && context.dim() == 3 && context.size(0) == sample.size(0), kName,
        ": expected a context of shape (", sample.size(0), ", S, D), got ", context.shape());
  const int64_t B = sample.size(0);
  check(timesteps.defined() && timesteps.dim() == 1 &&
            (timesteps.size(0) == B || timesteps.size(0) == 1),
        kName, ": expected a timestep for each of ", B, " samples, or one, got ",
        timesteps.shape());
  const TimestepOptions options{.flip_sin_to_cos = config.flip_sin_to_cos,
                                .downscale_freq_shift = config.freq_shift};
  const Tensor sinusoids =
      get_timestep_embedding(expand(timesteps, {B}), config.block_out_channels[0], options);
  const Tensor temb = time_embedding(cast(sinusoids, sample.dtype()));
  Tensor h = conv_in(config.center_input_sample ? sample * 2 - 1 : sample);
  if (control.defined()) h = h + control;
  std::vector<Tensor> skips{h};
  for (UNetDownBlock& down : down_blocks) h = down(h, temb, context, skips);
  h = (*mid_block)(h, temb, context);
  for (UNetUpBlock& up : up_blocks) {
    // If a size was odd on the way down, the way up makes it again.
    std::optional<Pair> size;
    if (up.upsampler) {
      const Tensor& next = skips[skips.size() - 1 - up.resnets.size()];
      size = Pair(next.size(2), next.size(3));
    }
    h = up(h, temb, context, skips, size);
  }
  return conv_out(conv_norm_out.then_silu(h));
}

void UNet2DConditionModel::visit(Visitor& v) {
  v("conv_in", conv_in);
  v("time_embedding", time_embedding);
  v("down_blocks", down_blocks);
  v("up_blocks", up_blocks);
  v("mid_block", mid_block);
  v("conv_norm_out", conv_norm_out);
  v("conv_out", conv_out);
}

ConfigFields UNet2DConditionModel::config_fields() const {
  const UNet2DConditionConfig& c = config;
  return nn::config_fields(
      {{"_class_name", kName},
       {"sample_size", c.sample_size},
       {"in_channels", c.in_channels},
       {"out_channels", c.out_channels},
       {"center_input_sample", c.center_input_sample},
       {"flip_sin_to_cos", c.flip_sin_to_cos},
       {"freq_shift", c.freq_shift},
       {"down_block_types", c.down_block_types},
       {"mid_block_type", "UNetMidBlock2DCrossAttn"},
       {"up_block_types", c.up_block_types},
       {"block_out_channels", c.block_out_channels},
       {"layers_per_block", one_or_all(c.layers_per_block)},
       {"downsample_padding", c.downsample_padding},
       {"mid_block_scale_factor", c.mid_block_scale_factor},
       {"dropout", c.dropout},
       {"act_fn", "silu"},
       {"norm_num_groups", c.norm_num_groups},
       {"norm_eps", c.norm_eps},
       {"cross_attention_dim", one_or_all(c.cross_attention_dim)},
       {"transformer_layers_per_block", one_or_all(c.transformer_layers_per_block)},
       {"attention_head_dim", one_or_all(c.attention_head_dim)},
       {"use_linear_projection", c.use_linear_projection}});
}

namespace {

// Fields of SDXL, inpainting with classes, upscalers and others have one value here.
constexpr FixedField kFixed[] = {{"mid_block_type", "\"UNetMidBlock2DCrossAttn\""},
                                 {"only_cross_attention", "false"},
                                 {"reverse_transformer_layers_per_block", "null"},
                                 {"encoder_hid_dim", "null"},
                                 {"encoder_hid_dim_type", "null"},
                                 {"num_attention_heads", "null"},
                                 {"dual_cross_attention", "false"},
                                 {"class_embed_type", "null"},
                                 {"num_class_embeds", "null"},
                                 {"resnet_time_scale_shift", "\"default\""},
                                 {"resnet_skip_time_act", "false"},
                                 {"resnet_out_scale_factor", "1.0"},
                                 {"time_embedding_type", "\"positional\""},
                                 {"time_embedding_dim", "null"},
                                 {"time_embedding_act_fn", "null"},
                                 {"timestep_post_act", "null"},
                                 {"time_cond_proj_dim", "null"},
                                 {"conv_in_kernel", "3"},
                                 {"conv_out_kernel", "3"},
                                 {"projection_class_embeddings_input_dim", "null"},
                                 {"attention_type", "\"default\""},
                                 {"class_embeddings_concat", "false"},
                                 {"mid_block_only_cross_attention", "null"},
                                 {"cross_attention_norm", "null"}};

}  // namespace

UNet2DConditionConfig read_unet_config(JsonFields& fields) {
  UNet2DConditionConfig c;
  expect_class(fields, kName);
  check<FileError>(fields.string("addition_embed_type", "") != "text_time", fields.where(),
                   ": this is the UNet of Stable Diffusion XL (addition_embed_type text_time), "
                   "which is not supported: a folder of Stable Diffusion 1.5 or 2.1 would do");
  expect_fixed(fields, {{{"addition_embed_type", "null"}}});
  expect_fixed(fields, kFixed);
  expect_silu(fields, "act_fn");
  for (const char* silent :
       {"addition_embed_type_num_heads", "addition_time_embed_dim", "upcast_attention"})
    fields.value(silent);  // softmax is in float32 anyway
  c.sample_size = read_side(fields, "sample_size", c.sample_size);
  c.in_channels = fields.integer("in_channels", c.in_channels, 1);
  c.out_channels = fields.integer("out_channels", c.out_channels, 1);
  c.center_input_sample = fields.boolean("center_input_sample", c.center_input_sample);
  c.flip_sin_to_cos = fields.boolean("flip_sin_to_cos", c.flip_sin_to_cos);
  c.freq_shift = fields.number("freq_shift", c.freq_shift);
  c.down_block_types = read_names(fields, "down_block_types", c.down_block_types);
  c.up_block_types = read_names(fields, "up_block_types", c.up_block_types);
  c.block_out_channels = read_channels(fields, "block_out_channels", c.block_out_channels);
  const size_t n = c.block_out_channels.size();
  const auto layers = [&](const char* key, int64_t otherwise) {
    std::vector<int64_t> counts = read_per_block(fields, key, {otherwise}, n);
    if (std::ranges::any_of(counts, [](int64_t count) { return count > 1000; }))
      fields.fail(key, "numbers from 1 to 1000");
    return counts;
  };
  c.layers_per_block = layers("layers_per_block", 2);
  c.downsample_padding = fields.integer("downsample_padding", c.downsample_padding, 0);
  c.mid_block_scale_factor = fields.number("mid_block_scale_factor", c.mid_block_scale_factor);
  c.dropout = fields.number("dropout", c.dropout);
  c.norm_num_groups = fields.integer("norm_num_groups", c.norm_num_groups, 1);
  c.norm_eps = fields.number("norm_eps", c.norm_eps);
  c.cross_attention_dim = read_per_block(fields, "cross_attention_dim", {1280}, n);
  c.transformer_layers_per_block = layers("transformer_layers_per_block", 1);
  c.attention_head_dim = read_per_block(fields, "attention_head_dim", {8}, n);
  c.use_linear_projection = fields.boolean("use_linear_projection", c.use_linear_projection);
  return c;
}

std::unique_ptr<UNet2DConditionModel> load_unet(const std::filesystem::path& folder,
                                                std::vector<std::string>& warnings,
                                                const std::string& variant) {
  return load_folder_model<UNet2DConditionModel>(folder, read_unet_config, warnings, variant);
}

}  // namespace papilio::nn
