#include <cstdint>
#include <string>

#include "samples/papilio/commands/commands.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/images/image_finetune.h"
#include "samples/papilio/models/language_model.h"
#include "samples/papilio/models/model.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/method_options.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/text_options.h"
#include "samples/papilio/run/training_run.h"
#include "samples/papilio/text/text_finetune.h"
#include "samples/papilio/text/text_run.h"

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

}  // namespace

int finetune(const Words& words) {
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  RunSettings& run = s.run;
  const Device device = device_of(run.common);
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
  return finetune_images({.options = options,
                          .words = words,
                          .run = run,
                          .method = s.method,
                          .device = device,
                          .model = s.model,
                          .head = s.head,
                          .image_size = s.image_size,
                          .kept = s.kept});
}

}  // namespace papilio::cli
