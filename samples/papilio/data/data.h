// --data: the digits inside the program, or image data in files, as commands use them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "nn/data/batch_source.h"
#include "nn/data/sources/digits.h"
#include "nn/models/image_classifier.h"
#include "samples/papilio/options/common.h"

namespace papilio::cli {

struct DataSettings {
  std::string path = "digits", classes, corrupt = "fail";
  double validation_share = 0.1, test_share = 0.1;
  int64_t split_seed = 0, workers = 2;

  bool digits() const { return path == "digits"; }
  nn::OnCorrupt on_corrupt() const {
    return corrupt == "skip" ? nn::OnCorrupt::skip : nn::OnCorrupt::fail;
  }
  // Threads that prepare batches: the digits are too small for any.
  int64_t loader_workers() const { return digits() ? 0 : workers; }
};
void add_data(Options& options, DataSettings& settings);
// --corrupt fail or skip, as OnCorrupt has it.
void add_corrupt(Options& options, std::string* way);
// Throws UsageError for options that say nothing about these data.
void resolve(Options& options, const DataSettings& settings);

// Opened data. Of the digits `digits` holds the parts, of all others `images`.
struct Data {
  std::string kind;  // "digits", "folder", "idx", "cifar-10", "cifar-100"
  std::vector<std::string> class_names;
  nn::Splits digits = {};
  nn::ImageSplits images = {};

  bool is_digits() const { return kind == "digits"; }
  int64_t size(const std::string& part) const;  // "train", "validation", "test" or "all"
};
// Throws FileError.
Data open_data(const DataSettings& settings);

// The numbers of the classes that --classes names, by name or by number; all where it is empty or
// "all". Throws UsageError.
std::vector<int64_t> chosen_classes(const DataSettings& settings, const Data& data);
// Those classes alone, numbered 0, 1, ... in the order given.
Data with_classes(const Data& data, const std::vector<int64_t>& classes);
// The classes that a model knows, of those chosen (--classes) or of all, with the model's numbers.
// Throws UsageError for a chosen class that it does not know, and where none is left.
Data for_model(const DataSettings& settings, const Data& data,
               const std::vector<std::string>& model_classes);

// Random changes of training images.
struct AugmentSettings {
  double shift = 0, rotate = 0;  // digits
  std::string crop = "auto", interpolation = "bicubic";
  int64_t padding = 4, rand_augment = 0, magnitude = 9;
  double min_scale = 0.35, hflip = 0.5, mixup = 0, cutmix = 0, reprob = 0;
};
void add_augmentation(Options& options, AugmentSettings& settings);
// Decides what depends on the data.
void resolve(Options& options, AugmentSettings& settings, const Data& data);

// What a model is fed: sizes, channels and normalisation. That of a model folder is its
// preprocessor_config.json; without one it is what models of its type are usually fed, at the
// model's size. What is assumed or passed over is warned of. Throws FileError.
nn::ImageProcessor processor_of(const Options& options, const std::filesystem::path& folder,
                                const nn::ImageClassifier& model);
// Whether the model folder has a preprocessor_config.json.
bool has_processor(const std::filesystem::path& folder);
// Writes a model folder's preprocessor_config.json.
void save_processor(const std::filesystem::path& folder, const nn::ImageProcessor& processor);
// The shorter side of images in files, at most 224: the median of nine that can be read. Throws
// FileError where none can.
int64_t usual_side(const Data& data);
// For a new model on these data: square images of `side` pixels.
nn::ImageProcessor processor_for(const Data& data, int64_t side);
// Where the data are digits the model must take them. Throws UsageError.
void check_takes(const Data& data, const std::filesystem::path& folder,
                 const nn::ImageClassifier& model);

// A part as it is evaluated, "all" for everything. Throws UsageError for one that the data lack.
nn::Batches evaluation_batches(const Data& data, const std::string& part,
                               const nn::ImageProcessor& processor, nn::OnCorrupt on_corrupt);
// The training part with its random changes.
nn::Batches training_batches(const Data& data, const nn::ImageProcessor& processor,
                             const AugmentSettings& augment, nn::OnCorrupt on_corrupt);

struct TrainingData {
  nn::Batches train, validation, test;
  int64_t workers = 0;
  int64_t evaluation_batch = 1;  // images of the other parts at a time
};
// Evaluating takes as many images at a time as training does, so that it takes no more memory.
TrainingData training_data(const Data& data, const DataSettings& settings,
                           const nn::ImageProcessor& processor, const AugmentSettings& augment,
                           int64_t batch_size);

}  // namespace papilio::cli
