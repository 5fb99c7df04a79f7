#include "samples/papilio/run/text_run.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "autograd/anomaly.h"
#include "autograd/autocast.h"
#include "autograd/grad_mode.h"
#include "autograd/ops/to.h"
#include "boft/files/checkpoint.h"
#include "nn/data/text_batches.h"
#include "nn/layers/conv1d.h"
#include "nn/models/pretrained.h"
#include "nn/text/generate.h"
#include "nn/text/tokenizer_files.h"
#include "nn/text/utf8.h"
#include "nn/train/evaluate_text.h"
#include "samples/papilio/options/default_targets.h"
#include "samples/papilio/run/language_model.h"
#include "samples/papilio/run/report_adapter.h"
#include "samples/papilio/run/report_page.h"
#include "samples/papilio/run/report_training.h"
#include "samples/papilio/run/run_folder.h"
#include "samples/papilio/run/run_results.h"
#include "samples/papilio/run/table.h"
#include "samples/papilio/run/training.h"
#include "tensor/creation.h"
#include "tensor/random.h"

namespace papilio::cli {

namespace fs = std::filesystem;

void add_text(Options& options, TextSettings& s) {
  options.section("Text");
  options
      .add("sequence-length", &s.length, "N",
           "language models: tokens that a sample predicts, at most what the model looks at")
      .range(1, 1e6);
  options.flag("no-pack", s.no_pack,
               "language models: each text, or line of .jsonl, a sample of its own, instead of all "
               "in pieces of one length");
}

namespace {

// The parts of the text, as batches.
TrainingData text_parts(const TextCommand& c, const nn::LanguageModel& model,
                        const nn::Tokenizer& tokenizer) {
  const DataSettings& data = c.data;
  check<UsageError>(
      c.options.given(&data.path),
      "--data: a language model wants a text: a file, a folder of .txt and .jsonl, or "
      "a .safetensors file of tokens");
  check<UsageError>(data.validation_share + data.test_share < 1,
                    "--validation-share, --test-share: ", data.validation_share, " and ",
                    data.test_share, " leave nothing to train on");
  const int64_t most = model.shape().max_positions;
  check<UsageError>(!c.options.given(&c.text.length) || c.text.length <= most,
                    "--sequence-length: the model looks at ", most, " tokens, got ", c.text.length);
  c.text.length = std::min(c.text.length, most);
  const nn::TextSplits text = nn::open_text(
      data.path, tokenizer,
      {.length = c.text.length,
       .pack = !c.text.no_pack,
       .shares = {data.validation_share, data.test_share, uint64_t(data.split_seed)}});
  const int64_t padding = tokenizer.roles().pad.value_or(tokenizer.roles().eos.value_or(0));
  const auto batches = [&](const nn::TextData& part) {
    return part == nullptr || part->size() == 0 ? nullptr : nn::text_batches(part, padding);
  };
  TrainingData parts;
  parts.train = batches(text.train);
  parts.validation = batches(text.validation);
  parts.test = batches(text.test);
  parts.workers = data.workers;
  parts.evaluation_batch = c.batch_size;
  return parts;
}

nn::TextEvaluation evaluated(nn::LanguageModel& model, const nn::Tokenizer& tokenizer,
                             const nn::Batches& part, const TrainingData& data) {
  nn::Loader loader(part, {.batch_size = data.evaluation_batch,
                           .workers = data.workers,
                           .epochs = 1,
                           .shuffle = false});
  return nn::evaluate_text(model, loader, tokenizer);
}

std::string text_of(const nn::TextEvaluation& e) {
  return str("perplexity ", short_number(e.perplexity(), 4), " (", short_number(e.loss, 4),
             " nats a token, ", short_number(e.bits_per_byte(), 4), " bits a byte), ",
             percent(e.accuracy), " of ", with_commas(e.tokens), " tokens guessed");
}

void add_to_json(nlohmann::json& object, const std::string& prefix,
                 const std::optional<nn::TextEvaluation>& e) {
  const auto number = [&](double value) { return e ? nlohmann::json(value) : nlohmann::json(); };
  object[prefix + "tokens"] = e ? e->tokens : 0;
  object[prefix + "loss"] = number(e ? e->loss : 0);
  object[prefix + "perplexity"] = number(e ? e->perplexity() : 0);
  object[prefix + "bits_per_byte"] = number(e ? e->bits_per_byte() : 0);
  object[prefix + "accuracy"] = number(e ? e->accuracy : 0);
}

// How the model goes on with the beginning of the first sample of a part.
std::string sample_text(nn::LanguageModel& model, const nn::Tokenizer& tokenizer,
                        const nn::BatchSource& part) {
  constexpr int64_t kPrompt = 16, kNew = 80;
  Generator generator(0);
  std::vector<int64_t> ids = part.batch({0}, generator).inputs.to_vector<int64_t>();
  ids.resize(
      size_t(std::min<int64_t>({int64_t(ids.size()), kPrompt, model.shape().max_positions})));
  const nn::Generation more = nn::generate(model, ids,
                                           {.max_new_tokens = kNew,
                                            .temperature = 0.8,
                                            .top_p = 0.95,
                                            .eos_token_ids = model.eos_token_ids()});
  return nn::valid_utf8(tokenizer.decode(ids)) + "|" +
         nn::valid_utf8(tokenizer.decode(more.ids, true));
}

// A run of a language model: what it was before, and what came of it.
struct TextRun {
  const TextCommand& c;
  RunSettings& settings;
  LoadedLanguageModel& loaded;
  std::string folder, method, label;  // of the model it began with
  TrainingData parts;
  std::optional<nn::TextEvaluation> before, after;
  std::string sample_before, sample_after;

