// One method at one layer: what its adapter, its plan and its tensors in a file say of themselves.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "nn/adapter.h"
#include "tensor/tensor.h"

namespace papilio {
class JsonFields;
}

namespace papilio::boft {

using Tensors = std::map<std::string, Tensor>;
using Lines = std::vector<std::string>;

// What every key of an adapter's file begins with.
inline constexpr std::string_view kKeyPrefix = "base_model.model.";

// What an adapter computes in at a layer of dtype `layer`: its own float32, or the layer's float64.
inline DType working_dtype(DType layer, DType own) {
  return layer == DType::float64 ? layer : own;
}

// A method's nn::Adapter answers for itself. The struct of each method, its configuration's Layer,
// has beside it
//   main_parameter, input_parameter, no_compact_form, in_blocks, adapts_embeddings, keeps_angles:
//     facts, which methods.h explains;
//   bool has_scale(const Config&): one more, which may depend on the configuration;
//   void plan(LayerPlan&, const nn::AdaptableLayer&, const Config&, Lines& warnings): what the
//     method would do to a layer, without doing it. Throws ArgumentError if it does not fit;
//   std::vector<StoredLayer> stored(const Tensors&, const Config&, const std::string& where): the
//     layers that an adapter's tensors hold. Throws FileError, which begins with `where`.
// What only some methods have to say is among the configuration's Hooks, below.
struct LayerAdapter : nn::Adapter {
  // How much of what was trained the layer does: rotations turn by `strength` times their angles,
  // scales go that far from 1, and of other methods' W' - W so much is added. 0: nothing. Other
  // values than 1 are for merging and evaluation: in training they throw.
  double strength = 1;

  // Q of every block, (m, N, b, b), with the method's dropout in training; undefined if the method
  // does not rotate in blocks.
  virtual Tensor rotations(bool training);
  // N; 0 without blocks.
  virtual int64_t block_num() const { return 0; }
  // PEFT's key of a parameter, below the layer's path.
  virtual std::string key(const std::string& parameter) const { return parameter; }
  // Its tensors by PEFT's key below the layer's path; parameters share memory.
  virtual Tensors tensors();
  // How PEFT computes another function at such a layer; else empty.
  virtual std::string peft_difference(const nn::AdaptableLayer&) const { return ""; }

 protected:
  // Throws unless the layer may compute so: `training` with another strength than 1 may not.
  void check_strength(bool training) const;
};

// What only some methods say or do, as functions of the method's source; every configuration has
// `static const Hooks<Config> hooks`. One that is left out says nothing and changes nothing.
template <class Config>
struct Hooks {
  // One line: why a new adapter does not begin as the identity, or learns nothing.
  std::string (*start_warning)(const Config& config) = nullptr;
  // One line, if blocks whose max |Q Q^T - I| is `error` should be nearer to rotations.
  std::string (*orthogonality_warning)(const Config& config, double error) = nullptr;
  // One line: dropout that drops nothing. block_nums: N of each layer.
  std::string (*dropout_warning)(const Config& config,
                                 const std::vector<int64_t>& block_nums) = nullptr;
  // Differences between releases, before the fields are read.
  void (*read_older)(Config& config, JsonFields& fields, const std::string& where,
                     Lines& warnings) = nullptr;
  // Whether the configuration means what only a file without peft_version says.
  bool (*is_from_before_0_18)(const Config& config) = nullptr;
  // What the tensors know better than the configuration.
  void (*trust_tensors)(Config& config, const Tensors& tensors, const std::string& where,
                        Lines& warnings) = nullptr;
  // A file's tensors in the compact form, and such ones in full again. Both or none.
  Tensors (*compacted)(const Tensors& tensors) = nullptr;
  Tensors (*expanded)(const Tensors& tensors, const std::string& where) = nullptr;
};

// What a configuration would do to one layer.
struct LayerPlan {
  std::string path = {}, module_type = {};  // encoder.layer.0.attention.query, "Linear(64 -> 64)"
  int64_t out = 0, d = 0;                   // the weight as a matrix
  // Rotations in blocks: m factors of N blocks of size b; or 0, and the rank r of other methods.
  int64_t block_size = 0, block_num = 0, factors = 0, rank = 0;
  int64_t parameters = 0;          // stored and trained
  int64_t degrees_of_freedom = 0;  // m N b (b - 1) / 2 + out for BOFT; r (d + out - r) for LoRA
  // Why it does not fit, with the nearest valid settings; else empty.
  std::string problem = {};
};

// What a file holds for one layer.
struct StoredLayer {
  struct Size {
    std::string name;  // "r", "in"
    int64_t value;
  };
  std::string path;
  Tensor rotations = {};         // (m, N, b, b) float32; undefined without blocks
  std::vector<Size> sizes = {};  // of methods without blocks
  int64_t parameters = 0, degrees_of_freedom = 0;
};

// The layer's path in "base_model.model.<path><ending>"; empty for another key.
std::string layer_of_key(std::string_view key, std::string_view ending);
// A key that ends with `from`, with another ending.
std::string with_ending(std::string_view key, std::string_view from, std::string_view to);

// One line, or nothing: multiplicative dropout of rate p that drops nothing, because int(p N) is 0
// at every layer. block_nums: N of each layer.
std::string dropout_warning(const char* field, double p, const std::vector<int64_t>& block_nums);

}  // namespace papilio::boft
