#include "samples/papilio/inspect/inspect_plan.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "nn/data/transforms/image_processor.h"
#include "nn/models/image_classifier.h"
#include "samples/papilio/data/processor.h"
#include "samples/papilio/models/method.h"
#include "samples/papilio/models/model.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/default_targets.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/run/memory.h"

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

}  // namespace

Inspection inspect_plan(const Options& options, const fs::path& folder, PlanSettings& s) {
  LoadedModel loaded = load_model(folder, {.image_size = s.image_size});
  if (!options.given(&s.method.target_modules))
    s.method.target_modules = default_targets(*loaded.model, s.method.target_modules);
  attach_method(options, s.method, folder.string(), loaded);
  const MemoryQuestion question{*loaded.model, image_shape(options, folder, loaded), true,
                                s.workers, s.training};
  const RunMemory memory = plan_memory(question);
  std::string text =
      plan_line(*loaded.model, question.image_shape, s.training, memory) + "\n\n" + memory.table();
  nlohmann::json json = memory.json();
  json["kind"] = "plan";
  json["path"] = folder.string();
  json["would_fit"] = nlohmann::json::array();
  if (!memory.fits()) {
    for (const std::string& way : what_would_fit(question, true)) {
      json["would_fit"].push_back(way);
      text += "fits: " + way + '\n';
    }
  }
  return {text, std::make_shared<nlohmann::json>(std::move(json)), memory.fits() ? 0 : 1};
}

}  // namespace papilio::cli
