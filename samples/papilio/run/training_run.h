// A command that trains, from its options to its exit code: what train and finetune share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "boft/model/model.h"
#include "nn/data/loader.h"
#include "nn/models/image_classifier.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/options/training_options.h"
#include "samples/papilio/run/old_head.h"
#include "samples/papilio/run/run_folder.h"
#include "samples/papilio/run/training.h"

namespace papilio::cli {

struct RunSettings {
  std::string out = {};
  bool overwrite = false;
  DataSettings data = {};
  TrainingSettings training = {};
  Common common = {};
};

// The data of the chosen classes, and these classes' numbers in all of them.
struct RunData {
  Data data;
  std::vector<int64_t> classes;
  Data all;  // of every class
};
// Settles the options of training and data, then opens the data. Images that the models in
// `folders` held out when they were trained stay held out.
RunData open_run_data(Options& options, RunSettings& settings, Device device,
                      const std::vector<std::string>& folders);

// What a command makes ready: a model, and what is said of it.
struct TrainingRun {
  const Options& options;
  const Words& words;
  RunSettings& settings;
  const Data& data;
  const nn::ImageProcessor& processor;  // of images in files
  nn::ImageClassifier& model;
  boft::AdapterModel* adapters;  // they are the result; null: the model is
  OldHead* old_head;             // what is kept of the model's own classes; may be null
  // Before the first step of a new run, with the training images as they are evaluated; may be
  // null.
  std::function<void(nn::Loader& images)> before_training;
  std::string progress_title, intro;
  bool resizable;  // has --image-size, which may be less
  std::string report_title, report_subject;
  std::function<void(nlohmann::json&)> add_to_json;  // what the command says beside the figures
};
// Trains, saves, evaluates the test part, writes the report, and says all this. Returns the exit
// code.
int run_training_command(const TrainingRun& run);

// What comes of a run: how it is written, whether the model's answers are finite (one that answers
// NaN takes no older result's place), and the adapters that it has.
struct ResultToSave {
  WriteFolder save;
  std::function<bool()> gives_numbers;
  const boft::AdapterModel* adapters = nullptr;
};
// The run's folder (prepare_run_folder), which one rank alone writes into: the others hold no lock.
[[nodiscard]] std::optional<RunLock> first_rank_prepares(const RunSettings& settings,
                                                         ResultKind kind);
// The middle of every such command: trains, and puts the result into the run's folder, whose lock
// the command holds.
TrainingEnd train_and_save(const TrainingJob& job, const RunSettings& settings,
                           const Options& options, const std::optional<RunLock>& lock,
                           const ResultToSave& result);

}  // namespace papilio::cli
