#include "samples/papilio/options/diffusion_options.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "samples/papilio/options/options.h"
#include "samples/papilio/options/rank_options.h"
#include "samples/papilio/options/text_options.h"
#include "tensor/text.h"

namespace papilio::cli {

namespace {

// What an option of these methods is if it is not given: "8", or "boft 0.1, else 0".
template <class T>
std::string default_in_pipeline(T PipelineDefaults::*option, bool (*has)(const Method&)) {
  const std::string usual = str(PipelineDefaults{}.*option);
  std::vector<std::string> texts;
  std::set<std::string> values;
  for (const Method& method : all_methods()) {
    if (!has(method)) continue;
    const std::string own = str(method.in_pipeline.*option);
    values.insert(own);
    if (own != usual) texts.push_back(str(method.name, ' ', own));
  }
  if (values.size() == 1) return *values.begin();
  texts.push_back("else " + usual);
  return joined(texts, ", ");
}

template <auto field>
bool has(const Method& method) {
  return std::ranges::count(method.options, Method::Field(field)) > 0;
}

}  // namespace

void add_diffusion_training(Options& options, DiffusionSettings& s, TrainingSettings& t) {
  options.section("Training");
  options.add("max-train-steps", &s.steps, "N", "steps of the optimiser").range(1, 1e9);
  add_batch_options(options, t);
  add_rate_options(options, t);
  options.flag("use-8bit-adam", t.use_8bit_adam,
               "AdamW's moments in 8 bits, as bitsandbytes has them: a quarter of their memory");
  add_memory_limit(options, t);
  add_fit_memory(options, t);
  options
      .add("snr-gamma", &s.snr_gamma, "G",
           "weigh each timestep's error by min(SNR, G) / SNR (arXiv 2303.09556); 0: all alike")
      .range(0);
  add_rank_options(options, t);
  add_checkpoint_options(options, t);
}

void settle_diffusion_training(Options& options, const TrainingSettings& t) {
  settle_rank_options(options, t);
  options.name_if_given({&t.use_8bit_adam});
}

void add_diffusion_method(Options& options, DiffusionMethod& s, const std::string& targets,
                          const TrainingSettings& training, bool (*takes)(const Method&)) {
  s.target_modules = targets;
  s.modules_to_save.clear();
  s.factors = 1;
  add_method_options(options, s);
  limit_methods(options, s, takes);
  for (const Options::Handle no_pipeline_has :
       {Options::Handle(&s.layers_to_transform), Options::Handle(&s.drop_path)})
    options.option(no_pipeline_has).help.clear();
  options.option(&s.target_modules).default_is(targets);
  options.option(&s.block_num)
      .default_is(
          default_in_pipeline(&PipelineDefaults::block_num, has<&MethodSettings::block_num>) +
          ", if --block-size is not given");
  options.option(&s.block_size).default_is("by --block-num");
  options.option(&s.dropout)
      .default_is(default_in_pipeline(&PipelineDefaults::dropout, has<&MethodSettings::dropout>));
  options.option(&s.bias).default_is(default_in_pipeline(
      &PipelineDefaults::bias, [](const Method& method) { return method.config != nullptr; }));
  for (const Method& method : all_methods()) {
    if (method.trains_backbone && takes(method))
      options.option(&training.lr)
          .default_is(str(training.lr, ", ", method.name, ' ', training.lr / 6));
  }
  options.flag("train-text-encoder", s.train_text_encoder,
               "adapt the text encoder too, by the same method");
  options.add("text-encoder-target-modules", &s.text_encoder_targets, "NAMES",
              "layers of the text encoder to adapt");
}

void settle_diffusion_method(Options& options, DiffusionMethod& s, TrainingSettings& training) {
  settle_diffusion_training(options, training);
  const Method& method = method_of(s);
  const auto& [block_num, dropout, bias] = method.in_pipeline;
  if (!options.given(&s.block_size) && !options.given(&s.block_num)) s.block_num = block_num;
  if (!options.given(&s.dropout)) s.dropout = dropout;
  if (!options.given(&s.bias)) s.bias = bias;
  settle_method_options(options, s);
  options.applies_when(false, {&s.layers_to_transform, &s.drop_path}, kImageModel);
  options.applies_when(s.train_text_encoder && method.config != nullptr, {&s.text_encoder_targets},
                       "--train-text-encoder and an adapter");
  if (method.trains_backbone && !options.given(&training.lr)) training.lr /= 6;
}

}  // namespace papilio::cli
