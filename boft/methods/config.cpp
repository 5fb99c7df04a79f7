#include "boft/methods/config.h"

#include <cmath>

#include "tensor/error.h"

namespace papilio::boft {

namespace {

template <class Config>
void validate_shared(const char* type, const char* own_bias, const Config& c) {
  check(c.bias == "none" || c.bias == "all" || c.bias == own_bias, type,
        ": expected bias to be \"none\", \"all\" or \"", own_bias, "\", got \"", c.bias, '"');
  check(c.layers_pattern.empty() || !c.layers_to_transform.empty(), type,
        ": layers_pattern needs layers_to_transform");
  for (int64_t layer : c.layers_to_transform) {
    check(layer >= 0, type, ": expected layers_to_transform >= 0, got ", layer);
  }
}

void check_rate(const char* type, const char* field, double rate) {
  check(rate >= 0 && rate < 1, type, ": expected ", field, " in [0, 1), got ", rate);
}

}  // namespace

void BoftConfig::validate() const {
  validate_shared("BoftConfig", "boft_only", *this);
  check(boft_block_size >= 0 && boft_block_num >= 0,
        "BoftConfig: expected boft_block_size and boft_block_num >= 0, got ", boft_block_size,
        " and ", boft_block_num);
  check(boft_block_size != 0 || boft_block_num != 0,
        "BoftConfig: boft_block_size and boft_block_num are both 0; give one of them");
  check(boft_block_size == 0 || boft_block_num == 0,
        "BoftConfig: give boft_block_size or boft_block_num, not both (", boft_block_size, " and ",
        boft_block_num, "); set the other to 0");
  check(boft_n_butterfly_factor >= 1, "BoftConfig: expected boft_n_butterfly_factor >= 1, got ",
        boft_n_butterfly_factor);
  check_rate("BoftConfig", "boft_dropout", boft_dropout);
}

void OftConfig::validate() const {
  validate_shared("OftConfig", "oft_only", *this);
  check(r >= 0 && oft_block_size >= 0, "OftConfig: expected r and oft_block_size >= 0, got ", r,
        " and ", oft_block_size);
  check(r != 0 || oft_block_size != 0,
        "OftConfig: r and oft_block_size are both 0; give one of them");
  check(r == 0 || oft_block_size == 0, "OftConfig: give r or oft_block_size, not both (", r,
        " and ", oft_block_size, "); set the other to 0");
  check(std::isfinite(eps) && eps >= 0, "OftConfig: expected eps >= 0, got ", eps);
  check(num_cayley_neumann_terms >= 1 && num_cayley_neumann_terms <= 64,
        "OftConfig: expected num_cayley_neumann_terms from 1 to 64, got ",
        num_cayley_neumann_terms);
  check_rate("OftConfig", "module_dropout", module_dropout);
}

void LoraConfig::validate() const {
  validate_shared("LoraConfig", "lora_only", *this);
  check(r >= 1, "LoraConfig: expected r >= 1, got ", r);
  check(std::isfinite(lora_alpha), "LoraConfig: expected a finite lora_alpha, got ", lora_alpha);
  check_rate("LoraConfig", "lora_dropout", lora_dropout);
}

const std::string& bias_of(const AdapterConfig& config) {
  return std::visit([](const auto& c) -> const std::string& { return c.bias; }, config);
}

TargetRules targets_of(const AdapterConfig& config) {
  return std::visit([](const auto& c) { return c.targets(); }, config);
}

const char* peft_type(const AdapterConfig& config) {
  constexpr const char* kTypes[] = {"BOFT", "OFT", "LORA"};
  return kTypes[config.index()];
}

}  // namespace papilio::boft
