#include <cstdio>
#include <nlohmann/json.hpp>

#include "nn/models/pretrained.h"
#include "nn/models/vit.h"
#include "samples/cli/commands.h"
#include "samples/cli/demo/methods.h"
#include "samples/cli/digits.h"
#include "samples/cli/model.h"
#include "samples/cli/table.h"
#include "samples/cli/training.h"
#include "tensor/atomic_file.h"

namespace papilio::cli {

namespace {

struct Settings {
  std::string out = "runs/train", classes = "all", pooling = "cls";
  bool overwrite = false;
  nn::ViTConfig model = demo::model_config();
  TrainingSettings training = demo_recipe();
  Common common;
};

Options declare(Settings& s) {
  Options options("train", "[options]",
                  "Trains a vision transformer from scratch on the built-in handwritten digits "
                  "(1,797 images of 8x8 pixels, UCI). Writes a model folder as Hugging Face "
                  "Transformers reads it (config.json, model.safetensors), with log.csv and "
                  "run.toml, every setting of this run, beside them.");
  options.section("Data and results");
  options.add("classes", &s.classes, "LIST", "digits to learn: 0-4, or 0,1,7");
  options.add("o,out", &s.out, "DIR", "folder to write");
  options.flag("overwrite", s.overwrite, "write into a folder that holds a model already")
      .line_only();
  options.section("Model");
  nn::ViTConfig& m = s.model;
  options.add("hidden-size", &m.hidden_size, "N", "width of a token").range(1, 65536);
  options.add("layers", &m.num_hidden_layers, "N", "transformer layers").range(0, 1000);
  options.add("heads", &m.num_attention_heads, "N", "attention heads; divides the width")
      .range(1, 65536);
  options.add("intermediate-size", &m.intermediate_size, "N", "width inside the MLPs")
      .range(1, 1048576)
      .default_is("4 times the width");
  options.add("patch-size", &m.patch_size, "N", "pixels of a token's side: 1, 2, 4 or 8")
      .range(1, 8);
  options.add("pooling", &s.pooling, "NAME", "cls (a class token) or mean (of all tokens)")
      .choices({"cls", "mean"});
  options.add("dropout", &m.hidden_dropout_prob, "P", "of hidden values").below(0, 1);
  options
      .add("drop-path", &m.drop_path_rate, "P", "of whole branches in the last layer; less before")
      .below(0, 1);
  options.add("initializer-range", &m.initializer_range, "STD", "of the weights at the start")
      .range(0, 100);
  add_training(options, s.training);
  add_common(options, s.common);
  options.example("papilio train --classes 0-4 --out runs/base");
  options.example(
      "papilio train --layers 6 --hidden-size 96 --epochs 100 --seed 1 --out runs/large");
  options.example("papilio train --config runs/base/run.toml --lr 1e-3 --out runs/slower");
  return options;
}

}  // namespace

int train(const Words& words) {
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  resolve(options, s.training);
  nn::ViTConfig& config = s.model;
  if (!options.given("intermediate-size")) config.intermediate_size = 4 * config.hidden_size;
  config.pooling = s.pooling == "cls" ? nn::Pooling::class_token : nn::Pooling::mean;

  const nn::Dataset digits = all_digits();
  const std::vector<int64_t> classes = parse_classes(s.classes, int64_t(digits.class_names.size()));
  config.num_labels = int64_t(classes.size());
  config.validate();
  set_threads(s.common);
  const std::string settings = options.toml();
  make_output_folder(s.out, Result::model, s.overwrite);
  const std::filesystem::path out = s.out;
  write_file_atomically(out / "run.toml", settings);

  const nn::Dataset chosen = nn::with_classes(digits, classes);
  const nn::Splits data = nn::fixed_splits(chosen);
  manual_seed(uint64_t(s.training.seed));
  nn::ViTForImageClassification model(config);
  const int64_t parameters = nn::count_parameters(model).all;
  if (!s.common.json) {
    std::printf(
        "%lld classes (%s), %lld images to train, %lld to validate, %lld to test\n"
        "ViT of %lld layers, width %lld: %s parameters\n",
        static_cast<long long>(classes.size()), classes_text(classes).c_str(),
        static_cast<long long>(data.train.size()), static_cast<long long>(data.validation.size()),
        static_cast<long long>(data.test.size()), static_cast<long long>(config.num_hidden_layers),
        static_cast<long long>(config.hidden_size), with_commas(parameters).c_str());
    std::fflush(stdout);
  }
  const nn::Forward forward = [&](const Tensor& images) { return model(images); };
  const TrainingEnd end =
      run_training(model, forward, data, s.training, out / "log.csv", s.common, "train");
  nn::save_pretrained(model, chosen.class_names, out);

  const nn::Evaluation test = nn::evaluate(model, forward, data.test);
  if (s.common.json) {
    nlohmann::json result{{"command", "train"},
                          {"out", s.out},
                          {"classes", chosen.class_names},
                          {"parameters", parameters},
                          {"test_accuracy", test.accuracy},
                          {"test_loss", test.loss}};
    add_to_json(result, end);
    print_json(result);
  } else if (end.failure.empty()) {
    std::printf(
        "test accuracy %s, loss %s\n%s: config.json, model.safetensors, log.csv, run.toml\n",
        percent(test.accuracy).c_str(), short_number(test.loss).c_str(), s.out.c_str());
  }
  return report_end(options, end, s.out);
}

}  // namespace papilio::cli
