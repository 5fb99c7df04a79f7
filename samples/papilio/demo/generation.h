// A small Stable Diffusion that learns a subject, and to be steered: `papilio demo generation`.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "nn/data/formats/image.h"
#include "samples/papilio/demo/demo.h"
#include "samples/papilio/demo/drawn_eyes.h"

namespace papilio::demo {

// What the pictures of one model are like.
struct GenerationPoint {
  int64_t steps = 0;    // of the adaptation
  double likeness = 0;  // to the subject's pictures: mean cosine of features, of all pairs
  double fidelity = 0;  // share of pictures whose background is the colour that was asked
  double drift = 0;     // (1 - cos) / 2 of other prompts' pictures, the base's and this model's
};

// One adaptation. The pictures of a run all begin with noise of its own, which the base model's
// pictures beside it share.
struct GenerationRun {
  std::string method = {}, label = {};
  double lr = 0;
  uint64_t seed = 0;
  int64_t trainable = 0;
  GenerationPoint base = {};                 // before the first step
  std::vector<GenerationPoint> points = {};  // the last one is the end
  std::vector<nn::Image> samples = {};       // of the subject's prompts, at the end
  std::vector<nn::Image> others = {};        // of the other prompts, at the end
};

// A subject that the pretraining did not see.
struct SubjectResults {
  std::string name = {}, prompt = {};    // "a striped ring", "a sks ring"
  std::vector<nn::Image> pictures = {};  // what is learned from
  double drawn_likeness = 0;             // to these, of other drawn pictures of the subject
  std::vector<std::string> prompts = {},
                           other_prompts = {};  // of GenerationRun's samples and others
  std::vector<nn::Image> base_samples = {},
                         base_others = {};  // the same by the base, with the first seed
  std::vector<GenerationRun> tried = {};    // every rate, with seeds of their own
  std::vector<GenerationRun> runs = {};     // the rate that was chosen, a run for each seed

  // The runs of each method, in the order of `runs`.
  std::vector<std::vector<const GenerationRun*>> by_method() const;
};

// Pictures of one way of steering beside the silhouettes.
struct SteeredPictures {
  std::string label = {};   // "no control", "untrained control", "trained control"
  double iou = 0;           // intersection over union with the silhouette, mean
  double centre_error = 0;  // distance of the centres in sides of the picture, mean
  std::vector<nn::Image> samples = {};
};
struct ControlResults {
  int64_t steps = 0, parameters = 0;
  std::vector<std::string> prompts = {};    // of the samples
  std::vector<nn::Image> silhouettes = {};  // of the samples
  std::vector<SteeredPictures> ways = {};   // the trained one last
};

// What the demonstration found; parts that a signal left out are empty.
struct GenerationResults {
  int64_t unet_parameters = 0, vae_parameters = 0, text_parameters = 0, tokens = 0;
  int64_t pretrain_steps = 0, pretrain_pictures = 0, adapt_steps = 0, denoising_steps = 0;
  double guidance = 0, pretrain_seconds = 0, seconds = 0;
  bool cached = false;       // pretrain_seconds are those of the run before
  bool interrupted = false;  // by a signal
  EyesAccuracy eyes = {};    // how well the network sees by which pictures are compared
  std::vector<std::string> world_prompts = {};
  std::vector<nn::Image> world = {}, world_rebuilt = {},
                         world_samples = {};  // drawn, by the VAE, of their captions
  double world_fidelity = 0;
  std::vector<nn::Image> denoising = {};  // of the first of these, step by step, noise first
  std::vector<SubjectResults> subjects = {};
  ControlResults control = {};

  nlohmann::json json() const;
  std::string table() const;
};
// The cells of the tables, for the terminal and the page alike; the first row is the header.
using Cells = std::vector<std::vector<std::string>>;
Cells subject_rows(const SubjectResults& subject);
Cells tried_rows(const SubjectResults& subject);  // of every rate
Cells control_rows(const ControlResults& control);

// Trains and measures. A signal ends it with the parts that are whole.
GenerationResults generation_results(const DemoOptions& options);
// The page of them.
std::string generation_page(const GenerationResults& results);

// Returns the exit code. Writes results.json, report.html, the pretrained pipeline and the adapters
// below options.out. A pipeline that lies there, of the same settings, is not trained again.
int run_generation(const DemoOptions& options);

}  // namespace papilio::demo
