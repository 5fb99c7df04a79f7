#include "samples/papilio/run/text_run.h"

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "autograd/anomaly.h"
#include "autograd/autocast.h"
#include "autograd/grad_mode.h"
#include "autograd/ops/to.h"
#include "boft/files/checkpoint.h"
#include "nn/models/pretrained.h"
#include "samples/papilio/run/ranks.h"
#include "samples/papilio/run/report_adapter.h"
#include "samples/papilio/run/report_page.h"
#include "samples/papilio/run/report_training.h"
#include "samples/papilio/run/run_results.h"
#include "samples/papilio/run/table.h"
#include "samples/papilio/run/text_result.h"
#include "samples/papilio/run/training.h"
#include "tensor/creation.h"

namespace papilio::cli {

namespace fs = std::filesystem;

namespace {

// What the model was before, and what came of it.
struct Findings {
  std::optional<nn::TextEvaluation> before, after;
  std::string sample_before, sample_after;
};

TrainingJob text_job(const TextRun& run) {
  nn::LanguageModel& model = *run.loaded.model;
  const nn::Tokenizer& tokenizer = *run.loaded.tokenizer;
  return {.model = model,
          .fit =
              [&model, precision = training_precision(run.settings.training)](
                  nn::Loader& loader, nn::Optimizer& optimizer, nn::FitOptions options) {
                const double smoothing = std::exchange(options.label_smoothing, 0);
                const nn::Loss loss = [&model, smoothing, precision](const nn::Batch& batch) {
                  const Autocast scope(precision);
                  return nn::text_loss(model, batch, smoothing);
                };
                nn::fit(model, loss, loader, optimizer, options);
              },
          .evaluate =
              [&model, &tokenizer](nn::Loader& loader) {
                const nn::TextEvaluation e = nn::evaluate_text(model, loader, tokenizer);
                nn::Evaluation result;
                result.loss = e.loss, result.accuracy = e.accuracy, result.counted = e.tokens;
                return result;
              },
          .operations = {},
          .data = run.parts,
          .out = run.settings.out,
          .title = run.title,
          .samples = "sequences",
          .settings = run.command.options.toml()};
}

void save(const TextRun& run, const fs::path& out) {
  if (run.loaded.adapters != nullptr) {
    boft::save_adapter(*run.loaded.adapters, out);
    return;
  }
  nn::save_pretrained(*run.loaded.model, out);
  run.save_tokenizer(out);
}

void write_text_report(const TextRun& run, const TrainingEnd& end, const Findings& found) {
  const TextCommand& c = run.command;
  const fs::path out = run.settings.out;
  write_report_or_warn(c.options, out / "report.html", [&](report::RunReport& page) {
    page.title = run.report_title;
    page.subject = run.report_subject;
    const auto& [before, after, sample_before, sample_after] = found;
    if (before && after)
      page.subject +=
          str(" On the test part its perplexity was ", short_number(before->perplexity(), 4),
              " and is ", short_number(after->perplexity(), 4), " (",
              short_number(before->bits_per_byte(), 4), " and ",
              short_number(after->bits_per_byte(), 4), " bits a byte).");
    else if (after)
      page.subject +=
          str(" On the test part its perplexity is ", short_number(after->perplexity(), 4), " (",
              short_number(after->bits_per_byte(), 4), " bits a byte).");
    nn::LanguageModel& model = *run.loaded.model;
    const nn::ParameterCount count = nn::count_parameters(model);
    page.samples = "sequences";
    page.parameters = count.all, page.trainable = count.trainable;
    if (after) page.loss = after->loss, page.part = "test";
    const nn::LanguageModel::Shape s = model.shape();
    report_command(
        page, c.options, c.words,
        str("Model: ", s.model_type, ", ", s.num_hidden_layers, " layers, width ", s.hidden_size,
            ", ", s.num_attention_heads, " heads, MLP width ", s.intermediate_size, ", ",
            s.vocab_size, " tokens, ", s.max_positions, " positions."),
        str("Data: ", c.data.path, "; ", run.parts.train->size(), " sequences to train of at most ",
            c.text.length, " tokens."));
    page.texts = {{"before", sample_before}, {"after", sample_after}};
    report_training(page, out, end);
    report_adapter(page, run.loaded.adapters.get());
  });
}

nlohmann::json results_of(const TextRun& run, const TrainingEnd& end, const Findings& found) {
  nlohmann::json results = run_results(run.command.options, run.settings, *run.loaded.model,
                                       run.loaded.adapters.get(), end);
  results["sample_before"] = found.sample_before;
  results["sample_after"] = found.sample_after;
  run.add_to_json(results);
  if (run.compares) add_to_json(results, "before_", found.before);
  add_to_json(results, "test_", found.after);
  return results;
}

void print_run(const TextRun& run, const TrainingEnd& end, const Findings& found,
               const nlohmann::json& results) {
  const RunSettings& s = run.settings;
  if (s.common.json) {
    print_json(results);
  } else if (end.succeeded()) {
    if (found.before) std::printf("test before: %s\n", text_of(*found.before).c_str());
    if (found.after) std::printf("test: %s\n", text_of(*found.after).c_str());
    std::printf("%s: %s\n", s.out.c_str(), written_in(s.out).c_str());
  }
}

}  // namespace

int run_text(const TextRun& run) {
  const TextCommand& c = run.command;
  const RunSettings& s = run.settings;
  nn::LanguageModel& model = *run.loaded.model;
  const nn::Tokenizer& tokenizer = *run.loaded.tokenizer;
  if (s.training.resume) resume_products(c.options, c.common, s.out);
  // Settings that run.toml cannot hold are refused before anything is made.
  static_cast<void>(c.options.toml());
  const std::optional<RunLock> lock = first_rank_prepares(
      s, run.loaded.adapters != nullptr ? ResultKind::adapter : ResultKind::model);
  if (!s.common.json) {
    std::printf("%s\n", run.intro.c_str());
    std::fflush(stdout);
  }
  const nn::Batches& test = run.parts.test;
  const nn::BatchSource& shown = test != nullptr ? *test : *run.parts.train;
  Findings found;
  found.sample_before = sample_text(model, tokenizer, shown);
  if (test != nullptr && run.compares && is_first_rank())
    found.before = evaluated(model, tokenizer, test, run.parts);
  const TrainingJob job = text_job(run);
  const TrainingEnd end = train_and_save(
      job, s, c.options, lock,
      {.save = [&](const fs::path& out) { save(run, out); },
       .gives_numbers =
           [&] {
             const NoGrad no_grad;
             return all_finite(
                 model(to(zeros({1, 1}, {.dtype = DType::int64}), nn::device_of(model))));
           },
       .adapters = run.loaded.adapters.get()});
  if (!is_first_rank()) return 0;
  if (end.succeeded()) {
    found.sample_after = sample_text(model, tokenizer, shown);
    if (test != nullptr) found.after = evaluated(model, tokenizer, test, run.parts);
  }
  const nlohmann::json results = results_of(run, end, found);
  if (end.weights == Weights::saved) {
    write_results_or_warn(c.options, s.out, results);
    write_text_report(run, end, found);
  }
  print_run(run, end, found, results);
  return report_end(c.options, end, s.out);
}

void show_text_defaults(Options& options, const TrainingSettings& t, const TextDefaults& d) {
  const auto show = [&](const auto& variable, const std::string& of_text) {
    options.option(&variable).default_is(str(variable, "; of text ", of_text));
  };
  show(t.epochs, str(d.epochs));
  show(t.batch_size, str(d.batch_size));
  show(t.label_smoothing, "0");
}

void settle_text_training(const TextCommand& c, TrainingSettings& t, const TextDefaults& d) {
  c.options.applies_when(false, {&c.data.classes, &c.data.corrupt}, kImageModel);
  c.options.applies_when(false, augmentation_options(t.augment), kImageModel);
  c.options.applies_when(false, {&t.cuda_graph, &t.memory, &t.fit_memory}, kImageModel);
  if (!c.options.given(&t.epochs)) t.epochs = d.epochs;
  if (!c.options.given(&t.batch_size)) t.batch_size = d.batch_size;
  if (!c.options.given(&t.label_smoothing)) t.label_smoothing = 0;
}

}  // namespace papilio::cli
