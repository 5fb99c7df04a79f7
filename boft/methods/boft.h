// BOFT: what a user says, and the parameters at one layer with what they do to its weight.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "boft/methods/adapter.h"
#include "boft/methods/config.h"
#include "boft/methods/fields.h"
#include "nn/adapter.h"

namespace papilio::boft {

struct BoftLayer;

// What the scale s of each output is: left at 1, exp(u) with u trained in its place, or trained
// freely (PEFT), where it may pass 0 and turn a row round.
enum class BoftScale { none, positive, free };

// Orthogonal finetuning with m butterfly factors (arXiv 2311.06243); m = 1 is OFT's block-diagonal
// rotation. Exactly one of boft_block_size and boft_block_num is given, the other is 0.
struct BoftConfig {
  using Layer = BoftLayer;
  static constexpr const char *peft_type = "BOFT", *name = "BoftConfig", *own_bias = "boft_only";

  int64_t boft_block_size = 4;
  int64_t boft_block_num = 0;
  int64_t boft_n_butterfly_factor = 1;
  // Multiplicative dropout: the share of blocks replaced by the identity in one factor.
  double boft_dropout = 0;
  ModuleNames target_modules = {};
  ModuleNames exclude_modules = {};
  bool fan_in_fan_out = false;
  std::string bias = "none";
  std::vector<std::string> modules_to_save = {};
  bool init_weights = true;  // false: R ~ N(0, 0.1), s ~ N(1, 0.1), for tests
  // How s is trained. PEFT's files have no such field, and hold s as it came out.
  BoftScale scale = BoftScale::free;
  std::vector<int64_t> layers_to_transform = {};
  std::vector<std::string> layers_pattern = {};
  std::string task_type = {}, base_model_name_or_path = {}, revision = {}, auto_mapping = {};

  // Visits every field under PEFT's name.
  void fields(FieldVisitor& v);
  // Throws ArgumentError as PEFT does: both or neither of size and num, layers_pattern without
  // layers_to_transform, an unknown bias, and numbers out of range.
  void validate() const;
  std::string label() const;  // "BOFT b=4 m=2", behind it "s=1" or "s>0" of a scale not free

  // Dropout that drops nothing, tensors of PEFT without its CUDA extension, the compact form.
  static const Hooks<BoftConfig> hooks;
};

// W' = s * (W R_total^T), so that y = s * ((x R_total) W^T) + bias: BOFT's forward pass (arXiv
// 2311.06243, section 4) with a scale for each output (arXiv 2306.07280, section 3.5). W: (out, d).
struct BoftLayer : LayerAdapter {
  static constexpr const char *main_parameter = "boft_R", *input_parameter = "boft_R";
  static constexpr const char* no_compact_form = nullptr;
  static constexpr bool in_blocks = true, adapts_embeddings = false, keeps_angles = true;

  Tensor boft_R;   // (m, N, b, b) float32, zero at the start; only its skew-symmetric part acts
  Tensor boft_s;   // (out, 1), or (1, out) at a convolution as PEFT stores it
  Tensor boft_u;   // in the place of boft_s if s = exp(u); as large, zero at the start
  double dropout;  // multiplicative, in training
  BoftScale kind;  // of the scale

  // `path` names the layer in errors. Throws ArgumentError if d does not divide; the message
  // names the nearest valid choices.
  BoftLayer(const std::string& path, const nn::AdaptableLayer& layer, const BoftConfig& config);
  BoftLayer(const std::string& path, const nn::AdaptableLayer& layer, const BoftConfig& config,
            Lines&)
      : BoftLayer(path, layer, config) {}

  // b, d / b and m: the sizes of boft_R.
  int64_t block_size() const { return boft_R.size(2); }
  int64_t block_num() const override { return boft_R.size(1); }
  int64_t butterfly_factors() const { return boft_R.size(0); }

  Tensor rotations(bool training) override;
  // s, as it acts: (out, 1).
  Tensor scale(DType dtype) const;
  Tensors tensors() override;
  Tensor weight(const Tensor& w, bool training) override;
  Tensor linear(const Tensor& x, const nn::AdaptedWeight& inside, const Tensor& bias) override;
  void visit(nn::Visitor& v) override;
  std::string describe() const override;

  // What adapter.h asks of every method.
  static bool has_scale(const BoftConfig& config) { return config.scale == BoftScale::free; }
  static void plan(LayerPlan& plan, const nn::AdaptableLayer&, const BoftConfig& config, Lines&);
  static std::vector<StoredLayer> stored(const Tensors& tensors, const BoftConfig& config,
                                         const std::string& where);
};

}  // namespace papilio::boft
