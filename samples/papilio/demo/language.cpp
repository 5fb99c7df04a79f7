#include "samples/papilio/demo/language.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "boft/methods/boft.h"
#include "boft/methods/hra.h"
#include "boft/methods/lora.h"
#include "boft/methods/methods.h"
#include "boft/methods/oft.h"
#include "boft/model/model.h"
#include "nn/data/batch_source.h"
#include "nn/data/loader.h"
#include "nn/data/sources/text.h"
#include "nn/data/text_batches.h"
#include "nn/models/gpt2.h"
#include "nn/models/language_model.h"
#include "nn/models/pretrained.h"
#include "nn/optim/optimizer.h"
#include "nn/optim/parameter_groups.h"
#include "nn/text/generate.h"
#include "nn/text/tokenizer.h"
#include "nn/text/tokenizer_files.h"
#include "nn/text/train_bpe.h"
#include "nn/text/utf8.h"
#include "nn/train/fit.h"
#include "nn/train/progress.h"
#include "samples/papilio/data/texts.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/run/interrupt.h"
#include "tensor/files/atomic_file.h"
#include "tensor/random.h"

namespace papilio::demo {

namespace fs = std::filesystem;

namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kContext = 64, kVocabulary = 768, kWidth = 96, kLayers = 4, kHeads = 4;
constexpr int64_t kBatch = 16, kPretrainEpochs = 6, kAdaptSteps = 120, kMeasures = 3;
constexpr double kPretrainRate = 2e-3;
constexpr const char* kPrompt = "And it came to pass";

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// An author's text in parts; of the old one little is held out.
struct Author {
  nn::Batches train, validation, test;
};

Author author(const fs::path& file, const nn::Tokenizer& tokenizer) {
  const nn::TextSplits text =
      nn::open_text(file, tokenizer,
                    {.length = kContext, .shares = {.validation = 0.06, .test = 0.06, .seed = 0}});
  return {nn::text_batches(text.train), nn::text_batches(text.validation),
          nn::text_batches(text.test)};
}

nn::TextEvaluation measured(nn::LanguageModel& model, const nn::Batches& part,
                            const nn::Tokenizer& tokenizer) {
  nn::Loader loader(part, {.batch_size = 32, .epochs = 1, .shuffle = false});
  return nn::evaluate_text(model, loader, tokenizer);
}

// What trains beside nothing, and the rates that it is tried with.
struct Way {
  const char *name, *label;
  std::optional<boft::AdapterConfig> adapter = {};
  std::vector<double> rates = {};
};

std::vector<Way> ways() {
  boft::BoftConfig boft{.boft_block_size = 4, .boft_n_butterfly_factor = 2};
  boft::OftConfig oft{.oft_block_size = 8};
  oft.use_cayley_neumann = false;
  boft::HraConfig hra{.r = 8};
  boft::LoraConfig lora{.r = 4, .lora_alpha = 8};
  boft.target_modules = oft.target_modules = hra.target_modules =
      lora.target_modules = {"c_attn", "c_proj", "c_fc"};
  boft.fan_in_fan_out = oft.fan_in_fan_out = lora.fan_in_fan_out = true;
  return {{.name = "boft", .label = "BOFT b=4 m=2", .adapter = boft, .rates = {3e-3, 1e-2, 3e-2}},
          {.name = "oft", .label = "OFT b=8", .adapter = oft, .rates = {3e-3, 1e-2, 3e-2}},
          {.name = "hra", .label = "HRA r=8", .adapter = hra, .rates = {1e-2, 3e-2, 1e-1}},
          {.name = "lora", .label = "LoRA r=4", .adapter = lora, .rates = {3e-3, 1e-2, 3e-2}},
          {.name = "full", .label = "full finetuning", .rates = {3e-4, 1e-3, 3e-3}}};
}

// Trains with a cosine schedule; `on_step` as in fit.
void train(nn::LanguageModel& model, const nn::Batches& data, int64_t steps, double lr,
           uint64_t seed, const std::function<bool(const nn::StepReport&)>& on_step) {
  nn::Loader loader(data, {.batch_size = kBatch, .seed = seed});
  nn::AdamW optimizer(nn::parameter_groups(model, {.weight_decay = 0.01}), {.lr = lr});
  nn::fit(model, [&](const nn::Batch& batch) { return nn::text_loss(model, batch); }, loader,
          optimizer,
          {.steps = steps,
           .schedule = {.warmup_steps = steps / 20, .total_steps = steps},
           .on_step = on_step});
}

// The demonstration's parts, which its steps share.
class Demonstration {
 public:
  Demonstration(const DemoOptions& options, LanguageResults& results)
      : options_(options), results_(results), out_(options.quiet ? nullptr : stderr) {
    fs::create_directories(options.out);
    const std::string austen = cli::austen_text(), genesis = cli::genesis_text();
    write_file_atomically(options.out / "austen.txt", austen);
    write_file_atomically(options.out / "genesis.txt", genesis);
    const std::string_view texts[] = {austen, genesis};
    tokenizer_ =
        std::make_unique<nn::Tokenizer>(nn::train_tokenizer(texts, {.vocab_size = kVocabulary}));
    old_ = author(options.out / "austen.txt", *tokenizer_);
    new_ = author(options.out / "genesis.txt", *tokenizer_);
    results_.vocabulary = tokenizer_->size();
    results_.prompt = kPrompt;
  }

