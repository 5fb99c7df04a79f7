#include <filesystem>
#include <string>
#include <system_error>

#include "nn/data/sources/captioned_images.h"
#include "nn/data/sources/metadata_folder.h"
#include "samples/papilio/commands/commands.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/diffusion/train_pipeline.h"
#include "samples/papilio/images/image_train.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/keys.h"
#include "samples/papilio/options/model_options.h"
#include "samples/papilio/options/one_setting.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/text_options.h"
#include "samples/papilio/run/training_run.h"
#include "samples/papilio/text/text_run.h"
#include "samples/papilio/text/text_train.h"

namespace papilio::cli {

namespace {

struct Settings {
  RunSettings run = {.out = "runs/train"};
  ModelSettings model;
  TextSettings text;
};

Options declare(Settings& s) {
  Options options(
      "train", "[options]",
      "Trains a vision transformer from scratch, on the built-in handwritten digits "
      "(1,797 images of 8x8 pixels, UCI) or on images in files; or a small GPT-2 "
      "(--model-type gpt2) on a text. (Of a folder of pictures with captions it makes a small "
      "Stable Diffusion, by options of its own: papilio train --data FOLDER --help.) "
      "Writes a model folder as Hugging Face Transformers reads it (config.json, "
      "model.safetensors and, for images in files, preprocessor_config.json, for text "
      "tokenizer.json), with log.csv and run.toml, every setting of this run, beside them.");
  options.section("Data and results");
  add_data(options, s.run.data);
  add_out(options, s.run.out);
  add_overwrite(options, s.run.overwrite, "a model");
  add_model_options(options, s.model);
  add_text(options, s.text);
  add_training_options(options, s.run.training);
  show_text_defaults(options, s.run.training, kTrainText);
  add_common_and_device(options, s.run.common);
  options.example("papilio train --classes 0-4 --out runs/base");
  options.example(
      "papilio train --layers 6 --hidden-size 96 --epochs 100 --seed 1 --out runs/large");
  options.example("papilio train --data photos --corrupt skip --out runs/photos");
  options.example("papilio train --conv-layers 1 --pooling seq --out runs/cct");
  options.example("papilio train --model-type gpt2 --data novel.txt --out runs/gpt2");
  options.example("papilio train --data captioned --out runs/pictures");
  options.example("papilio train --config runs/base/run.toml --lr 1e-3 --out runs/slower");
  return options;
}

// Whether --data is a folder of pictures with captions and no classes.
bool names_captions(const Words& words) {
  const auto data = one_setting(words, kDataKey);
  std::error_code ignored;
  return data && std::filesystem::is_directory(*data, ignored) && nn::is_captioned_folder(*data) &&
         !nn::is_metadata_folder(*data);
}

}  // namespace

int train(const Words& words) {
  // Pictures with captions and no classes make a Stable Diffusion, by options of its own.
  if (names_captions(words)) return train_pipeline(words);
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  RunSettings& run = s.run;
  const Device device = device_of(run.common);
  settle_model_options(options, s.model);
  if (s.model.learns_text())
    return train_text({options, words, run.data, s.text, run.common, run.training.batch_size}, run,
                      s.model);
  refuse_text(options, s.text);
  return train_images(
      {.options = options, .words = words, .run = run, .model = s.model, .device = device});
}

}  // namespace papilio::cli
