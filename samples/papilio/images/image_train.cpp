#include "samples/papilio/images/image_train.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "nn/data/transforms/image_processor.h"
#include "nn/models/vit.h"
#include "samples/papilio/data/class_list.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/data/model_fit.h"
#include "samples/papilio/images/image_run.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/report/report_page.h"
#include "tensor/random.h"

namespace papilio::cli {

namespace {

std::string intro(const RunData& run, const nn::ViTConfig& config, int64_t parameters) {
  return str(run.classes.size(), " classes (", class_list_text(run.data.class_names), "), ",
             run.data.size("train"), " images to train, ", run.data.size("validation"),
             " to validate, ", run.data.size("test"), " to test\nViT of ", config.num_hidden_layers,
             " layers, width ", config.hidden_size, ": ", with_commas(parameters), " parameters");
}

}  // namespace

int train_images(const ImageTraining& c) {
  RunSettings& run = c.run;
  const RunData opened = open_run_data(c.options, run, c.device, {});
  const Data& data = opened.data;
  const nn::ImageProcessor processor = fit_model_to_data(c.options, c.model, data);
  set_threads(run.common);
  warn(c.options, data.images.notes);

  const nn::ViTConfig& config = c.model.vit;
  manual_seed(uint64_t(run.training.seed));
  nn::ViTForImageClassification model(config);
  nn::to(model, c.device);
  const int64_t parameters = nn::count_parameters(model).all;
  return ImageRun(
             {.options = c.options,
              .words = c.words,
              .settings = run,
              .intro = intro(opened, config, parameters),
              .report_title = "Training on " + data_title(run.data),
              .report_subject = str("A vision transformer of ", config.num_hidden_layers,
                                    " layers and width ", config.hidden_size, " learned ",
                                    opened.classes.size(), " classes from scratch."),
              .add_to_json = [&](nlohmann::json& result) { result["parameters"] = parameters; }},
             {.data = data, .processor = processor, .model = model})
      .run();
}

}  // namespace papilio::cli
