#include "nn/models/quantized_model.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/reduce.h"
#include "nn/detail/layer_places.h"
#include "nn/layers/conv1d.h"
#include "nn/layers/linear.h"

namespace papilio::nn {

namespace {

bool takes_codes(Module& module) {
  return dynamic_cast<Linear*>(&module) != nullptr || dynamic_cast<Conv1D*>(&module) != nullptr;
}

// Transformers' quantization_config; `numbers`: linear maps that stay as they are.
std::string config_of(Quantization kind, const std::vector<std::string>& numbers) {
  const bool int8 = kind == Quantization::int8;
  return nlohmann::json{
      {"quant_method", "bitsandbytes"},
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
      {"llm_int8_skip_modules", numbers.empty() ? nlohmann::json() : nlohmann::json(numbers)}}
      .dump();
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

QuantizationResult quantize_layers(PretrainedModel& model, Quantization kind) {
  check(!is_quantized(model), "quantize_layers: the model is quantised already");
  const NoGrad no_grad;
  QuantizationResult result;
  std::vector<std::string> numbers;
  for_each_module(model, [&](const std::string& path, Module& module) {
    if (!takes_codes(module)) return;
    auto& layer = dynamic_cast<AdaptableLayer&>(module);
    check(layer.adapters.empty(), "quantize_layers: ", path, " carries adapters; merge them first");
    if (model.in_head(path) || layer_places(path).empty()) {
      numbers.push_back(path);
      return;
    }
    const Tensor w = layer.matrix();
    QuantizedMatrix codes = quantize(w, kind);
    const double size = norm(w), error = size > 0 ? norm(dequantize(codes) - w) / size : 0;
    ++result.layers;
    result.numbers += w.numel();
    result.bytes += codes.bytes();
    result.error += error;
    if (error > result.largest_error || result.worst.empty())
      result.largest_error = error, result.worst = path;
    layer.set_quantized(std::move(codes));
  });
  check(result.layers > 0, "quantize_layers: the model has no linear map in a list of layers");
  result.error /= double(result.layers);
  model.other_config["quantization_config"] = config_of(kind, numbers);
  return result;
}

}  // namespace papilio::nn
