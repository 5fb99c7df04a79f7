// LoRA, the low-rank baseline that rotations are compared with.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "boft/methods/adapter.h"
#include "boft/methods/config.h"
#include "boft/methods/fields.h"
#include "nn/adapter.h"
#include "nn/layers/dropout.h"

namespace papilio::boft {

struct LoraLayer;

// Low-rank adaptation (arXiv 2106.09685), the baseline: W' = W + lora_alpha / r * B A.
struct LoraConfig {
  using Layer = LoraLayer;
  static constexpr const char *peft_type = "LORA", *name = "LoraConfig", *own_bias = "lora_only";

  int64_t r = 8;
  double lora_alpha = 8;
  double lora_dropout = 0;  // in training, of inputs
  bool use_rslora = false;  // lora_alpha / sqrt(r) (arXiv 2312.03732)
  // Other values of r and lora_alpha, by a regular expression for the end of the module's path.
  std::map<std::string, int64_t> rank_pattern = {};
  std::map<std::string, double> alpha_pattern = {};
  ModuleNames target_modules = {};
  ModuleNames exclude_modules = {};
  bool fan_in_fan_out = false;
  std::string bias = "none";
  std::vector<std::string> modules_to_save = {};
  bool init_lora_weights = true;  // false: B ~ N(0, 0.1) too, for tests
  std::vector<int64_t> layers_to_transform = {};
  std::vector<std::string> layers_pattern = {};
  std::string task_type = {}, base_model_name_or_path = {}, revision = {}, auto_mapping = {};

  // Visits every field under PEFT's name.
  void fields(FieldVisitor& v);
  // Throws ArgumentError for fields out of their range, as PEFT does.
  void validate() const;
  std::string label() const;  // "LoRA r=8"
  // r, and the factor of B A, of the layer at `path`, under either of Transformers' names.
  int64_t rank_at(const std::string& path) const;
  double scaling_at(const std::string& path) const;

  // It has none of them.
  static const Hooks<LoraConfig> hooks;
};

// Throws ArgumentError, which begins with the layer's path, for a convolution in groups.
void check_lora(const std::string& path, const nn::AdaptableLayer& layer, const LoraConfig& config);

// y = x W^T + lora_alpha / r * (dropout(x) A^T) B^T (arXiv 2106.09685, equation 3). W: (out, d).
struct LoraLayer : LayerAdapter {
  static constexpr const char *main_parameter = "lora_A", *input_parameter = "lora_A.weight";
  static constexpr const char* no_compact_form = " has no blocks";
  static constexpr bool in_blocks = false, adapts_embeddings = false, keeps_angles = false;

  Tensor lora_A;  // (r, d), Kaiming-uniform; at a convolution (r, in_channels, kh, kw)
  Tensor lora_B;  // (out, r), zero at the start; at a convolution (out, r, 1, 1)
  nn::Dropout dropout;
  double scaling;

  // For the layer at `path`. Throws ArgumentError for what it does not support there.
  LoraLayer(const std::string& path, const nn::AdaptableLayer& layer, const LoraConfig& config);
  LoraLayer(const std::string& path, const nn::AdaptableLayer& layer, const LoraConfig& config,
            Lines&)
      : LoraLayer(path, layer, config) {}

  // The weight has no dropout, which is of inputs.
  Tensor weight(const Tensor& w, bool training) override;
  Tensor linear(const Tensor& x, const nn::AdaptedWeight& inside, const Tensor& bias) override;
  Tensor convolve(const nn::Convolution& conv, const Tensor& x, const nn::AdaptedWeight& inside,
                  const Tensor& bias) override;
  void visit(nn::Visitor& v) override;
  std::string describe() const override;
  std::string key(const std::string& parameter) const override { return parameter + ".weight"; }
  Tensor delta() const;  // W' - W = strength * scaling * B A, (out, d)

  // What adapter.h asks of every method.
  static bool has_scale(const LoraConfig&) { return false; }
  static void plan(LayerPlan& plan, const nn::AdaptableLayer& layer, const LoraConfig& config,
                   Lines&);
  static std::vector<StoredLayer> stored(const Tensors& tensors, const LoraConfig& config,
                                         const std::string& where);
};

}  // namespace papilio::boft
