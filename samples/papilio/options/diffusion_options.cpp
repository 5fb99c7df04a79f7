#include "samples/papilio/options/diffusion_options.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "samples/papilio/options/option.h"
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

// The prompt's first.
std::vector<Options::Handle> validation_options(const ValidationSettings& s, bool steered) {
  std::vector<Options::Handle> all{&s.prompts, &s.steps, &s.pictures, &s.inference_steps, &s.seed};
  if (steered) all.emplace_back(&s.images);
  return all;
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
  add_recompute(options, t);
  options
      .flag("gradient-checkpointing", s.gradient_checkpointing,
            "what the guides call --recompute blocks")
      .line_only();
  add_rate_options(options, t);
  options.flag("use-8bit-adam", t.use_8bit_adam,
               "AdamW's moments in 8 bits, as bitsandbytes has them: a quarter of their memory");
  options
      .flag("scale-lr", s.scale_lr,
            "--lr is that of one sample: times --batch-size (of all processes) and --accumulate it "
            "is the rate, which run.toml has")
      .line_only();
  add_memory_limit(options, t);
  add_fit_memory(options, t, ", and compute blocks again (--recompute) if that is not enough");
  options
      .add("snr-gamma", &s.snr_gamma, "G",
           "weigh each timestep's error by min(SNR, G) / SNR (arXiv 2303.09556); 0: all alike")
      .range(0);
  add_rank_options(options, t);
  add_checkpoint_options(options, t);
  options.flag("push-to-hub", s.push_to_hub, "").line_only();
}

void settle_diffusion_training(Options& options, DiffusionSettings& s, TrainingSettings& t) {
  settle_rank_options(options, t);
  options.name_if_given({&t.use_8bit_adam});
  check<UsageError>(!s.push_to_hub,
                    "--push-to-hub: nothing here talks to a network; huggingface-cli upload REPO "
                    "OUT sends the run's folder when it is done");
  if (s.gradient_checkpointing) {
    check<UsageError>(
        options.origin(&t.recompute) != Options::Origin::line || t.recompute == "blocks",
        "--gradient-checkpointing: is --recompute blocks, and the line has "
        "--recompute ",
        t.recompute);
    t.recompute = "blocks";
  }
  if (s.scale_lr) {
    check<UsageError>(options.origin(&t.lr) != Options::Origin::file,
                      "--scale-lr: the rate of run.toml is that of a step already; give --lr, that "
                      "of a sample");
    s.lr_samples = t.batch_size * t.accumulate;
    t.lr *= double(s.lr_samples);
  }
}

void know_guides_names(Options& options) {
  options.know_other_names(
      {{"--pretrained_model_name_or_path", "here the first word, a folder"},
       {"--output_dir", "here --out"},
       {"--train_batch_size", "here --batch-size"},
       {"--gradient_accumulation_steps", "here --accumulate"},
       {"--learning_rate", "here --lr"},
       {"--lr_scheduler", "here --schedule"},
       {"--lr_warmup_steps", "here --warmup, a share of the steps"},
       {"--checkpointing_steps", "here --checkpoint-steps"},
       {"--resume_from_checkpoint", "here --resume"},
       {"--num_dataloader_workers", "here --workers"},
       {"--dataloader_num_workers", "here --workers"},
       {"--mixed_precision", "here --precision"},
       {"--adam_weight_decay", "here --weight-decay"},
       {"--max_grad_norm", "here --clip"},
       {"--dataset_name", "here --data, a folder with metadata.jsonl"},
       {"--controlnet_model_name_or_path", "here --controlnet"},
       {"--proportion_empty_prompts", "here --caption-dropout"},
       {"--use_boft", "here --method boft"},
       {"--use_oft", "here --method oft"},
       {"--use_lora", "here --method lora"},
       {"--boft_block_num", "here -n"},
       {"--boft_block_size", "here -b; 0 is to leave it out"},
       {"--boft_n_butterfly_factor", "here -m"},
       {"--boft_dropout", "here --dropout"},
       {"--boft_bias", "here --bias"},
       {"--enable_xformers_memory_efficient_attention", "not needed here"},
       {"--report_to",
        "not needed here: steps.csv, TensorBoard's files and report.html are written"},
       {"--wandb_project_name", "nothing here talks to a network"},
       {"--wandb_run_name", "nothing here talks to a network"}});
}

void add_validation(Options& options, ValidationSettings& s, bool steered) {
  options.section("Pictures while it trains");
  options
      .add("validation-prompt", &s.prompts, "TEXT",
           "make pictures of it as the run goes on; may be given several times")
      .text();
  if (steered)
    options.add("validation-image", &s.images, "FILE",
                "what steers them (PNG, JPEG): one for each prompt, or one for all");
  options.add("validation-steps", &s.steps, "N", "every N steps, and after the last").range(1, 1e9);
  options.add("num-validation-images", &s.pictures, "N", "of each prompt").range(1, 1000);
  options
      .add("num-inference-steps", &s.inference_steps, "N", "of the scheduler, for these pictures")
      .range(1, 1e5);
  options
      .add("validation-seed", &s.seed, "N",
           "of the noise that a prompt's first picture begins with; each other one's is one higher")
      .range(0);
  for (const Options::Handle shown : validation_options(s, steered))
    options.option(shown).may_differ_on_resume();
}

void settle_validation(Options& options, const ValidationSettings& s, bool steered) {
  const std::vector<Options::Handle> all = validation_options(s, steered);
  options.applies_when(!s.prompts.empty(), {all.begin() + 1, all.end()}, "--validation-prompt");
  if (s.prompts.empty()) options.option(all[0]).applies = false;
  if (!steered || s.prompts.empty()) return;
  check<UsageError>(!s.images.empty(), "--validation-image: expected with --validation-prompt");
  check<UsageError>(s.images.size() == 1 || s.images.size() == s.prompts.size(),
                    "--validation-image: expected one for all prompts, or one for each of ",
                    s.prompts.size(), ", got ", s.images.size());
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
