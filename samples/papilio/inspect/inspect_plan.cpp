#include "samples/papilio/inspect/inspect_plan.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "nn/data/transforms/image_processor.h"
#include "nn/models/image_classifier.h"
#include "samples/papilio/data/processor.h"
#include "samples/papilio/images/image_memory.h"
#include "samples/papilio/models/language_model.h"
#include "samples/papilio/models/method.h"
#include "samples/papilio/models/model.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/default_targets.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/text_options.h"
#include "samples/papilio/run/memory.h"
#include "samples/papilio/text/text_memory.h"
#include "samples/papilio/text/text_run.h"

namespace papilio::cli {

namespace fs = std::filesystem;

namespace {

// The shape of the images that training would see.
Dims image_shape(const Options& options, const fs::path& folder, const LoadedModel& loaded) {
  const nn::ImageClassifier::Shape shape = loaded.model->shape();
  if (!has_processor(folder)) return {shape.num_channels, shape.image_size, shape.image_size};
  const nn::ImageProcessor p = processor_of(options, folder, *loaded.model, loaded.image_size);
  return {p.channels(), p.out_height(), p.out_width()};
}

Inspection shown(const fs::path& folder, const MemoryQuestion& question) {
  const RunMemory memory = plan_memory(question);
  std::string text = plan_line(question.what, question.settings, memory) + "\n\n" + memory.table();
  nlohmann::json json = memory.json();
  json["kind"] = "plan";
  json["path"] = folder.string();
  json["would_fit"] = nlohmann::json::array();
  if (!memory.fits()) {
    for (const std::string& way : what_would_fit(question)) {
      json["would_fit"].push_back(way);
      text += "fits: " + way + '\n';
    }
  }
  return {text, std::make_shared<nlohmann::json>(std::move(json)), memory.fits() ? 0 : 1};
}

Inspection plan_images(Options& options, const fs::path& folder, PlanSettings& s) {
  options.applies_when(false, {&s.length}, kLanguageModel);
  LoadedModel loaded = load_model(folder, {.image_size = s.image_size});
  if (!options.given(&s.method.target_modules))
    s.method.target_modules = default_targets(*loaded.model, s.method.target_modules);
  attach_method(options, s.method, folder.string(), loaded);
  return shown(folder, memory_question(*loaded.model,
                                       {.shape = image_shape(options, folder, loaded),
                                        .workers = s.workers,
                                        .resizable = true},
                                       s.training));
}

Inspection plan_text(Options& options, const fs::path& folder, PlanSettings& s) {
  options.applies_when(false, {&s.image_size, &s.method.drop_path}, kImageModel);
  if (!options.given(&s.training.batch_size)) s.training.batch_size = kFinetuneText.batch_size;
  s.training.label_smoothing = 0;
  LoadedLanguageModel loaded = load_language_model(folder);
  settle_sequence_length(options, s.length, loaded.model->shape().max_positions);
  attach_method(options, s.method, folder.string(), loaded);
  return shown(folder, memory_question(*loaded.model, {.length = s.length, .workers = s.workers},
                                       s.training));
}

}  // namespace

Inspection inspect_plan(Options& options, const fs::path& folder, PlanSettings& s) {
  return holds_language_model(folder) ? plan_text(options, folder, s)
                                      : plan_images(options, folder, s);
}

}  // namespace papilio::cli
