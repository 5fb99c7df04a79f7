#include "samples/papilio/text/text_run.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "autograd/anomaly.h"
#include "autograd/grad_mode.h"
#include "autograd/ops/to.h"
#include "boft/files/checkpoint.h"
#include "nn/data/loader.h"
#include "nn/models/language_model.h"
#include "nn/models/pretrained.h"
#include "nn/text/tokenizer.h"
#include "nn/train/fit.h"
#include "samples/papilio/data/training_data.h"
#include "samples/papilio/models/model_lines.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/training_options.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/report/report_page.h"
#include "samples/papilio/run/optimization.h"
#include "samples/papilio/run/ranks.h"
#include "samples/papilio/run/training.h"
#include "samples/papilio/run/training_end.h"
#include "samples/papilio/text/text_memory.h"
#include "samples/papilio/text/text_result.h"
#include "samples/papilio/text/token_loss.h"
#include "samples/report/pages/run_report.h"
#include "tensor/creation.h"

namespace papilio::cli {

std::string TextRun::sample() const {
  const TrainingData& parts = subject_.parts;
  return sample_text(*subject_.loaded.model, *subject_.loaded.tokenizer,
                     parts.test != nullptr ? *parts.test : *parts.train);
}

std::optional<nn::TextEvaluation> TextRun::test() const {
  const TrainingData& parts = subject_.parts;
  if (parts.test == nullptr) return std::nullopt;
  return evaluated(*subject_.loaded.model, *subject_.loaded.tokenizer, parts.test, parts);
}

std::string TextRun::settle() {
  TrainingData& parts = subject_.parts;
  RunSettings& s = settings();
  const MemoryQuestion question =
      memory_question(*subject_.loaded.model,
                      {.length = parts.sequence_length,
                       .validates = parts.validation != nullptr || parts.test != nullptr,
                       .workers = parts.workers},
                      s.training);
  memory_ = settle_memory(options(), question, s.training, s.out);
  parts.evaluation_batch = s.training.batch_size;
  return plan_line(question.what, s.training, memory_);
}

void TextRun::before_training() {
  sample_before_ = sample();
  if (subject_.compares && is_first_rank()) before_ = test();
}

TrainingJob TextRun::job() {
  nn::LanguageModel& model = *subject_.loaded.model;
  const nn::Tokenizer& tokenizer = *subject_.loaded.tokenizer;
  const TrainingSettings& s = settings().training;
  return {.model = model,
          .fit = fit_by_loss(model, s, token_loss(model, s)),
          .evaluate =
              [&model, &tokenizer](nn::Loader& loader) {
                nn::Evaluation result;
                // Ranks add them up in their order.
                std::vector<double>* const losses = ranks().size() > 1 ? &result.losses : nullptr;
                const nn::TextEvaluation e = nn::evaluate_text(model, loader, tokenizer, losses);
                result.loss = e.loss, result.accuracy = e.accuracy, result.counted = e.tokens;
                return result;
              },
          .operations = {},
          .data = subject_.parts,
          .samples = "sequences",
          .model_lines = model_lines(model) + tokenizer_lines(tokenizer)};
}

void TextRun::save(const std::filesystem::path& out) {
  if (adapters() != nullptr) {
    boft::save_adapter(*subject_.loaded.adapters, out);
    return;
  }
  nn::save_pretrained(*subject_.loaded.model, out);
  subject_.save_tokenizer(out);
}

bool TextRun::gives_numbers() {
  const NoGrad no_grad;
  nn::LanguageModel& model = *subject_.loaded.model;
  return all_finite(model(to(zeros({1, 1}, {.dtype = DType::int64}), nn::device_of(model))));
}

void TextRun::evaluate() {
  sample_after_ = sample();
  after_ = test();
}

void TextRun::add_results(nlohmann::json& results) {
  results["sample_before"] = sample_before_;
  results["sample_after"] = sample_after_;
  if (subject_.compares) add_to_json(results, "before_", before_);
  add_to_json(results, "test_", after_);
  results["memory_plan"] = memory_.json();
}

void TextRun::fill_report(report::RunReport& page, const TrainingEnd&) {
  const auto figures = [](const nn::TextEvaluation& e) {
    return std::pair(short_number(e.perplexity(), 4), short_number(e.bits_per_byte(), 4));
  };
  if (after_) {
    const auto [perplexity, bits] = figures(*after_);
    if (before_) {
      const auto [perplexity_before, bits_before] = figures(*before_);
      page.subject += str(" On the test part its perplexity was ", perplexity_before, " and is ",
                          perplexity, " (", bits_before, " and ", bits, " bits a byte).");
    } else {
      page.subject +=
          str(" On the test part its perplexity is ", perplexity, " (", bits, " bits a byte).");
    }
    page.loss = after_->loss, page.part = "test";
  }
  page.samples = "sequences";
  page.training_is_harder = false;
  const nn::LanguageModel::Shape s = subject_.loaded.model->shape();
  report_command(
      page, options(), words(),
      str("Model: ", s.model_type, ", ", s.num_hidden_layers, " layers, width ", s.hidden_size,
          ", ", s.num_attention_heads, " heads, MLP width ", s.intermediate_size, ", ",
          s.vocab_size, " tokens, ", s.max_positions, " positions."),
      str("Data: ", settings().data.path, "; ", subject_.parts.train->size(),
          " sequences to train of at most ", subject_.length, " tokens."));
  page.texts = {{"before", sample_before_}, {"after", sample_after_}};
}

std::string TextRun::summary() {
  std::string lines;
  if (before_) lines += "test before: " + text_of(*before_) + '\n';
  if (after_) lines += "test: " + text_of(*after_) + '\n';
  return lines;
}

void show_text_defaults(Options& options, const TrainingSettings& t, const TextDefaults& d) {
  const auto show = [&](const auto& variable, const std::string& of_text) {
    options.option(&variable).default_is(str(variable, "; of text ", of_text));
  };
  show(t.epochs, str(d.epochs));
  show(t.batch_size, str(d.batch_size));
  show(t.label_smoothing, "0");
}

void settle_text_training(const TextCommand& c, TrainingSettings& t, const TextDefaults& d,
                          const std::vector<std::string>& folders) {
  c.options.applies_when(false, {&c.data.classes, &c.data.corrupt}, kImageModel);
  c.options.applies_when(false, augmentation_options(t.augment), kImageModel);
  c.options.applies_when(false, {&t.cuda_graph}, kImageModel);
  if (!c.options.given(&t.epochs)) t.epochs = d.epochs;
  if (!c.options.given(&t.batch_size)) t.batch_size = d.batch_size;
  if (!c.options.given(&t.label_smoothing)) t.label_smoothing = 0;
  check_training_options(c.options, t, device_of(c.common));
  check_text_options(c, folders);
  set_threads(c.common);
}

}  // namespace papilio::cli
