#include "samples/papilio/data/training_data.h"

#include "nn/data/batch_source.h"
#include "nn/data/image_batches.h"
#include "samples/papilio/options/augmentation_options.h"
#include "samples/papilio/options/option.h"

namespace papilio::cli {

nn::Batches evaluation_batches(const Data& data, const std::string& part,
                               const nn::ImageProcessor& processor, nn::OnCorrupt on_corrupt) {
  check<UsageError>(data.size(part) > 0, "the data have no ", part,
                    " part with images of these classes");
  return nn::plain_batches(data.images.part(part), data.source->processor.value_or(processor),
                           on_corrupt);
}

int64_t loader_workers(const DataSettings& settings, const Data& data) {
  return data.source->processor ? 0 : settings.workers;
}

TrainingData training_data(const Data& data, const DataSettings& s,
                           const nn::ImageProcessor& processor, const AugmentSettings& augment,
                           int64_t batch_size) {
  TrainingData result;
  result.class_names = data.images.class_names();
  result.train = nn::batches_of(
      data.images.train,
      training_options(augment, data.source->processor.value_or(processor), s.on_corrupt()));
  const auto part = [&](const std::string& name) {
    return data.size(name) > 0 ? evaluation_batches(data, name, processor, s.on_corrupt())
                               : nullptr;
  };
  result.validation = part("validation");
  result.test = part("test");
  result.workers = loader_workers(s, data);
  const nn::ImageProcessor shown = data.source->processor.value_or(processor);
  result.image_shape = {shown.channels(), shown.out_height(), shown.out_width()};
  result.evaluation_batch = batch_size;
  return result;
}

}  // namespace papilio::cli
