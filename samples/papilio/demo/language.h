// A language model adapted to another author: `papilio demo language`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "nn/train/evaluate_text.h"
#include "samples/papilio/demo/demo.h"

namespace papilio::demo {

// What a model makes of the two authors' test parts, after so many steps.
struct LanguagePoint {
  int64_t steps = 0;
  nn::TextEvaluation learned, kept;  // of the new author, of the old one
};

// One method at one rate.
struct LanguageRun {
  std::string method, label;
  double lr = 0, validation = 0;  // validation: nats a token of the new author, at the end
  int64_t trainable = 0;
  std::vector<LanguagePoint> points;  // the last one is the end
  std::string sample;                 // how it goes on with the prompt
};

// What the demonstration found; best: of each method the run with the lowest validation.
struct LanguageResults {
  int64_t parameters = 0, vocabulary = 0, pretrain_steps = 0, adapt_steps = 0;
  double pretrain_seconds = 0, seconds = 0;
  std::string prompt;
  LanguagePoint base;
  std::string base_sample;
  std::vector<LanguageRun> runs;

  std::vector<const LanguageRun*> best() const;
  nlohmann::json json() const;
  std::string table() const;
};

// Trains and measures. A signal ends it with the runs that are whole.
LanguageResults language_results(const DemoOptions& options);
// The page of them.
std::string language_page(const LanguageResults& results);

// Returns the exit code. Writes results.json, report.html, and the pretrained model below
// options.out.
int run_language(const DemoOptions& options);

}  // namespace papilio::demo
