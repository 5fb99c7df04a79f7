// report.html of a run or an evaluation: the page, and what it says of the command itself.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "nn/models/image_classifier.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/options/options.h"
#include "samples/report/pages/run_report.h"

namespace papilio::cli {

// "handwritten digits", or the last part of a path.
std::string data_title(const DataSettings& settings);

// Command, settings and machine, with a sentence on the model and one on the data.
void report_command(report::RunReport& page, const Options& options, const Words& words,
                    const std::string& model_note, const std::string& data_note);
// The same of images.
void report_command(report::RunReport& page, const Options& options, const Words& words,
                    const nn::ImageClassifier& model, const DataSettings& settings,
                    const Data& data);

// Fills the page with `fill` and writes it, atomically. Throws FileError.
using FillReport = std::function<void(report::RunReport&)>;
void write_report(const std::filesystem::path& path, const FillReport& fill);
// The same if the results are safe already: what goes wrong is a warning.
void write_report_or_warn(const Options& options, const std::filesystem::path& path,
                          const FillReport& fill);

}  // namespace papilio::cli
