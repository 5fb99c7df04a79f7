// A run that trains a classifier of images: what train and finetune do with them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "boft/model/model.h"
#include "nn/data/loader.h"
#include "nn/data/transforms/image_processor.h"
#include "nn/models/image_classifier.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/data/training_data.h"
#include "samples/papilio/images/old_head.h"
#include "samples/papilio/images/test_result.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/run/memory.h"
#include "samples/papilio/run/training.h"
#include "samples/papilio/run/training_end.h"
#include "samples/papilio/run/training_run.h"
#include "samples/report/pages/run_report.h"

namespace papilio::cli {

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

// What a command makes ready.
struct ImageSubject {
  const Data& data;
  const nn::ImageProcessor& processor;  // of images in files
  nn::ImageClassifier& model;
  boft::AdapterModel* adapters = nullptr;  // they are the result; null: the model is
  OldHead* old_head = nullptr;             // what is kept of the model's own classes; may be null
  // Before the first step of a new run, with the training images as they are evaluated; may be
  // null.
  std::function<void(nn::Loader& images)> before_training = {};
  bool resizable = false;  // has --image-size, which may be less
};

class ImageRun final : public TrainingRun {
 public:
  ImageRun(TrainingCommand command, ImageSubject subject)
      : TrainingRun(std::move(command)), subject_(std::move(subject)) {}

 private:
  nn::Module& model() override { return subject_.model; }
  const boft::AdapterModel* adapters() override { return subject_.adapters; }
  std::string settle() override;
  void before_training() override;
  TrainingJob job() override;
  void save(const std::filesystem::path& out) override;
  bool gives_numbers() override;
  void evaluate() override;
  void add_results(nlohmann::json& results) override;
  void fill_report(report::RunReport& page, const TrainingEnd& end) override;
  std::string summary() override;

  ImageSubject subject_;
  TrainingData parts_;
  RunMemory memory_;
  TestResult test_;
};

}  // namespace papilio::cli
