// What a user says about an adapter. Field names, defaults and rules are PEFT's (BoftConfig:
// BOFTConfig, OftConfig: OFTConfig, LoraConfig: LoraConfig).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace papilio::boft {

// Which modules a configuration names: nothing, a regular expression that must match a module's
// whole path, or a list of names and suffixes. {.target_modules = {"query", "value"}} or
// {.target_modules = ".*query"}.
class ModuleNames {
 public:
  enum class Kind { none, pattern, list };

  ModuleNames() = default;
  // A pattern, or a list of names.
  ModuleNames(std::string pattern) : kind_(Kind::pattern), names_{std::move(pattern)} {}
  ModuleNames(const char* pattern) : ModuleNames(std::string(pattern)) {}
  ModuleNames(std::vector<std::string> names) : kind_(Kind::list), names_(std::move(names)) {}
  ModuleNames(std::initializer_list<std::string> names)
      : ModuleNames(std::vector<std::string>(names)) {}

  // Which of them it is; `given` if it is one of the two.
  Kind kind() const { return kind_; }
  bool given() const { return kind_ != Kind::none; }
  // The pattern, and the list.
  const std::string& pattern() const { return names_.front(); }
  const std::vector<std::string>& names() const { return names_; }
  bool operator==(const ModuleNames&) const = default;

 private:
  Kind kind_ = Kind::none;
  std::vector<std::string> names_;
};

// The rules that choose modules, the same for every method.
struct TargetRules {
  ModuleNames target_modules = {};
  ModuleNames exclude_modules = {};
  std::vector<std::string> modules_to_save = {};
  std::vector<int64_t> layers_to_transform = {};
  std::vector<std::string> layers_pattern = {};
};

// Orthogonal finetuning with m butterfly factors (arXiv 2311.06243); m = 1 is OFT's block-diagonal
// rotation. Exactly one of boft_block_size and boft_block_num is given, the other is 0.
struct BoftConfig {
  int64_t boft_block_size = 4;
  int64_t boft_block_num = 0;
  int64_t boft_n_butterfly_factor = 1;
  double boft_dropout =
      0;  // multiplicative dropout: the share of blocks replaced by the identity in one factor
  ModuleNames target_modules = {};
  ModuleNames exclude_modules = {};
  bool fan_in_fan_out = false;  // the weight is stored (in, out)
  std::string bias = "none";    // "none", "all" or "boft_only": which biases train
  std::vector<std::string> modules_to_save = {};
  bool init_weights = true;  // false: R ~ N(0, 0.1), s ~ N(1, 0.1), for tests
  std::vector<int64_t> layers_to_transform = {};
  std::vector<std::string> layers_pattern = {};
  // Kept in the file; empty is null. auto_mapping is JSON (the Python class of the base).
  std::string task_type = {}, base_model_name_or_path = {}, revision = {}, auto_mapping = {};

  // Throws ArgumentError as PEFT does: both or neither of size and num, layers_pattern without
  // layers_to_transform, an unknown bias, and numbers out of range.
  void validate() const;
  TargetRules targets() const {
    return {target_modules, exclude_modules, modules_to_save, layers_to_transform, layers_pattern};
  }
};

// Orthogonal finetuning (arXiv 2306.07280) with parameters of its own: the upper triangles of skew-
// symmetric blocks, and no scale. Exactly one of r (blocks a layer) and oft_block_size is given,
// the other is 0; one that does not divide a layer's inputs moves to the nearest divisor, with a
// warning.
struct OftConfig {
  int64_t r = 0;
  int64_t oft_block_size = 32;
  double module_dropout = 0;  // in training, the share of blocks replaced by the identity
  bool coft = false;          // constrained: each block's |A| stays below eps / sqrt(blocks)
  double eps = 6e-5;
  bool block_share = false;        // one block, used N times
  bool use_cayley_neumann = true;  // a series instead of the inverse; turns the other way
  int64_t num_cayley_neumann_terms = 5;
  ModuleNames target_modules = {};
  ModuleNames exclude_modules = {};
  bool fan_in_fan_out = false;  // the weight is stored (in, out)
  std::string bias = "none";    // "none", "all" or "oft_only": which biases train
  std::vector<std::string> modules_to_save = {};
  bool init_weights = true;  // false: ~ N(0, 0.1), for tests
  std::vector<int64_t> layers_to_transform = {};
  std::vector<std::string> layers_pattern = {};
  // Kept in the file; empty is null. auto_mapping is JSON (the Python class of the base).
  std::string task_type = {}, base_model_name_or_path = {}, revision = {}, auto_mapping = {};

  void validate() const;
  TargetRules targets() const {
    return {target_modules, exclude_modules, modules_to_save, layers_to_transform, layers_pattern};
  }
};

// Low-rank adaptation (arXiv 2106.09685), the baseline: W' = W + lora_alpha / r * B A.
struct LoraConfig {
  int64_t r = 8;
  double lora_alpha = 8;
  double lora_dropout = 0;
  ModuleNames target_modules = {};
  ModuleNames exclude_modules = {};
  bool fan_in_fan_out = false;
  std::string bias = "none";  // "none", "all" or "lora_only"
  std::vector<std::string> modules_to_save = {};
  bool init_lora_weights = true;  // false: B ~ N(0, 0.1) too, for tests
  std::vector<int64_t> layers_to_transform = {};
  std::vector<std::string> layers_pattern = {};
  // Kept in the file; empty is null. auto_mapping is JSON (the Python class of the base).
  std::string task_type = {}, base_model_name_or_path = {}, revision = {}, auto_mapping = {};

  void validate() const;
  TargetRules targets() const {
    return {target_modules, exclude_modules, modules_to_save, layers_to_transform, layers_pattern};
  }
};

// Any method's configuration.
using AdapterConfig = std::variant<BoftConfig, OftConfig, LoraConfig>;

// What every method's configuration has.
const std::string& bias_of(const AdapterConfig& config);
TargetRules targets_of(const AdapterConfig& config);

// PEFT's peft_type: "BOFT", "OFT", "LORA".
const char* peft_type(const AdapterConfig& config);

}  // namespace papilio::boft
