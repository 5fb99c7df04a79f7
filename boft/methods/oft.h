// OFT: what a user says, and the parameters at one layer with what they do to its weight.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "boft/methods/adapter.h"
#include "boft/methods/config.h"
#include "boft/methods/fields.h"
#include "nn/adapter.h"

namespace papilio::boft {

struct OftLayer;

// Orthogonal finetuning (arXiv 2306.07280) with parameters of its own: the upper triangles of
// skew-symmetric blocks, and no scale. Exactly one of r (blocks a layer) and oft_block_size is
// given, the other is 0; one that does not divide a layer's inputs moves to the nearest divisor,
// with a warning.
struct OftConfig {
  using Layer = OftLayer;
  static constexpr const char *peft_type = "OFT", *name = "OftConfig", *own_bias = "oft_only";

  int64_t r = 0;
  int64_t oft_block_size = 32;
  double module_dropout = 0;  // in training, the share of blocks replaced by the identity
  bool coft = false;          // constrained: each block's |A| stays below eps / sqrt(blocks)
  double eps = 6e-5;
  bool block_share = false;        // one block, used N times
  bool use_cayley_neumann = true;  // a series instead of the inverse; turns the other way
  int64_t num_cayley_neumann_terms = 5;
  // The series of PEFT 0.16 and 0.17, which no field of a file names: those releases wrote no
  // peft_version.
  bool doubled_last_term = false;
  ModuleNames target_modules = {};
  ModuleNames exclude_modules = {};
  bool fan_in_fan_out = false;
  std::string bias = "none";
  std::vector<std::string> modules_to_save = {};
  bool init_weights = true;  // false: ~ N(0, 0.1), for tests
  std::vector<int64_t> layers_to_transform = {};
  std::vector<std::string> layers_pattern = {};
  std::string task_type = {}, base_model_name_or_path = {}, revision = {}, auto_mapping = {};

  // Visits every field under PEFT's name.
  void fields(FieldVisitor& v);
  // Throws ArgumentError for fields out of their range, as PEFT does.
  void validate() const;
  std::string label() const;  // "OFT b=32"

  // A series of one term, blocks that are no rotations within 1e-3, dropout that drops nothing,
  // files of PEFT before 0.18.
  static const Hooks<OftConfig> hooks;
};

// The blocks of a layer with d inputs: N of size b.
struct OftShape {
  int64_t blocks = 0, block_size = 0;
};
// Exactly one of r and oft_block_size is not 0; if it does not divide d it moves to the nearest
// divisor (the lower of two), and `warnings` gets a line that begins with the layer's path.
OftShape oft_shape(const std::string& path, int64_t d, const OftConfig& config, Lines& warnings);

// W' = W R^T with R = diag(Q_1, ..., Q_N), so that y = (x R) W^T + bias (arXiv 2306.07280, section
// 3.3); at an embedding the rows looked up turn, W' = W R. W: (out, d).
struct OftLayer : LayerAdapter {
  static constexpr const char *main_parameter = "oft_R", *input_parameter = "oft_R.weight";
  static constexpr const char* no_compact_form = " stores upper triangles already";
  static constexpr bool in_blocks = true, adapts_embeddings = true, keeps_angles = true;

  // (N, b (b - 1) / 2), or (1, ...) if one block is shared; float32, 0 at the start.
  Tensor oft_R;
  OftConfig config;

  // For the layer at `path`; what PEFT warns of is added to `warnings`. Throws ArgumentError for a
  // block size that does not divide the layer's inputs.
  OftLayer(const std::string& path, const nn::AdaptableLayer& layer, const OftConfig& config,
           Lines& warnings);

  // b and the number of blocks.
  int64_t block_size() const { return shape_.block_size; }
  int64_t block_num() const override { return shape_.blocks; }

  // A shared block is never dropped. With coft, oft_R is first clipped in place.
  Tensor rotations(bool training) override;
  Tensor weight(const Tensor& w, bool training) override;
  Tensor linear(const Tensor& x, const nn::AdaptedWeight& inside, const Tensor& bias) override;

  void visit(nn::Visitor& v) override;
  std::string describe() const override;
  std::string key(const std::string& parameter) const override { return parameter + ".weight"; }
  // PEFT's OFT at a convolution sums the rotated patches where they overlap; merged, it rotates the
  // weight, as here.
  std::string peft_difference(const nn::AdaptableLayer& layer) const override;

  // What adapter.h asks of every method.
  static bool has_scale(const OftConfig&) { return false; }
  static void plan(LayerPlan& plan, const nn::AdaptableLayer&, const OftConfig& config,
                   Lines& warnings);
  static std::vector<StoredLayer> stored(const Tensors& tensors, const OftConfig& config,
                                         const std::string& where);

 private:
  OftShape shape_;
  bool embedding_;
};

// Clips each row of upper: (blocks, b (b - 1) / 2), the upper triangle of a skew-symmetric A, in
// place so that the Frobenius norm |A| <= eps / sqrt(blocks). Rows within stay as they are, bit for
// bit.
void clip_blocks(const Tensor& upper, double eps);

}  // namespace papilio::boft
