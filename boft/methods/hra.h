// HRA: what a user says, and the parameters at one layer with what they do to its weight.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "boft/methods/adapter.h"
#include "boft/methods/config.h"
#include "boft/methods/fields.h"
#include "nn/adapter.h"

namespace papilio::boft {

struct HraLayer;

// Householder reflection adaptation (arXiv 2405.17484): W' = W H_1 ... H_r, a chain of r
// reflections of the inputs. Begins as the identity, with columns equal two by two, if r is even
// and apply_GS is off; otherwise a warning says so.
struct HraConfig {
  using Layer = HraLayer;
  static constexpr const char *peft_type = "HRA", *name = "HraConfig", *own_bias = "hra_only";

  int64_t r = 8;
  bool apply_GS = false;  // the r vectors made orthonormal: W' = W (I - 2 U U^T)
  ModuleNames target_modules = {};
  ModuleNames exclude_modules = {};
  std::string bias = "none";
  std::vector<std::string> modules_to_save = {};
  bool init_weights = true;  // false: every column drawn by itself, for tests
  std::vector<int64_t> layers_to_transform = {};
  std::vector<std::string> layers_pattern = {};
  std::string task_type = {}, base_model_name_or_path = {}, revision = {}, auto_mapping = {};

  // Visits every field under PEFT's name.
  void fields(FieldVisitor& v);
  // Throws ArgumentError for fields out of their range, as PEFT does.
  void validate() const;
  std::string label() const;  // "HRA r=8"

  // Reflections that do not begin as the identity.
  static const Hooks<HraConfig> hooks;
};

// y = x (W R)^T + bias = (x R^T) W^T + bias with R = H_1 ... H_r. W: (out, d).
struct HraLayer : LayerAdapter {
  static constexpr const char *main_parameter = "hra_u", *input_parameter = "hra_u";
  static constexpr const char* no_compact_form = " has no blocks";
  static constexpr bool in_blocks = false, adapts_embeddings = false, keeps_angles = true;

  Tensor hra_u;  // (d, r) float32, Kaiming-uniform; only the columns' directions act
  bool apply_GS;

  // Throws ArgumentError, which begins with the layer's path, for apply_GS with r > d.
  HraLayer(const std::string& path, const nn::AdaptableLayer& layer, const HraConfig& config,
           Lines&);

  Tensor weight(const Tensor& w, bool training) override;
  Tensor linear(const Tensor& x, const nn::AdaptedWeight& inside, const Tensor& bias) override;
  void visit(nn::Visitor& v) override;
  std::string describe() const override;

  // What adapter.h asks of every method.
  static bool has_scale(const HraConfig&) { return false; }
  static void plan(LayerPlan& plan, const nn::AdaptableLayer&, const HraConfig& config, Lines&);
  static std::vector<StoredLayer> stored(const Tensors& tensors, const HraConfig& config,
                                         const std::string& where);

 private:
  // The vectors u_k: (d, r).
  Tensor vectors() const;
};

}  // namespace papilio::boft
