// --data: the digits inside the program, or image data in files, as commands use them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/data/image_batches.h"
#include "nn/data/sources/image_dataset.h"
#include "nn/data/sources/image_sources.h"
#include "samples/papilio/data/digits.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/options.h"

namespace papilio::cli {

struct DataSettings {
  std::string path = kDigits, classes, corrupt = "fail";
  double validation_share = 0.1, test_share = 0.1;
  int64_t split_seed = 0, workers = 2;

  // What opens the path. Throws FileError.
  const nn::ImageSource& source() const;
  nn::OnCorrupt on_corrupt() const {
    return corrupt == "skip" ? nn::OnCorrupt::skip : nn::OnCorrupt::fail;
  }
};
void add_data(Options& options, DataSettings& settings);
// --corrupt fail or skip, as OnCorrupt has it.
void add_corrupt(Options& options, std::string* way);
// --workers
Option& add_workers(Options& options, int64_t& workers);
// Throws UsageError for shares held out that leave nothing to train on.
void check_shares(const DataSettings& settings);
// The same, and for options that say nothing about these data.
void check_data_options(Options& options, const DataSettings& settings);

// Data whose source has a processor of its own (nn::ImageSource), and all others, as errors name
// them.
inline const std::string kOwnProcessor = str("--data ", kDigits),
                         kNoProcessor = str("--data other than ", kDigits);

// Opened data.
struct Data {
  const nn::ImageSource* source;
  std::vector<std::string> class_names;
  nn::ImageSplits images;

  int64_t size(const std::string& part) const;  // "train", "validation", "test" or "all"
};
// Throws FileError.
Data open_data(const DataSettings& settings);

// The numbers of the classes that --classes names, by name or by number; all if it is empty or
// "all". Throws UsageError.
std::vector<int64_t> chosen_classes(const DataSettings& settings, const Data& data);
// Those classes alone, numbered 0, 1, ... in the order given.
Data with_classes(const Data& data, const std::vector<int64_t>& classes);
// The classes that a model knows, of those chosen (--classes) or of all, with the model's numbers.
// Throws UsageError for a chosen class that it does not know, and if none is left.
Data for_model(const DataSettings& settings, const Data& data,
               const std::vector<std::string>& model_classes);

// What for_model leaves out of a part of the data: classes that the model does not know.
struct LeftOut {
  std::vector<std::string> classes = {};
  int64_t images = 0;
  // One line; empty if nothing is left out.
  std::string text() const;
};
LeftOut left_out(const DataSettings& settings, const Data& data, const std::string& part,
                 const std::vector<std::string>& model_classes);

}  // namespace papilio::cli
