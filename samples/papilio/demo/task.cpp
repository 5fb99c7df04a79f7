#include "samples/papilio/demo/task.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nn/data/splits.h"
#include "nn/data/transforms/image_processor.h"
#include "nn/data/transforms/random_affine.h"
#include "nn/train/tensorboard_log.h"
#include "samples/papilio/data/augmentation.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/data/processor.h"
#include "samples/papilio/demo/methods.h"
#include "samples/papilio/options/augmentation_options.h"
#include "samples/papilio/options/model_options.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/training_options.h"
#include "tensor/error.h"

namespace papilio::demo {

namespace {

constexpr int64_t kSide = 32, kWorkers = 1;

// begin, begin + 1, ... of `count` classes.
std::vector<int64_t> classes_from(int64_t begin, int64_t count) {
  std::vector<int64_t> classes(static_cast<size_t>(count));
  std::iota(classes.begin(), classes.end(), begin);
  return classes;
}

// "6f0c23a1": of the classes, and how many pictures of each are in each part. Throws UsageError for
// a class that has none to train or to test on.
std::string digest_of(const nn::ImageSplits& images, const std::string& path) {
  std::string text;
  for (const std::string& name : images.class_names()) text += name + '\n';
  for (const char* part : {"train", "validation", "test"}) {
    const nn::ImageData data = images.part(part);
    std::vector<int64_t> counts(images.class_names().size());
    for (int64_t i = 0; data != nullptr && i < data->size(); ++i) ++counts[size_t(data->label(i))];
    for (size_t c = 0; c < counts.size(); ++c) {
      check<cli::UsageError>(counts[c] > 0 || part == std::string_view("validation"),
                             "--data: ", path, ": class ", images.class_names()[c],
                             " has no picture in the ", part, " part");
      text += std::to_string(counts[c]) + ' ';
    }
  }
  char digest[9];
  std::snprintf(digest, sizeof digest, "%08x", nn::crc32c(text));
  return digest;
}

}  // namespace

nn::Batches Task::batches(const nn::ImageData& images) const {
  return nn::plain_batches(images, training.transform.processor);
}

Task digits_task() {
  const nn::ImageSplits splits = nn::fixed_splits(cli::all_digits());
  const cli::AugmentSettings usual = cli::TrainingSettings{}.augment;
  Task task{.old_classes = nn::with_classes(splits, classes_from(0, 5)),
            .new_classes = nn::with_classes(splits, classes_from(5, 5)),
            .model = cli::ModelSettings{}.vit};
  task.model.num_labels = 5;
  task.training = {.transform = {.processor = nn::digits_processor()},
                   .affine = {.shift_pixels = usual.shift, .rotation_degrees = usual.rotate}};
  return task;
}

Task pictures_task(const std::string& path) {
  cli::DataSettings settings;
  settings.path = path;
  const cli::Data data = cli::open_data(settings);
  const auto classes = int64_t(data.class_names.size());
  check<cli::UsageError>(classes >= 4 && classes % 2 == 0,
                         "--data: half of the classes are learned first, then the others: ",
                         "their number is even, 4 at least; ", path, " has ", classes);
  const nn::ImageProcessor processor = cli::processor_for(data, kSide);
  cli::AugmentSettings augment;
  if (data.source->drawings) augment.hflip = 0;
  const int64_t half = classes / 2;
  const std::string digest = digest_of(data.images, path);
  return {.data = str(std::filesystem::canonical(path).filename().string(), "/ ", digest),
          .notes = data.images.notes,
          .old_classes = nn::with_classes(data.images, classes_from(0, half)),
          .new_classes = nn::with_classes(data.images, classes_from(half, half)),
          .model = {.image_size = kSide,
                    .patch_size = 4,
                    .num_channels = processor.channels(),
                    .hidden_size = 96,
                    .num_hidden_layers = 6,
                    .num_attention_heads = 3,
                    .intermediate_size = 384,
                    .num_labels = half},
          .training = cli::training_options(augment, processor, settings.on_corrupt()),
          .workers = kWorkers};
}

Hyperparameters pictures_hyperparameters() {
  Hyperparameters hyperparameters;
  hyperparameters.pretrain_epochs = 8;
  hyperparameters.adapt_epochs = 3;
  hyperparameters.batch_size = 128;
  hyperparameters.pretrain_lr = 1e-3;
  return hyperparameters;
}

}  // namespace papilio::demo