  nn::LanguageModel& model() const { return *loaded.model; }
  const nn::Batches& shown() const { return parts.test != nullptr ? parts.test : parts.train; }

  TrainingJob job() {
    nn::LanguageModel& m = model();
    const nn::Tokenizer& tokenizer = *loaded.tokenizer;
    return {.model = m,
            .fit =
                [&m, precision = training_precision(settings.training)](
                    nn::Loader& loader, nn::Optimizer& optimizer, nn::FitOptions options) {
                  const double smoothing = std::exchange(options.label_smoothing, 0);
                  const nn::Loss loss = [&, smoothing, precision](const nn::Batch& batch) {
                    const Autocast scope(precision);
                    return nn::text_loss(m, batch, smoothing);
                  };
                  nn::fit(m, loss, loader, optimizer, options);
                },
            .evaluate =
                [&m, &tokenizer](nn::Loader& loader) {
                  const nn::TextEvaluation e = nn::evaluate_text(m, loader, tokenizer);
                  nn::Evaluation result;
                  result.loss = e.loss, result.accuracy = e.accuracy;
                  return result;
                },
            .operations = {},
            .data = parts,
            .out = settings.out,
            .title = method,
            .settings = c.options.toml()};
  }

  void save(const fs::path& out) const {
    if (loaded.adapters != nullptr) {
      boft::save_adapter(*loaded.adapters, out);
      return;
    }
    nn::save_pretrained(model(), out);
    nn::copy_tokenizer(folder, out);
  }

  nlohmann::json results(const TrainingEnd& end) const {
    nlohmann::json json = run_results(c.options, settings, model(), loaded.adapters.get(), end);
    const nn::ParameterCount count = nn::count_parameters(model());
    json["model"] = folder;
    json["method"] = method;
    json["trainable_parameters"] = count.trainable;
    json["all_parameters"] = count.all;
    json["sample_before"] = sample_before;
    json["sample_after"] = sample_after;
    add_to_json(json, "before_", before);
    add_to_json(json, "test_", after);
    return json;
  }

