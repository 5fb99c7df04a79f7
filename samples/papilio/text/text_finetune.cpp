#include "samples/papilio/text/text_finetune.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "boft/methods/methods.h"
#include "nn/adapter.h"
#include "nn/models/language_model.h"
#include "nn/text/tokenizer_files.h"
#include "samples/papilio/data/training_data.h"
#include "samples/papilio/models/language_model.h"
#include "samples/papilio/models/method.h"
#include "samples/papilio/options/default_targets.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/training_options.h"
#include "samples/papilio/text/text_run.h"
#include "tensor/random.h"

namespace papilio::cli {

namespace fs = std::filesystem;

namespace {

// As fan_in_fan_out, which is one for all layers.
bool stores_in_out(nn::Module& model) {
  bool found = false;
  nn::for_each_module(model, [&](const std::string&, nn::Module& module) {
    const auto* const layer = dynamic_cast<nn::AdaptableLayer*>(&module);
    found |= layer != nullptr && layer->is_stored_in_out();
  });
  return found;
}

// Attaches the method's adapter, or makes the whole model trainable; returns what reports call it.
std::string attach(const Options& options, MethodSettings& s, const std::string& folder,
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
  boft::AdapterConfig config = adapter_config(s, folder, model.shape().num_hidden_layers);
  std::visit(
      [&](auto& a) {
        if constexpr (requires { a.fan_in_fan_out; }) a.fan_in_fan_out = stores_in_out(model);
      },
      config);
  loaded.adapters = attach_adapter(options, model, config);
  return boft::label(config);
}

}  // namespace

int finetune_text(const TextCommand& c, RunSettings& settings, MethodSettings& method,
                  const std::string& folder) {
  const Device device = device_of(c.common);
  TrainingSettings& t = settings.training;
  c.options.applies_when(false, {&method.drop_path}, kImageModel);
  settle_text_training(c, t, kFinetuneText, {folder});
  manual_seed(uint64_t(t.seed));
  LoadedLanguageModel loaded = load_language_model(folder);
  warn(c.options, loaded.warnings);
  loaded.to(device);
  TrainingData parts = text_parts(c, loaded.model->shape().max_positions, *loaded.tokenizer);
  const std::string label = attach(c.options, method, folder, loaded);
  const std::string intro = str(parts.train->size(), " sequences of at most ", c.text.length,
                                " tokens to train\n", nn::trainable_parameters_line(*loaded.model));
  return TextRun({.options = c.options,
                  .words = c.words,
                  .settings = settings,
                  .model = folder,
                  .method = method.name,
                  .intro = intro,
                  .report_title = label + " on " + fs::path(c.data.path).filename().string(),
                  .report_subject = str(label, " adapted the language model in ", folder, ".")},
                 {.loaded = loaded,
                  .parts = std::move(parts),
                  .length = c.text.length,
                  .save_tokenizer = [&](const fs::path& out) { nn::copy_tokenizer(folder, out); },
                  .compares = true})
      .run();
}

}  // namespace papilio::cli
