#include "samples/papilio/models/method.h"

#include <variant>

#include "boft/methods/methods.h"
#include "nn/adapter.h"
#include "nn/models/image_classifier.h"
#include "nn/models/language_model.h"
#include "nn/models/quantized_model.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/default_targets.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/options.h"

namespace papilio::cli {

std::vector<std::string> saved_modules(const MethodSettings& method, nn::ImageClassifier& model) {
  std::vector<std::string> saved;
  for (const std::string& name : split_names(method.modules_to_save)) {
    if (name != "classifier") {
      saved.push_back(name);
    } else {
      for (const nn::ImageClassifier::Head& head : model.heads()) saved.push_back(head.path);
    }
  }
  return saved;
}

std::unique_ptr<boft::AdapterModel> attach_adapter(const Options& options, nn::Module& model,
                                                   const boft::AdapterConfig& config) {
  auto adapters = std::make_unique<boft::AdapterModel>(model);
  warn(options, adapters->add_adapter("default", config));
  return adapters;
}

void check_not_quantized(const MethodSettings& s, nn::Module& model) {
  check<UsageError>(!method_of(s).trains_backbone || !nn::is_quantized(model), "--method ", s.name,
                    ": the model's layers are quantised, which no training changes; adapt them "
                    "(--method ",
                    adapter_methods(), ")");
}

void attach_method(const Options& options, const MethodSettings& s, const std::string& base,
                   LoadedModel& loaded) {
  nn::ImageClassifier& model = *loaded.model;
  const Method& method = method_of(s);
  if (method.config != nullptr) {
    boft::AdapterConfig config = adapter_config(s, base, model.shape().num_hidden_layers);
    std::visit(
        [&](auto& c) {
          c.modules_to_save = saved_modules(s, model);
          if (!c.layers_to_transform.empty()) c.layers_pattern = lists_at_the_top(model);
        },
        config);
    loaded.adapters = attach_adapter(options, model, config);
  } else {
    check_not_quantized(s, model);
    nn::set_trainable(model, method.trains_backbone);
    for (const nn::ImageClassifier::Head& head : model.heads()) {
      head.layer->dequantize_weight();
      nn::set_trainable(*head.layer, true);
    }
  }
}

namespace {

// Whether any layer stores its weight (in, out): PEFT has one fan_in_fan_out for all.
bool stores_in_out(nn::Module& model) {
  bool found = false;
  nn::for_each_module(model, [&](const std::string&, nn::Module& module) {
    const auto* const layer = dynamic_cast<nn::AdaptableLayer*>(&module);
    found |= layer != nullptr && layer->is_stored_in_out();
  });
  return found;
}

}  // namespace

std::string attach_method(const Options& options, MethodSettings& s, const std::string& base,
                          LoadedLanguageModel& loaded) {
  nn::LanguageModel& model = *loaded.model;
  const Method& method = method_of(s);
  if (method.config == nullptr) {
    check_needs_no_classifier(s, "a language model");
    check_not_quantized(s, model);
    nn::set_trainable(model, true);
    return method.label;
  }
  if (!options.given(&s.target_modules))
    s.target_modules = default_targets(model, s.target_modules);
  if (!options.given(&s.modules_to_save)) s.modules_to_save.clear();
  boft::AdapterConfig config = adapter_config(s, base, model.shape().num_hidden_layers);
  std::visit(
      [&](auto& a) {
        if constexpr (requires { a.fan_in_fan_out; }) a.fan_in_fan_out = stores_in_out(model);
      },
      config);
  loaded.adapters = attach_adapter(options, model, config);
  return boft::label(config);
}

}  // namespace papilio::cli
