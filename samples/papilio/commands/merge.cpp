#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops/shape.h"
#include "autograd/ops/to.h"
#include "boft/model/merge.h"
#include "boft/model/model.h"
#include "nn/data/sources/image_dataset.h"
#include "nn/data/transforms/image_processor.h"
#include "nn/models/image_classifier.h"
#include "nn/models/language_model.h"
#include "nn/models/pretrained.h"
#include "nn/text/tokenizer_files.h"
#include "nn/train/progress.h"
#include "samples/papilio/commands/commands.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/data/digits.h"
#include "samples/papilio/data/known_split.h"
#include "samples/papilio/data/processor.h"
#include "samples/papilio/models/blend.h"
#include "samples/papilio/models/language_model.h"
#include "samples/papilio/models/model.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/run/folder_kind.h"
#include "samples/papilio/run/run_files.h"
#include "samples/papilio/run/run_folder.h"
#include "samples/papilio/run/run_lock.h"
#include "tensor/files/atomic_file.h"
#include "tensor/random.h"

namespace papilio::cli {

namespace {

struct Settings {
  std::string model, adapter, out;
  double strength = 1;
  bool safe = false, ignore_unused = false, overwrite = false;
  Common common;
};

Options declare(Settings& s) {
  Options options(
      "merge", "MODEL ADAPTER --out DIR [options]",
      "Writes an adapter into the weights it adapts: a plain model folder that needs "
      "neither the adapter nor more time than the base. Says how far merged and "
      "unmerged logits are apart: on the test digits if they trained it, else on noise, of a "
      "language model on tokens drawn at random.");
  options.section("What to merge");
  options.add("MODEL", &s.model, "", "model folder").required();
  options.add("ADAPTER", &s.adapter, "", "adapter folder made for it").required();
  add_out(options, s.out).required();
  options.add("strength", &s.strength, "T",
              "how much of the adapter: rotations turn by T times their angles, other methods' "
              "difference counts T times; 0: the base under the new head. ADAPTER may then be the "
              "model folder of a full finetuning");
  options.flag("safe", s.safe, "refuse weights that are not finite");
  add_ignore_unused(options, s.ignore_unused);
  add_overwrite(options, s.overwrite, "a model or adapter");
  add_common_and_device(options, s.common);
  options.example("papilio merge runs/base runs/boft --out runs/merged --safe");
  options.example("papilio merge runs/base runs/boft --strength 0.5 --out runs/half");
  return options;
}

// The digits if they trained it, else noise of the model's size.
Tensor probe_images(const Settings& s, const nn::ImageClassifier::Shape& c) {
  if (trained_data(s.model, s.adapter) == kDigits) {
    const nn::ImageData test = nn::fixed_splits(all_digits()).test;
    return nn::whole_batch(*nn::plain_batches(test, nn::digits_processor())).inputs;
  }
  Generator generator;
  return randn({4, c.num_channels, c.image_size, c.image_size}, {}, generator);
}

// What is merged, whatever kind of model it is.
struct Subject {
  nn::Module& model;
  boft::AdapterModel* adapters;  // null: `blend` takes the model part of the way to another
  std::function<size_t()> blend;
  std::function<Tensor(const Tensor&)> forward;
  Tensor probe;        // that merged and unmerged logits are compared on
  std::string probes;  // "images"
  WriteFolder save;    // the merged model's files
};

// Answers to all probes, and to the first alone: an adapted layer turns its weight if it has many
// rows and its input if it has few.
std::vector<double> logits(const Subject& subject) {
  const NoGrad no_grad;
  std::vector<double> values = subject.forward(subject.probe).to_vector<double>();
  const std::vector<double> few =
      subject.forward(slice(subject.probe, 0, 0, 1)).to_vector<double>();
  values.insert(values.end(), few.begin(), few.end());
  return values;
}

// What was merged, and how far it is from the unmerged.
struct Merged {
  size_t layers = 0;
  int64_t probes = 0;
  double difference = 0;                      // of logits; NaN if one is
  std::vector<boft::MergeError> errors = {};  // of layers that were quantised again
};

// Mean and largest error of quantising again.
struct QuantizingAgain {
  double mean = 0;
  boft::MergeError worst = {};
};
QuantizingAgain quantizing_again(const std::vector<boft::MergeError>& errors) {
  QuantizingAgain result;
  for (const boft::MergeError& e : errors) {
    result.mean += e.error / double(errors.size());
    if (e.error >= result.worst.error) result.worst = e;
  }
  return result;
}

double largest_difference(const std::vector<double>& before, const std::vector<double>& after) {
  double largest = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    const double d = std::abs(after[i] - before[i]);
    if (!(d <= largest)) largest = d;  // NaN stays
  }
  return largest;
}

Merged merge_adapter(const Settings& s, const Subject& subject) {
  nn::eval(subject.model);
  boft::AdapterModel& adapters = *subject.adapters;
  adapters.set_strength("default", s.strength);
  const size_t layers = adapters.layers("default").size();
  const std::vector<double> before = logits(subject);
  {
    nn::Progress progress(s.common.progress(), "merge", int64_t(layers));
    adapters.merge_and_unload(s.safe, {}, [&](size_t done, size_t, const std::string& path) {
      progress.update(int64_t(done), 0, path);
    });
  }
  return {layers, subject.probe.size(0), largest_difference(before, logits(subject)),
          adapters.merge_errors()};
}

void say(const Settings& s, const Subject& subject, const Merged& merged) {
  const QuantizingAgain again = quantizing_again(merged.errors);
  if (s.common.json) {
    nlohmann::json result{{"command", "merge"},
                          {"device", str(nn::device_of(subject.model))},
                          {"model", s.model},
                          {"adapter", s.adapter},
                          {"strength", s.strength},
                          {"out", s.out},
                          {"layers", merged.layers},
                          {subject.probes, merged.probes},
                          {"largest_logit_difference", merged.difference}};
    if (!merged.errors.empty())
      result["quantised_again"] = {{"layers", merged.errors.size()},
                                   {"error", again.mean},
                                   {"largest_error", again.worst.error},
                                   {"worst_layer", again.worst.path}};
    print_json(result);
    return;
  }
  if (subject.adapters != nullptr)
    std::printf(
        "merged %zu layers; largest difference of merged and unmerged logits on %lld %s: %s\n",
        merged.layers, static_cast<long long>(merged.probes), subject.probes.c_str(),
        short_number(merged.difference).c_str());
  else
    std::printf("%zu tensors differ; of the difference %s counts\n", merged.layers,
                short_number(s.strength).c_str());
  if (!merged.errors.empty())
    std::printf("%zu layers were quantised again: |Q(W) - W| / |W| %s, at most %s (%s)\n",
                merged.errors.size(), short_number(again.mean).c_str(),
                short_number(again.worst.error).c_str(), again.worst.path.c_str());
  std::printf("%s: %s\n", s.out.c_str(), written_in(s.out).c_str());
}

int merge(const Settings& s, Options& options, const Subject& subject) {
  options.name_if_given({&s.strength});
  const std::string settings = options.toml() + trained_on(s.model, s.adapter);
  const RunLock lock = prepare_result_folder(s.out, ResultKind::model, s.overwrite);
  Merged merged;
  if (subject.adapters != nullptr)
    merged = merge_adapter(s, subject);
  else
    merged.layers = subject.blend();
  check<Error>(!std::isnan(merged.difference) || !holds_run(s.out),
               "the merged model gives no number for the test ", subject.probes, "; what is in ",
               s.out, " stays as it is");
  replace_run_folder(s.out, [&](const std::filesystem::path& out) {
    write_file_atomically(out / "run.toml", settings);
    subject.save(out);
  });
  say(s, subject, merged);
  return 0;
}

int merge_classifier(const Settings& s, Options& options, Device device, bool adapter) {
  LoadedModel loaded =
      adapter ? load_model(s.model, {.adapter = s.adapter, .ignore_unused = s.ignore_unused})
              : load_model(s.model);
  warn(options, loaded.warnings);
  loaded.to(device);
  std::optional<nn::ImageProcessor> processor;
  if (has_processor(s.model) || loaded.image_size > 0)
    processor = processor_of(options, s.model, *loaded.model, loaded.image_size);
  return merge(s, options,
               {.model = *loaded.model,
                .adapters = loaded.adapters.get(),
                .blend = [&] { return blend(loaded, s.adapter, s.strength); },
                .forward = [&](const Tensor& images) { return loaded(images); },
                .probe = to(probe_images(s, loaded.model->shape()), device),
                .probes = "images",
                .save =
                    [&](const std::filesystem::path& out) {
                      if (processor) save_processor(out, *processor);
                      nn::save_pretrained(*loaded.model, loaded.class_names, out);
                    }});
}

int merge_language_model(const Settings& s, Options& options, Device device, bool adapter) {
  LoadedLanguageModel loaded =
      load_language_model(s.model, adapter ? s.adapter : "", s.ignore_unused);
  warn(options, loaded.warnings);
  loaded.to(device);
  const nn::LanguageModel::Shape shape = loaded.model->shape();
  constexpr int64_t kSequences = 4, kTokens = 32;
  Generator generator;
  const Tensor tokens =
      randint(0, shape.vocab_size, {kSequences, std::min(kTokens, shape.max_positions)},
              DType::int64, generator);
  return merge(s, options,
               {.model = *loaded.model,
                .adapters = loaded.adapters.get(),
                .blend = [&] { return blend(loaded, s.adapter, s.strength); },
                .forward = [&](const Tensor& ids) { return (*loaded.model)(ids); },
                .probe = to(tokens, device),
                .probes = "sequences",
                .save =
                    [&](const std::filesystem::path& out) {
                      nn::save_pretrained(*loaded.model, out);
                      nn::copy_tokenizer(s.model, out);
                    }});
}

}  // namespace

int merge(const Words& words) {
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  set_threads(s.common);
  const Device device = device_of(s.common);
  check<UsageError>(std::isfinite(s.strength), "--strength: expected a number, got ", s.strength);
  check_result_folder(s.out, ResultKind::model, s.overwrite);
  const bool adapter = !is_model_folder(s.adapter) || is_adapter_folder(s.adapter);
  check<UsageError>(adapter || options.given(&s.strength), s.adapter,
                    ": holds a model, not an adapter; --strength T takes MODEL so far towards it");
  return holds_language_model(s.model) ? merge_language_model(s, options, device, adapter)
                                       : merge_classifier(s, options, device, adapter);
}

}  // namespace papilio::cli
