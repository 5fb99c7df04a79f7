// The parts of data as batches, to train on and to evaluate.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/data/batch_source.h"
#include "nn/data/image_batches.h"
#include "nn/data/transforms/image_processor.h"
#include "samples/papilio/data/augmentation.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/options/augmentation_options.h"

namespace papilio::cli {

// A part as it is evaluated, "all" for everything. Throws UsageError for one that the data lack.
nn::Batches evaluation_batches(const Data& data, const std::string& part,
                               const nn::ImageProcessor& processor, nn::OnCorrupt on_corrupt);

// Threads that prepare batches; data whose source has made them need none.
int64_t loader_workers(const DataSettings& settings, const Data& data);

struct TrainingData {
  std::vector<std::string> class_names;  // the labels' of all parts
  nn::Batches train, validation, test;
  int64_t workers = 0;
  int64_t evaluation_batch = 1;  // samples of the other parts at a time
  Dims image_shape = {};         // (C, H, W)
  int64_t sequence_length = 0;   // of text: the tokens that the longest sample has
};
// The training part with its random changes. Evaluating takes as many samples at a time as training
// does, so that it takes no more memory.
TrainingData training_data(const Data& data, const DataSettings& settings,
                           const nn::ImageProcessor& processor, const AugmentSettings& augment,
                           int64_t batch_size);

}  // namespace papilio::cli
