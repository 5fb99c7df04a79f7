#include "nn/models/quantized_model.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/quantize_scales.h"
#include "autograd/ops/reduce.h"
#include "nn/adapter.h"
#include "nn/detail/layer_places.h"
#include "tensor/files/detail/json.h"

namespace papilio::nn {

namespace {

constexpr const char* kField = "quantization_config";

nlohmann::json fresh_config(Quantization kind) {
  const bool int8 = kind == Quantization::int8;
  return {{"quant_method", "bitsandbytes"},
          {"load_in_4bit", !int8},
          {"load_in_8bit", int8},
          {"_load_in_4bit", !int8},
          {"_load_in_8bit", int8},
          {"bnb_4bit_quant_type", int8 ? "fp4" : std::string(name_of(kind))},
          {"bnb_4bit_use_double_quant", false},
          {"bnb_4bit_compute_dtype", "float32"},
          {"bnb_4bit_quant_storage", "uint8"},
          {"llm_int8_threshold", 6.0},
          {"llm_int8_has_fp16_weight", false},
          {"llm_int8_enable_fp32_cpu_offload", false},
          {"llm_int8_skip_modules", nlohmann::json()}};
}

// What the codes are, in the place of what the fields said before: weights may be other ones.
void set_codes(nlohmann::json& config, Quantization kind, bool double_quantized) {
  const bool int8 = kind == Quantization::int8;
  for (const std::string field : {"load_in_4bit", "load_in_8bit"}) {
    const bool on = field == "load_in_8bit" ? int8 : !int8;
    config[field] = on;
    if (config.contains('_' + field)) config['_' + field] = on;
  }
  if (!int8) config["bnb_4bit_quant_type"] = std::string(name_of(kind));
  config["bnb_4bit_use_double_quant"] = double_quantized;
}

double norm(const Tensor& x) {
  return std::sqrt(sum(x * x).item());
}

}  // namespace

bool is_quantized(Module& model) {
  bool found = false;
  for_each_module(model, [&](const std::string&, Module& module) {
    const auto* layer = dynamic_cast<AdaptableLayer*>(&module);
    found |= layer != nullptr && layer->quantized.defined();
  });
  return found;
}

void set_quantization_config(PretrainedModel& model) {
  constexpr const char* kSkipped = "llm_int8_skip_modules";
  std::optional<Quantization> kind;
  bool double_quantized = false;
  std::vector<std::string> numbers;  // linear maps that are no codes
  for_each_module(model, [&](const std::string& path, Module& module) {
    const AdaptableLayer* const layer = linear_layer(module);
    if (layer == nullptr) return;
    if (!layer->quantized) return numbers.push_back(path);
    if (!kind) kind = layer->quantized.kind;
    double_quantized |= layer->quantized.nested_absmax.defined();
  });
  if (!kind) {
    model.other_config.erase(kField);
    return;
  }
  const auto before = model.other_config.find(kField);
  nlohmann::json config =
      before == model.other_config.end() ? fresh_config(*kind) : parse_json(before->second, kField);
  set_codes(config, *kind, double_quantized);
  nlohmann::json& skipped = config[kSkipped];
  // A list of one's own takes the place of Transformers' own, the head.
  if (!numbers.empty() && skipped.is_null() && model.in_head("lm_head")) skipped = {"lm_head"};
  for (const std::string& path : numbers)
    if (!skipped.is_array() || std::ranges::find(skipped, nlohmann::json(path)) == skipped.end())
      skipped.push_back(path);
  model.other_config[kField] = config.dump();
}

QuantizationResult quantize_layers(PretrainedModel& model, Quantization kind,
                                   const QuantizeOptions& options) {
  check(!is_quantized(model), "quantize_layers: the model is quantised already");
  const NoGrad no_grad;
  QuantizationResult result;
  for_each_module(model, [&](const std::string& path, Module& module) {
    AdaptableLayer* const layer = linear_layer(module);
    if (layer == nullptr) return;
    check(layer->adapters.empty(), "quantize_layers: ", path,
          " carries adapters; merge them first");
    if (model.in_head(path) || layer_places(path).empty()) return;
    const Tensor w = layer->matrix();
    QuantizedMatrix codes = quantize(w, kind);
    if (options.use_double_quant) codes = quantize_scales(codes);
    const double size = norm(w), error = size > 0 ? norm(dequantize(codes) - w) / size : 0;
    ++result.layers;
    result.numbers += w.numel();
    result.bytes += codes.bytes();
    result.error += error;
    if (error > result.largest_error || result.worst.empty())
      result.largest_error = error, result.worst = path;
    layer->set_quantized(std::move(codes));
  });
  check(result.layers > 0, "quantize_layers: the model has no linear map in a list of layers");
  result.error /= double(result.layers);
  model.other_config.erase(kField);  // of numbers it says nothing
  set_quantization_config(model);
  return result;
}

}  // namespace papilio::nn