  void pretrain() {
    manual_seed(options_.seed);
    nn::GPT2LMHeadModel model({.vocab_size = tokenizer_->size(),
                               .n_positions = kContext,
                               .n_embd = kWidth,
                               .n_layer = kLayers,
                               .n_head = kHeads,
                               .resid_pdrop = 0.05,
                               .embd_pdrop = 0.05,
                               .attn_pdrop = 0.05,
                               .eos_token_id = {*tokenizer_->roles().eos}});
    nn::to(model, options_.device);
    results_.parameters = nn::count_parameters(model).all;
    const int64_t epoch = (old_.train->size() + kBatch - 1) / kBatch;
    results_.pretrain_steps = options_.quick ? 4 : kPretrainEpochs * epoch;
    const auto begin = Clock::now();
    nn::Progress progress(out_, "pretrain on Austen", results_.pretrain_steps);
    progress.set_unit("sequences");
    train(model, old_.train, results_.pretrain_steps, kPretrainRate, options_.seed,
          [&](const nn::StepReport& r) { return show(progress, r); });
    progress.finish();
    results_.pretrain_seconds = seconds_since(begin);
    results_.base = point(model, 0);
    results_.base_sample = sample(model);
    nn::save_pretrained(model, base_folder());
    nn::save_tokenizer(*tokenizer_, base_folder());
  }

  void adapt() {
    results_.adapt_steps = options_.quick ? 3 : kAdaptSteps;
    for (const Way& way : ways()) {
      for (const double lr : way.rates) {
        if (options_.quick && lr != way.rates.back()) continue;
        if (cli::Interruptible::signal() != 0) return;
        LanguageRun run = adapted(way, lr);
        if (!run.points.empty() && run.points.back().steps == results_.adapt_steps)
          results_.runs.push_back(std::move(run));
      }
    }
  }

 private:
  fs::path base_folder() const { return options_.out / "base"; }

  static bool show(nn::Progress& progress, const nn::StepReport& r) {
    progress.update(r.step, r.samples, "loss " + cli::short_number(r.loss));
    return cli::Interruptible::signal() == 0;
  }

  LanguagePoint point(nn::LanguageModel& model, int64_t steps) const {
    return {steps, measured(model, new_.test, *tokenizer_),
            measured(model, old_.test, *tokenizer_)};
  }

  std::string sample(nn::LanguageModel& model) const {
    const nn::Generation more = nn::generate(model, tokenizer_->encode(kPrompt),
                                             {.max_new_tokens = 45,
                                              .temperature = 0.7,
                                              .top_p = 0.9,
                                              .seed = options_.seed,
                                              .eos_token_ids = model.eos_token_ids(),
                                              .known_tokens = tokenizer_->size()});
    return nn::valid_utf8(tokenizer_->decode(more.ids, true));
  }

  LanguageRun adapted(const Way& way, double lr) {
    const auto model = nn::language_model_from_pretrained(base_folder()).model;
    nn::to(*model, options_.device);
    manual_seed(options_.seed);
    LanguageRun run;
    run.method = way.name, run.label = way.label, run.lr = lr;
    std::unique_ptr<boft::AdapterModel> adapters;
    if (way.adapter) {
      adapters = std::make_unique<boft::AdapterModel>(*model);
      adapters->add_adapter("default", *way.adapter);
    } else {
      nn::set_trainable(*model, true);
    }
    run.trainable = nn::count_parameters(*model).trainable;
    const int64_t steps = results_.adapt_steps, every = std::max<int64_t>(1, steps / kMeasures);
    nn::Progress progress(out_, str(way.label, ", rate ", cli::short_number(lr)), steps);
    progress.set_unit("sequences");
    train(*model, new_.train, steps, lr, options_.seed, [&](const nn::StepReport& r) {
      if (r.step % every == 0) run.points.push_back(point(*model, r.step));
      nn::train(*model);
      return show(progress, r);
    });
    run.validation = measured(*model, new_.validation, *tokenizer_).loss;
    run.sample = sample(*model);
    return run;
  }

  const DemoOptions& options_;
  LanguageResults& results_;
  std::FILE* out_;
  std::unique_ptr<nn::Tokenizer> tokenizer_;
  Author old_, new_;
};

}  // namespace

LanguageResults language_results(const DemoOptions& options) {
  const auto begin = Clock::now();
  LanguageResults results;
  Demonstration demonstration(options, results);
  demonstration.pretrain();
  demonstration.adapt();
  results.seconds = seconds_since(begin);
  return results;
}

}  // namespace papilio::demo
