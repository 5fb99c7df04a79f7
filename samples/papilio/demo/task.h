// What the main job and its curves learn: some classes first, then others, and by which model.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/data/batch_source.h"
#include "nn/data/image_batches.h"
#include "nn/data/sources/image_dataset.h"
#include "nn/models/vit.h"
#include "samples/papilio/data/digits.h"

namespace papilio::demo {

struct Hyperparameters;  // methods.h

struct Task {
  // Or the folder's name and which data that is, by classes and the number of pictures of each.
  std::string data = cli::kDigits;
  std::vector<std::string> notes = {};       // what the data's source left out, one line each
  nn::ImageSplits old_classes, new_classes;  // each relabelled 0, 1, ...
  nn::ViTConfig model = {};                  // of as many labels as either has
  nn::ImageBatchOptions training = {};       // of the pictures that train; for the model
  int64_t workers = 0;                       // threads that read them

  bool of_digits() const { return data == cli::kDigits; }
  // As a model is evaluated on them.
  nn::Batches batches(const nn::ImageData& images) const;
};

// 0-4, then 5-9.
Task digits_task();
// Pictures of 32x32 pixels, for which others are resized: the first half of the classes, then
// the other. Throws UsageError for fewer than four classes, an odd number, or a class without
// pictures to train or to test on; FileError.
Task pictures_task(const std::string& path);
// What trains on pictures in files where digits have the defaults.
Hyperparameters pictures_hyperparameters();

}  // namespace papilio::demo
