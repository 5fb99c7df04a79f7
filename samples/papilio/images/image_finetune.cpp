#include "samples/papilio/images/image_finetune.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nn/data/loader.h"
#include "nn/data/transforms/image_processor.h"
#include "nn/detail/text_table.h"
#include "nn/layers/dropout.h"
#include "nn/models/image_classifier.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/data/processor.h"
#include "samples/papilio/images/fit_head.h"
#include "samples/papilio/images/image_run.h"
#include "samples/papilio/images/old_head.h"
#include "samples/papilio/models/method.h"
#include "samples/papilio/models/model.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/default_targets.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/report/report_page.h"
#include "tensor/random.h"

namespace papilio::cli {

namespace {

// The data in the order of the model's classes, if they are the same ones.
Data in_order_of(const LoadedModel& loaded, const Data& data) {
  return std::ranges::is_permutation(loaded.class_names, data.class_names)
             ? for_model({}, data, loaded.class_names)
             : data;
}

void choose_head(const ImageFinetuning& c, LoadedModel& loaded,
                 const std::vector<std::string>& class_names) {
  const bool same = class_names == loaded.class_names;
  if (c.head == "keep" || (c.head == "auto" && same)) {
    check<UsageError>(same, "--head keep: the classes differ from the model's, which are ",
                      nn::listed(loaded.class_names));
    return;
  }
  const std::string& named = c.method.modules_to_save;
  const std::vector<std::string> saved = saved_modules(c.method, *loaded.model);
  for (const nn::ImageClassifier::Head& head : loaded.model->heads()) {
    check<UsageError>(
        method_of(c.method).config == nullptr || std::ranges::count(saved, head.path) > 0,
        "--modules-to-save: the head is new, so ", head.path, " must be among them, got ",
        named.empty() ? "nothing" : named);
  }
  replace_head(loaded, class_names);
}

// What is still known of the model's own classes; nothing if they are the new ones, too.
std::unique_ptr<OldHead> old_head(const ImageFinetuning& c, const LoadedModel& loaded,
                                  const RunData& opened, const Data& data,
                                  const nn::ImageProcessor& processor) {
  if (!c.kept || data.class_names == loaded.class_names) return nullptr;
  return std::make_unique<OldHead>(loaded, opened.all, c.run.data, processor,
                                   c.run.training.batch_size);
}

void say_fitted(const FittedHead& head, const Common& common) {
  if (common.json || common.quiet) return;
  std::printf("head fitted to the features of %lld images: %s of them right, loss %s\n",
              static_cast<long long>(head.images), percent(head.accuracy).c_str(),
              short_number(head.loss).c_str());
  std::fflush(stdout);
}

}  // namespace

int finetune_images(const ImageFinetuning& c) {
  RunSettings& run = c.run;
  const RunData opened = open_run_data(c.options, run, c.device, {c.model});
  set_threads(run.common);

  manual_seed(uint64_t(run.training.seed));
  c.options.applies_when(!opened.data.source->processor, {&c.image_size}, kNoProcessor);
  c.options.name_if_given({&c.image_size});
  LoadedModel loaded = load_model(c.model, {.image_size = c.image_size});
  warn(c.options, loaded.warnings);
  if (!c.options.given(&c.method.target_modules))
    c.method.target_modules = default_targets(*loaded.model, c.method.target_modules);
  const Data data = in_order_of(loaded, opened.data);
  if (c.options.given(&c.method.drop_path)) nn::set_drop_path(*loaded.model, c.method.drop_path);
  check_takes(*data.source, c.model, *loaded.model);
  const nn::ImageProcessor processor =
      processor_of(c.options, data, c.model, *loaded.model, c.image_size);
  warn(c.options, data.images.notes);
  const auto before = old_head(c, loaded, opened, data, processor);
  choose_head(c, loaded, data.class_names);
  loaded.to(c.device);
  attach_method(c.options, c.method, c.model, loaded);

  std::function<void(nn::Loader&)> fit;
  if (c.head == "fitted") {
    fit = [&](nn::Loader& images) {
      say_fitted(fit_head(*loaded.model, images, run.training.label_smoothing), run.common);
    };
  }
  const std::string label = loaded.adapters != nullptr
                                ? boft::label(loaded.adapters->config("default"))
                                : method_of(c.method).label;
  return ImageRun({.options = c.options,
                   .words = c.words,
                   .settings = run,
                   .model = c.model,
                   .method = c.method.name,
                   .intro = nn::trainable_parameters_line(*loaded.model),
                   .report_title = label + " on " + data_title(run.data),
                   .report_subject = str(label, " adapted the model in ", c.model, " to ",
                                         data.class_names.size(), " classes.")},
                  {.data = data,
                   .processor = processor,
                   .model = *loaded.model,
                   .adapters = loaded.adapters.get(),
                   .old_head = before.get(),
                   .before_training = fit,
                   .resizable = true})
      .run();
}

}  // namespace papilio::cli
