#include "nn/models/light_controlnet.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <system_error>
#include <utility>

#include "autograd/ops/activation.h"
#include "nn/init.h"
#include "tensor/error.h"
#include "tensor/files/detail/as_file_error.h"
#include "tensor/files/detail/regular_file.h"
#include "tensor/files/safetensors.h"

namespace papilio::nn {

namespace fs = std::filesystem;

namespace {

constexpr std::array<int64_t, 2> kThree{3, 3};
constexpr const char *kFile = "model.safetensors", *kPrefix = "controlnet_cond_embedding.";

Conv2dOptions with_stride(int64_t stride) {
  return {.stride = {stride, stride}, .padding = {1, 1}};
}

LightControlNetConfig checked(const LightControlNetConfig& c) {
  const auto& widths = c.block_out_channels;
  check(!widths.empty() && c.conditioning_channels >= 1 && c.out_channels >= 1 &&
            std::ranges::all_of(widths, [](int64_t w) { return w >= 1; }),
        "LightControlNet: expected sizes of at least 1");
  return c;
}

// The sizes of a file's tensors.
LightControlNetConfig config_of(const StateDict& tensors, const std::string& where) {
  const auto shape_of = [&](const std::string& name) {
    const auto found = tensors.find(kPrefix + name + ".weight");
    check<FileError>(found != tensors.end() && found->second.dim() == 4, where,
                     ": is no control of PEFT's boft_controlnet: expected (out, in, 3, 3) at ",
                     kPrefix, name, ".weight");
    return found->second.shape();
  };
  const Dims in = shape_of("conv_in"), out = shape_of("conv_out");
  LightControlNetConfig config{in[1], {in[0]}, out[0]};
  for (size_t i = 1; tensors.contains(str(kPrefix, "blocks.", i, ".weight")); i += 2)
    config.block_out_channels.push_back(shape_of(str("blocks.", i))[0]);
  return config;
}

}  // namespace

ControlNetConditioningEmbedding::ControlNetConditioningEmbedding(const LightControlNetConfig& c)
    : conv_in(c.conditioning_channels, c.block_out_channels.front(), kThree, with_stride(1)),
      conv_out(c.block_out_channels.back(), c.out_channels, kThree, with_stride(1)) {
  for (size_t i = 0; i + 1 < c.block_out_channels.size(); ++i) {
    const int64_t from = c.block_out_channels[i], to = c.block_out_channels[i + 1];
    blocks.emplace_back(from, from, kThree, with_stride(1));
    blocks.emplace_back(from, to, kThree, with_stride(2));
  }
  conv_out.weight = zero_parameter(conv_out.weight.shape());
  conv_out.bias = zero_parameter(conv_out.bias.shape());
}

Tensor ControlNetConditioningEmbedding::operator()(const Tensor& conditioning) {
  Tensor x = silu(conv_in(conditioning));
  for (Conv2d& block : blocks) x = silu(block(x));
  return conv_out(x);
}

void ControlNetConditioningEmbedding::visit(Visitor& v) {
  v("conv_in", conv_in);
  v("blocks", blocks);
  v("conv_out", conv_out);
}

LightControlNet::LightControlNet(const LightControlNetConfig& c)
    : config(checked(c)), controlnet_cond_embedding(config) {}

std::unique_ptr<LightControlNet> load_light_controlnet(const fs::path& folder) {
  const fs::path file = folder / kFile;
  check<FileError>(file_exists(file), folder.string(), ": holds no control (", kFile, ")");
  const StateDict tensors = load_safetensors(file).tensors;
  const LightControlNetConfig config = config_of(tensors, file.string());
  return as_file_error(file.string(), [&] {
    const SkipInit skip;
    auto model = std::make_unique<LightControlNet>(config);
    load_state_dict(*model, tensors);
    return model;
  });
}

void save_light_controlnet(LightControlNet& model, const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  check<FileError>(!error, folder.string(), ": cannot be made: ", error.message());
  save_safetensors(folder / kFile, state_dict(model), {{"format", "pt"}});
}

}  // namespace papilio::nn
