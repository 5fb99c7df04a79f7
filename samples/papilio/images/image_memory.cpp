#include "samples/papilio/images/image_memory.h"

#include "nn/train/memory_plan.h"
#include "samples/papilio/images/training_forward.h"
#include "samples/papilio/output/table.h"
#include "tensor/text.h"

namespace papilio::cli {

MemoryQuestion memory_question(nn::ImageClassifier& model, const ImagesInMemory& images,
                               const TrainingSettings& settings) {
  const nn::ImageClassifier::Shape m = model.shape();
  const int64_t height = images.shape[1], width = images.shape[2];
  const int64_t tokens = m.prefix_tokens + (height / m.patch_size) * (width / m.patch_size);
  MemoryQuestion q{model, settings};
  q.what = str(m.model_type, ", ", layers_text(m.num_hidden_layers, m.hidden_size), ", ",
               with_commas(tokens), " tokens an image (", height, 'x', width, ")");
  q.sample = "image";
  q.tokens = tokens;
  q.size = height, q.size_step = m.patch_size;
  if (images.resizable) q.size_option = "--image-size";
  q.run = [&model, shape = images.shape](const TrainingSettings& s, int64_t side) {
    const bool other = side != shape[1];
    if (other) model.take_any_size();
    return nn::planned_images(training_forward(model, s),
                              [&model](const Tensor& x) { return model(x); },
                              {.shape = other ? Dims{shape[0], side, side} : shape,
                               .classes = model.shape().num_labels,
                               .mixed_targets = s.augment.mixup > 0 || s.augment.cutmix > 0,
                               .label_smoothing = s.label_smoothing});
  };
  q.validates = images.validates;
  q.workers = images.workers;
  return q;
}

}  // namespace papilio::cli
