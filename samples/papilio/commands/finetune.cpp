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
#include "samples/papilio/commands/commands.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/data/processor.h"
#include "samples/papilio/images/fit_head.h"
#include "samples/papilio/images/image_run.h"
#include "samples/papilio/images/old_head.h"
#include "samples/papilio/models/method.h"
#include "samples/papilio/models/model.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/default_targets.h"
#include "samples/papilio/options/method_options.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/text_options.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/report/report_adapter.h"
#include "samples/papilio/report/report_page.h"
#include "samples/papilio/run/training_run.h"
#include "samples/papilio/text/text_finetune.h"
#include "samples/papilio/text/text_run.h"
#include "tensor/random.h"

namespace papilio::cli {

namespace {

struct Settings {
  std::string model, head = "auto";
  int64_t image_size = 0;
  bool kept = true;
  RunSettings run = {.training = {.epochs = kFinetuneEpochs}};
  MethodSettings method;
  TextSettings text;
};

Options declare(Settings& s) {
  Options options(
      "finetune", "MODEL [options]",
      "Adapts a model folder to classes it may not know, of the built-in digits or of images in "
      "files; a language model (GPT-2) to a text. " +
          adapter_methods() +
          " freeze the model and train an adapter, written as a folder in PEFT's format; linear "
          "trains a new head only, full everything, and both write a model folder. log.csv and "
          "run.toml, every setting of this run, lie beside.");
  options.section("Model and data");
  options.add("MODEL", &s.model, "", "model folder to begin with").required();
  add_data(options, s.run.data);
  options
      .add("head", &s.head, "WAY",
           "new (drawn), fitted (new, and trained on the frozen features before anything else), "
           "keep, or auto: keep if the classes are the model's own")
      .choices({"auto", "new", "fitted", "keep"});
  add_image_size(options, s.image_size);
  options.option(&s.image_size).default_is("the model's own");
  add_out(options, s.run.out).default_is("runs/METHOD");
  options
      .flag("kept", s.kept,
            "measure what the old head still reads of the model's own classes, before and after, "
            "if the data have them; --kept=false saves the time [true]")
      .line_only();
  add_overwrite(options, s.run.overwrite, "a model or adapter");
  add_text(options, s.text);
  add_method_options(options, s.method);
  add_training_options(options, s.run.training);
  show_method_defaults(options, s.run.training);
  show_text_defaults(options, s.run.training, kFinetuneText);
  add_common_and_device(options, s.run.common);
  add_method_examples(options);
  options.example("papilio finetune google/vit --data photos --method boft -b 4 -m 2");
  options.example("papilio finetune runs/base -t query,value --layers-to-transform 2-3");
  options.example("papilio finetune gpt2 --data novel.txt --method boft --out runs/novel");
  return options;
}

// The data in the order of the model's classes, if they are the same ones.
Data in_order_of(const LoadedModel& loaded, const Data& data) {
  return std::ranges::is_permutation(loaded.class_names, data.class_names)
             ? for_model({}, data, loaded.class_names)
             : data;
}

void choose_head(const Settings& s, LoadedModel& loaded,
                 const std::vector<std::string>& class_names) {
  const bool same = class_names == loaded.class_names;
  if (s.head == "keep" || (s.head == "auto" && same)) {
    check<UsageError>(same, "--head keep: the classes differ from the model's, which are ",
                      nn::listed(loaded.class_names));
    return;
  }
  const std::string& named = s.method.modules_to_save;
  const std::vector<std::string> saved = saved_modules(s.method, *loaded.model);
  for (const nn::ImageClassifier::Head& head : loaded.model->heads()) {
    check<UsageError>(
        method_of(s.method).config == nullptr || std::ranges::count(saved, head.path) > 0,
        "--modules-to-save: the head is new, so ", head.path, " must be among them, got ",
        named.empty() ? "nothing" : named);
  }
  replace_head(loaded, class_names);
}

// What is still known of the model's own classes; nothing if they are the new ones, too.
std::unique_ptr<OldHead> old_head(const Settings& s, const LoadedModel& loaded,
                                  const RunData& opened, const Data& data,
                                  const nn::ImageProcessor& processor) {
  if (!s.kept || data.class_names == loaded.class_names) return nullptr;
  return std::make_unique<OldHead>(loaded, opened.all, s.run.data, processor,
                                   s.run.training.batch_size);
}

void say_fitted(const FittedHead& head, const Common& common) {
  if (common.json || common.quiet) return;
  std::printf("head fitted to the features of %lld images: %s of them right, loss %s\n",
              static_cast<long long>(head.images), percent(head.accuracy).c_str(),
              short_number(head.loss).c_str());
  std::fflush(stdout);
}

}  // namespace

int finetune(const Words& words) {
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  RunSettings& run = s.run;
  const Device device = device_of(run.common);
  const Method& method = method_of(s.method);
  if (run.out.empty()) run.out = "runs/" + s.method.name;
  settle_method_options(options, s.method);
  settle_method_rates(options, s.method, run.training);
  if (holds_language_model(s.model)) {
    options.applies_when(false, {&s.head, &s.image_size, &s.kept, &run.training.head_lr},
                         kImageModel);
    return finetune_text({options, words, run.data, s.text, run.common, run.training.batch_size},
                         run, s.method, s.model);
  }
  refuse_text(options, s.text);
  const RunData opened = open_run_data(options, run, device, {s.model});
  set_threads(run.common);

  manual_seed(uint64_t(run.training.seed));
  options.applies_when(!opened.data.source->processor, {&s.image_size}, kNoProcessor);
  options.name_if_given({&s.image_size});
  LoadedModel loaded = load_model(s.model, {.image_size = s.image_size});
  warn(options, loaded.warnings);
  if (!options.given(&s.method.target_modules))
    s.method.target_modules = default_targets(*loaded.model, s.method.target_modules);
  const Data data = in_order_of(loaded, opened.data);
  if (options.given(&s.method.drop_path)) nn::set_drop_path(*loaded.model, s.method.drop_path);
  check_takes(*data.source, s.model, *loaded.model);
  const nn::ImageProcessor processor =
      processor_of(options, data, s.model, *loaded.model, s.image_size);
  warn(options, data.images.notes);
  const auto before = old_head(s, loaded, opened, data, processor);
  choose_head(s, loaded, data.class_names);
  loaded.to(device);
  attach_method(options, s.method, s.model, loaded);

  std::function<void(nn::Loader&)> fit;
  if (s.head == "fitted") {
    fit = [&](nn::Loader& images) {
      say_fitted(fit_head(*loaded.model, images, run.training.label_smoothing), run.common);
    };
  }
  const std::string label =
      loaded.adapters != nullptr ? boft::label(loaded.adapters->config("default")) : method.label;
  return ImageRun({.options = options,
                   .words = words,
                   .settings = run,
                   .model = s.model,
                   .method = s.method.name,
                   .intro = nn::trainable_parameters_line(*loaded.model),
                   .report_title = label + " on " + data_title(run.data),
                   .report_subject = str(label, " adapted the model in ", s.model, " to ",
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
