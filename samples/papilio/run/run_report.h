// report.html of a run: what it was, how it learned, and what the model makes of images.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "boft/model/model.h"
#include "nn/models/image_classifier.h"
#include "samples/papilio/commands/commands.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/run/training.h"
#include "samples/report/pages/run_report.h"

namespace papilio::cli {

// What an evaluation saw.
struct EvaluatedPart {
  std::string name;  // "test", "validation", ...; empty: nothing was evaluated
  nn::Batches images;
  nn::Evaluation evaluation;
};
// The test part with its result; the validation part where the data have no other.
EvaluatedPart part_to_show(nn::ImageClassifier& model, const TrainingData& data,
                           const TestResult& test);

// The command as it was typed, quoted for a shell.
std::string command_line(const std::string& command, const Words& words);
// "handwritten digits", or the last part of a path.
std::string data_title(const DataSettings& settings);
// "BOFT b=4 m=2", "OFT b=8", "LoRA r=4"
std::string adapter_label(const boft::AdapterConfig& config);

// Command, settings, model, data and machine.
void describe(report::RunReport& page, const Options& options, const Words& words,
              const nn::ImageClassifier& model, const DataSettings& settings, const Data& data);
// How the training went: curves from log.csv and steps.csv in `out`, which earlier processes of a
// resumed run began.
void add_training(report::RunReport& page, const std::filesystem::path& out,
                  const TrainingEnd& end);
// Confusion, the images with the highest loss, and attention maps. `processor` made the images;
// `ink`: they are drawings, dark on light.
void add_evaluation(report::RunReport& page, nn::ImageClassifier& model, const EvaluatedPart& part,
                    const std::vector<std::string>& class_names,
                    const nn::ImageProcessor& processor, bool ink);
// What the first active adapter does to the layers it is on; nothing without adapters.
void add_adapter(report::RunReport& page, const boft::AdapterModel* adapters);

// Fills the page with `fill` and writes it, atomically. Throws FileError.
using FillReport = std::function<void(report::RunReport&)>;
void write_report(const std::filesystem::path& path, const FillReport& fill);
// The same where the results are safe already: what goes wrong is a warning.
void write_report_or_warn(const Options& options, const std::filesystem::path& path,
                          const FillReport& fill);

}  // namespace papilio::cli
