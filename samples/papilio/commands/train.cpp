#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "nn/models/pretrained.h"
#include "nn/models/vit.h"
#include "samples/papilio/commands/commands.h"
#include "samples/papilio/data/digits.h"
#include "samples/papilio/demo/methods.h"
#include "samples/papilio/run/model.h"
#include "samples/papilio/run/run_folder.h"
#include "samples/papilio/run/run_report.h"
#include "samples/papilio/run/table.h"
#include "samples/papilio/run/training.h"

namespace papilio::cli {

namespace {

struct Settings {
  std::string out = "runs/train", pooling = "cls";
  int64_t image_size = 0;
  DataSettings data;
  bool overwrite = false;
  nn::ViTConfig model = demo::model_config();
  TrainingSettings training = demo_recipe();
  Common common;
};

Options declare(Settings& s) {
  Options options("train", "[options]",
                  "Trains a vision transformer from scratch, on the built-in handwritten digits "
                  "(1,797 images of 8x8 pixels, UCI) or on images in files. Writes a model folder "
                  "as Hugging Face Transformers reads it (config.json, model.safetensors and, for "
                  "images in files, preprocessor_config.json), with log.csv and run.toml, every "
                  "setting of this run, beside them.");
  options.section("Data and results");
  add_data(options, s.data);
  options.add("o,out", &s.out, "DIR", "folder to write");
  options.flag("overwrite", s.overwrite, "write into a folder that holds a model already")
      .line_only();
  options.section("Model");
  nn::ViTConfig& m = s.model;
  options.add("image-size", &s.image_size, "N", "pixels of the images' side")
      .range(0, 4096)
      .default_is("the data's own in whole patches, at most 224");
  options.add("hidden-size", &m.hidden_size, "N", "width of a token").range(1, 65536);
  options.add("layers", &m.num_hidden_layers, "N", "transformer layers").range(0, 1000);
  options.add("heads", &m.num_attention_heads, "N", "attention heads; divides the width")
      .range(1, 65536);
  options.add("intermediate-size", &m.intermediate_size, "N", "width inside the MLPs")
      .range(1, 1048576)
      .default_is("4 times the width");
  options.add("patch-size", &m.patch_size, "N", "pixels of a token's side; divides the image's")
      .range(1, 4096)
      .default_is("digits 2, else 16 or less, for 7 tokens a side");
  options
      .add("conv-layers", &m.conv_layers, "N",
           "convolutions with pooling instead of patches (CCT), each halves the image; 0: patches")
      .range(0, 3);
  options
      .add("pooling", &s.pooling, "NAME",
           "cls (a class token), mean (of all tokens) or seq (weighted by attention, CCT)")
      .choices({"cls", "mean", "seq"});
  options.add("attention-dropout", &m.attention_probs_dropout_prob, "P", "of attention weights")
      .below(0, 1);
  options.add("dropout", &m.hidden_dropout_prob, "P", "of hidden values").below(0, 1);
  options
      .add("drop-path", &m.drop_path_rate, "P", "of whole branches in the last layer; less before")
      .below(0, 1);
  options.add("initializer-range", &m.initializer_range, "STD", "of the weights at the start")
      .range(0, 100);
  add_training(options, s.training);
  add_device(options, s.common);
  add_common(options, s.common);
  options.example("papilio train --classes 0-4 --out runs/base");
  options.example(
      "papilio train --layers 6 --hidden-size 96 --epochs 100 --seed 1 --out runs/large");
  options.example("papilio train --data photos --corrupt skip --out runs/photos");
  options.example("papilio train --conv-layers 1 --pooling seq --out runs/cct");
  options.example("papilio train --config runs/base/run.toml --lr 1e-3 --out runs/slower");
  return options;
}

// The largest power of two that is at most 16 and gives 7 tokens a side; it divides a side that the
// user named.
int64_t patch_size_for(int64_t side, bool named) {
  int64_t patch = 16;
  while (patch > 1 && (side / patch < 7 || (named && side % patch != 0))) patch /= 2;
  return patch;
}

// What follows from the data; image and patch size are written to run.toml.
nn::ImageProcessor fit_to_data(const Options& options, Settings& s, const Data& data) {
  s.model.num_labels = int64_t(data.class_names.size());
  if (data.is_digits()) return nn::image_processor_for(8, 8, 1);
  const bool named = s.image_size > 0;
  int64_t side = named ? s.image_size : usual_side(data), &patch = s.model.patch_size;
  if (!options.given("patch-size") && s.model.conv_layers == 0) patch = patch_size_for(side, named);
  if (!named && side > patch) side -= side % patch;
  const int64_t tokens = (side / patch) * (side / patch);
  if (tokens > 1024) {
    warn(options, {str(with_commas(tokens), " tokens an image (", side, 'x', side,
                       " pixels in patches of ", patch,
                       ") take long: attention costs their square; an --image-size that is a "
                       "multiple of 16 needs fewer")});
  }
  s.image_size = s.model.image_size = side;
  const nn::ImageProcessor processor = processor_for(data, side);
  s.model.num_channels = processor.channels();
  return processor;
}

}  // namespace

int train(const Words& words) {
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  const Device device = device_of(s.common);
  resolve(options, s.training);
  options.applies_when(!device.is_cpu(), {"cuda-graph"}, "--device cuda");
  nn::ViTConfig& config = s.model;
  if (!options.given("intermediate-size")) config.intermediate_size = 4 * config.hidden_size;
  config.pooling = s.pooling == "cls"    ? nn::Pooling::class_token
                   : s.pooling == "mean" ? nn::Pooling::mean
                                         : nn::Pooling::sequence;
  options.applies_when(config.conv_layers == 0, {"patch-size"}, "--conv-layers 0");
  if (config.conv_layers > 0) config.patch_size = int64_t(1) << config.conv_layers;

  resolve(options, s.data);
  const Data all = open_data(s.data);
  resolve(options, s.training.augment, all);
  options.applies_when(!all.is_digits(), {"image-size"}, "--data other than digits");
  const std::vector<int64_t> classes = chosen_classes(s.data, all);
  const Data data = with_classes(all, classes);
  const nn::ImageProcessor processor = fit_to_data(options, s, data);
  config.validate();
  set_threads(s.common);
  const std::string settings = options.toml();
  prepare_run_folder(s.out, Result::model, s.training.resume, s.overwrite);
  const std::filesystem::path out = s.out;

  warn(options, data.images.notes);
  const TrainingData parts =
      training_data(data, s.data, processor, s.training.augment, s.training.batch_size);
  manual_seed(uint64_t(s.training.seed));
  nn::ViTForImageClassification model(config);
  nn::to(model, device);
  const int64_t parameters = nn::count_parameters(model).all;
  if (!s.common.json) {
    std::printf(
        "%lld classes (%s), %lld images to train, %lld to validate, %lld to test\n"
        "ViT of %lld layers, width %lld: %s parameters\n",
        static_cast<long long>(classes.size()), classes_text(classes).c_str(),
        static_cast<long long>(data.size("train")), static_cast<long long>(data.size("validation")),
        static_cast<long long>(data.size("test")), static_cast<long long>(config.num_hidden_layers),
        static_cast<long long>(config.hidden_size), with_commas(parameters).c_str());
    std::fflush(stdout);
  }
  const TrainingJob job{model, parts, out, "train", settings};
  TrainingEnd end = run_training(job, s.training, options, s.common);
  save_result(end, [&] {
    if (!data.is_digits()) save_processor(out, processor);
    nn::save_pretrained(model, data.class_names, out);
  });

  TestResult test;
  if (end.failure.empty()) test = evaluate_test(model, parts);
  if (!test.problem.empty()) warn(options, {test.text() + ": " + test.problem});
  if (end.saved) {
    write_report_or_warn(options, out / "report.html", [&](report::RunReport& page) {
      page.title = "Training on " + data_title(s.data);
      page.subject = str("A vision transformer of ", config.num_hidden_layers, " layers and width ",
                         config.hidden_size, " learned ", classes.size(), " classes from scratch.");
      page.parameters = page.trainable = parameters;
      describe(page, options, words, model, s.data, data);
      add_training(page, out, end);
      const EvaluatedPart shown =
          end.failure.empty() ? part_to_show(model, parts, test) : EvaluatedPart();
      add_evaluation(page, model, shown, data.class_names, processor, data.is_digits());
    });
  }
  if (s.common.json) {
    nlohmann::json result{{"command", "train"},
                          {"device", str(nn::device_of(model))},
                          {"out", s.out},
                          {"classes", data.class_names},
                          {"parameters", parameters},
                          {"data", s.data.path}};
    add_to_json(result, test);
    add_to_json(result, end);
    print_json(result);
  } else if (end.failure.empty()) {
    std::printf(
        "%s\n%s: config.json, model.safetensors, report.html, log.csv, steps.csv, tensorboard/, "
        "checkpoints/, run.toml\n",
        test.text().c_str(), s.out.c_str());
  }
  return report_end(options, end, s.out);
}

}  // namespace papilio::cli
