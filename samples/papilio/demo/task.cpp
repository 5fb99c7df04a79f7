#include "samples/papilio/demo/task.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "nn/data/splits.h"
#include "nn/data/transforms/image_processor.h"
#include "nn/data/transforms/random_affine.h"
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
  for (const int64_t begin : {int64_t(0), half})
    for (const char* part : {"train", "test"}) {
      const nn::ImageData images =
          nn::with_classes(data.images, classes_from(begin, half)).part(part);
      check<cli::UsageError>(images != nullptr && images->size() > 0, "--data: ", path,
                             ": half of the classes have no picture in the ", part, " part");
    }
  return {.data = std::filesystem::canonical(path).filename().string() + '/',
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
