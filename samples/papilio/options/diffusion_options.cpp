#include "samples/papilio/options/diffusion_options.h"

#include <algorithm>
#include <string>
#include <vector>

#include "samples/papilio/options/rank_options.h"
#include "samples/papilio/options/text_options.h"
#include "tensor/text.h"

namespace papilio::cli {

void add_diffusion_training(Options& options, DiffusionSettings& s, TrainingSettings& t) {
  options.section("Training");
  options.add("max-train-steps", &s.steps, "N", "steps of the optimiser").range(1, 1e9);
  add_batch_options(options, t);
  add_rate_options(options, t);
  options
      .add("snr-gamma", &s.snr_gamma, "G",
           "weigh each timestep's error by min(SNR, G) / SNR (arXiv 2303.09556); 0: all alike")
      .range(0);
  add_rank_options(options, t);
  add_checkpoint_options(options, t);
}

namespace {

// --method takes, and --help names, these alone.
void limit_methods(Options& options, const MethodSettings& m, bool (*takes)(const Method&)) {
  Option& option = options.option(&m.method);
  std::vector<std::string> names, says;
  for (const std::string& name : option.allowed) {
    MethodSettings one;
    one.method = name;
    const Method& method = method_of(one);
    if (!takes(method)) continue;
    names.push_back(name);
    says.push_back(*method.summary == '\0' ? name : name + ": " + method.summary);
  }
  option.choices(names).help = joined(says, "; ");
}

}  // namespace

void add_diffusion_method(Options& options, DiffusionMethod& s, const std::string& targets,
                          const TrainingSettings& training, bool (*takes)(const Method&)) {
  MethodSettings& m = s.method;
  m.target_modules = targets;
  m.modules_to_save.clear();
  m.factors = 1;
  m.dropout = 0.1;
  add_method_options(options, m);
  limit_methods(options, m, takes);
  for (const Options::Handle no_pipeline_has :
       {Options::Handle(&m.layers_to_transform), Options::Handle(&m.drop_path)})
    options.option(no_pipeline_has).help.clear();
  options.option(&m.target_modules).default_is(targets);
  options.option(&m.block_num).default_is("8, if --block-size is not given");
  options.option(&m.block_size).default_is("by --block-num");
  options.option(&m.dropout).default_is("boft 0.1, else 0");
  options.option(&m.bias).default_is("boft: boft_only, else none");
  if (std::ranges::count(options.option(&m.method).allowed, "full") > 0)
    options.option(&training.lr).default_is(str(training.lr, ", full ", training.lr / 6));
  options.flag("train-text-encoder", s.train_text_encoder,
               "adapt the text encoder too, by the same method");
  options.add("text-encoder-target-modules", &s.text_encoder_targets, "NAMES",
              "layers of the text encoder to adapt");
}

bool adapts_pipeline(const Method& method) {
  return method.config != nullptr || method.trains_backbone;
}

void settle_diffusion_method(Options& options, DiffusionMethod& s, TrainingSettings& training) {
  settle_rank_options(options, training);
  MethodSettings& m = s.method;
  const Method& method = method_of(m);
  const bool boft = m.method == "boft";
  if ((boft || m.method == "oft") && !options.given(&m.block_size) && !options.given(&m.block_num))
    m.block_num = 8;
  if (!boft && !options.given(&m.dropout)) m.dropout = 0;
  if (boft && !options.given(&m.bias)) m.bias = "boft_only";
  settle_method_options(options, m);
  options.applies_when(false, {&m.layers_to_transform, &m.drop_path}, kImageModel);
  options.applies_when(s.train_text_encoder && method.config != nullptr, {&s.text_encoder_targets},
                       "--train-text-encoder and an adapter");
  if (method.trains_backbone && !options.given(&training.lr)) training.lr /= 6;
}

}  // namespace papilio::cli
