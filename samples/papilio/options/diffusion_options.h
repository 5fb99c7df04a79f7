// How diffusion models train: what dreambooth, controlnet and train on captions share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "samples/papilio/options/method_options.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/training_options.h"

namespace papilio::cli {

// Pictures that are made while a pipeline is adapted, to see what it has learned so far.
struct ValidationSettings {
  std::vector<std::string> prompts = {};
  std::vector<std::string> images = {};  // that steer it, one for all prompts or one for each
  int64_t steps = 100;                   // of training between them
  int64_t pictures = 4;                  // of each prompt
  int64_t inference_steps = 25;          // of the scheduler
  int64_t seed = 0;
};

struct DiffusionSettings {
  int64_t steps = 1000;    // of the optimiser
  int64_t resolution = 0;  // pixels of a side; 0: the pipeline's own
  bool center_crop = false;
  double hflip = 0, caption_dropout = 0, snr_gamma = 0;
  // The guides' words: the rate is one of a sample, blocks are computed again, a hub is asked for.
  bool scale_lr = false, gradient_checkpointing = false, push_to_hub = false;
  int64_t lr_samples = 0;  // what scale_lr has multiplied the rate by
  ValidationSettings validation = {};
};

// What the options of PEFT's guides to DreamBooth and ControlNet are called here.
void know_guides_names(Options& options);
// The options of training; the defaults are those that the settings have.
void add_diffusion_training(Options& options, DiffusionSettings& settings,
                            TrainingSettings& training);
// Settles them: run.toml does not name what a run before an option does not have. Throws UsageError
// for what means nothing together, or nothing here.
void settle_diffusion_training(Options& options, DiffusionSettings& settings,
                               TrainingSettings& training);

// The options of pictures while it trains; `steered`: by a picture, as a ControlNet is.
void add_validation(Options& options, ValidationSettings& settings, bool steered);
// Throws UsageError for what means nothing together.
void settle_validation(Options& options, const ValidationSettings& settings, bool steered);

// The method, and the pipeline's parts that it adapts.
struct DiffusionMethod : MethodSettings {
  bool train_text_encoder = false;
  std::string text_encoder_targets = "q_proj,v_proj";
};
// --method, of those that `takes` names, and its options, for a UNet whose layers of these names
// are adapted.
void add_diffusion_method(Options& options, DiffusionMethod& settings, const std::string& targets,
                          const TrainingSettings& training, bool (*takes)(const Method&));
// Settles them, as PEFT's examples have them if nothing is given (Method::in_pipeline); the whole
// model learns a sixth as fast. Throws UsageError for what means nothing here.
void settle_diffusion_method(Options& options, DiffusionMethod& settings,
                             TrainingSettings& training);

}  // namespace papilio::cli