  void report(const TrainingEnd& end) const {
    const fs::path out = settings.out;
    write_report_or_warn(c.options, out / "report.html", [&](report::RunReport& page) {
      page.title = label + " on " + fs::path(c.data.path).filename().string();
      page.subject = str(label, " adapted the language model in ", folder, ".");
      if (before && after)
        page.subject +=
            str(" On the test part its perplexity was ", short_number(before->perplexity(), 4),
                " and is ", short_number(after->perplexity(), 4), " (",
                short_number(before->bits_per_byte(), 4), " and ",
                short_number(after->bits_per_byte(), 4), " bits a byte).");
      const nn::ParameterCount count = nn::count_parameters(model());
      page.samples = "sequences";
      page.parameters = count.all, page.trainable = count.trainable;
      if (after) page.loss = after->loss, page.part = "test";
      const nn::LanguageModel::Shape s = model().shape();
      report_command(
          page, c.options, c.words,
          str("Model: ", s.model_type, ", ", s.num_hidden_layers, " layers, width ", s.hidden_size,
              ", ", s.num_attention_heads, " heads, MLP width ", s.intermediate_size, ", ",
              s.vocab_size, " tokens, ", s.max_positions, " positions."),
          str("Data: ", c.data.path, "; ", parts.train->size(), " sequences to train of at most ",
              c.text.length, " tokens."));
      page.texts = {{"before", sample_before}, {"after", sample_after}};
      report_training(page, out, end);
      report_adapter(page, loaded.adapters.get());
    });
  }
};

// Trains, saves, evaluates, reports. Returns the exit code.
int run_text(TextRun& run, const std::string& intro) {
  const TextCommand& c = run.c;
  const RunSettings& s = run.settings;
  nn::LanguageModel& model = run.model();
  const RunLock lock = prepare_run_folder(
      s.out, run.loaded.adapters != nullptr ? ResultKind::adapter : ResultKind::model,
      s.training.resume, s.overwrite);
  if (!c.common.json) {
    std::printf("%s\n", intro.c_str());
    std::fflush(stdout);
  }
  run.sample_before = sample_text(model, *run.loaded.tokenizer, *run.shown());
  if (run.parts.test != nullptr)
    run.before = evaluated(model, *run.loaded.tokenizer, run.parts.test, run.parts);
  const TrainingJob job = run.job();
  const TrainingEnd end = train_and_save(
      job, s, c.options, lock,
      {.save = [&](const fs::path& out) { run.save(out); },
       .gives_numbers =
           [&] {
             const NoGrad no_grad;
             return all_finite(
                 model(to(zeros({1, 1}, {.dtype = DType::int64}), nn::device_of(model))));
           },
       .adapters = run.loaded.adapters.get()});
  if (end.succeeded()) {
    run.sample_after = sample_text(model, *run.loaded.tokenizer, *run.shown());
    if (run.parts.test != nullptr)
      run.after = evaluated(model, *run.loaded.tokenizer, run.parts.test, run.parts);
  }
  const nlohmann::json results = run.results(end);
  if (end.weights == Weights::saved) {
    write_results_or_warn(c.options, s.out, results);
    run.report(end);
  }
  if (c.common.json) {
    print_json(results);
  } else if (end.succeeded()) {
    if (run.before) std::printf("test before: %s\n", text_of(*run.before).c_str());
    if (run.after) std::printf("test: %s\n", text_of(*run.after).c_str());
    std::printf("%s: %s\n", s.out.c_str(), written_in(s.out).c_str());
  }
  return report_end(c.options, end, s.out);
}

// Which options mean something here, and what they are if nothing is given.
void settle(const TextCommand& c, TrainingSettings& t) {
  c.options.applies_when(false, {&c.data.classes, &c.data.corrupt}, kImageModel);
  c.options.applies_when(false, augmentation_options(t.augment), kImageModel);
  c.options.applies_when(false, {&t.cuda_graph}, kImageModel);
  if (!c.options.given(&t.epochs)) t.epochs = 3;
  if (!c.options.given(&t.batch_size)) t.batch_size = 8;
  if (!c.options.given(&t.label_smoothing)) t.label_smoothing = 0;
}

bool has_conv1d(nn::Module& model) {
  bool found = false;
  nn::for_each_module(model, [&](const std::string&, nn::Module& module) {
    found |= dynamic_cast<nn::Conv1D*>(&module) != nullptr;
  });
  return found;
}

void attach(const TextCommand& c, MethodSettings& s, TextRun& run) {
  nn::LanguageModel& model = run.model();
  const Method& method = method_of(s);
  run.label = method.label;
  if (method.config == nullptr) {
    check<UsageError>(method.trains_backbone, "--method ", s.method,
                      ": a language model has no classifier to train alone");
    return nn::set_trainable(model, true);
  }
  if (!c.options.given(&s.target_modules))
    s.target_modules = default_targets(model, s.target_modules);
  if (!c.options.given(&s.modules_to_save)) s.modules_to_save.clear();
  boft::AdapterConfig config = adapter_config(s, run.folder, model.shape().num_hidden_layers);
  std::visit(
      [&](auto& a) {
        if constexpr (requires { a.fan_in_fan_out; }) a.fan_in_fan_out = has_conv1d(model);
      },
      config);
  run.loaded.adapters = std::make_unique<boft::AdapterModel>(model);
  warn(c.options, run.loaded.adapters->add_adapter("default", config));
  run.label = boft::label(config);
}

}  // namespace

int finetune_text(const TextCommand& c, RunSettings& settings, MethodSettings& method,
                  const std::string& folder) {
  const Device device = device_of(c.common);
  settle(c, settings.training);
  c.options.applies_when(false, {&method.drop_path}, kImageModel);
  check_training_options(c.options, settings.training, device);
  set_threads(c.common);
  manual_seed(uint64_t(settings.training.seed));
  LoadedLanguageModel loaded = load_language_model(folder);
  warn(c.options, loaded.warnings);
  loaded.to(device);
  TextRun run{c, settings, loaded, folder, method.method, {}, {}, {}, {}, {}, {}};
  run.parts = text_parts(c, *loaded.model, *loaded.tokenizer);
  attach(c, method, run);
  return run_text(run, str(run.parts.train->size(), " sequences of at most ", c.text.length,
                           " tokens to train\n", nn::trainable_parameters_line(*loaded.model)));
}

int evaluate_text(const TextCommand& c, const std::string& model, const std::string& adapter,
                  bool ignore_unused, const std::string& part) {
  const Device device = device_of(c.common);
  set_threads(c.common);
  LoadedLanguageModel loaded = load_language_model(model, adapter, ignore_unused);
  warn(c.options, loaded.warnings);
  loaded.to(device);
  const TrainingData parts = text_parts(c, *loaded.model, *loaded.tokenizer);
  const nn::Batches data = part == "train"        ? parts.train
                           : part == "validation" ? parts.validation
                           : part == "test"       ? parts.test
                                                  : nullptr;
  check<UsageError>(part != "all", "--split all: of a text the parts are evaluated one by one");
  check<UsageError>(data != nullptr, "the data have no ", part, " part");
  const nn::TextEvaluation e = evaluated(*loaded.model, *loaded.tokenizer, data, parts);
  if (c.common.json) {
    nlohmann::json result{{"command", "evaluate"},
                          {"device", str(device)},
                          {"model", model},
                          {"adapter", adapter.empty() ? nlohmann::json() : nlohmann::json(adapter)},
                          {"data", c.data.path},
                          {"split", part},
                          {"sequences", e.sequences}};
    add_to_json(result, "", e);
    print_json(result);
  } else {
    std::printf("%s: %s\n", part.c_str(), text_of(e).c_str());
  }
  return 0;
}

}  // namespace papilio::cli
