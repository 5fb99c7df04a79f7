#include "samples/papilio/images/old_head.h"

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <utility>

#include "nn/adapter.h"
#include "nn/data/loader.h"
#include "nn/data/transforms/image_processor.h"
#include "nn/models/answers.h"
#include "nn/models/image_classifier.h"
#include "nn/train/fit.h"
#include "samples/papilio/data/data.h"
#include "tensor/copy.h"

namespace papilio::cli {

void add_to_json(nlohmann::json& object, const Kept& kept) {
  object["kept"] = nullptr;
  if (kept.images == 0) return;
  object["kept"] = {{"classes", kept.classes},
                    {"images", kept.images},
                    {"accuracy_before", kept.before},
                    {"accuracy_after", kept.after}};
}

OldHead::OldHead(const LoadedModel& loaded, const Data& all, const DataSettings& settings,
                 const nn::ImageProcessor& processor, int64_t batch_size)
    : batch_size_(batch_size), workers_(loader_workers(settings, all)) {
  const std::vector<std::string>& classes = loaded.class_names;
  const bool in_data = std::ranges::all_of(classes, [&](const std::string& name) {
    return std::ranges::count(all.class_names, name) > 0;
  });
  const bool tells_apart =
      classes.size() > 1 && nn::answer_kind(*loaded.model) != nn::AnswerKind::numbers;
  if (!in_data || !tells_apart) return;
  const Data own = for_model({}, all, classes);
  if (own.size("test") == 0) return;
  images_ = evaluation_batches(own, "test", processor, settings.on_corrupt());
  kept_.classes = classes;
  kept_.images = own.size("test");
  for (const nn::ImageClassifier::Head& head : loaded.model->heads()) {
    const Tensor& bias = head.layer->bias;
    nn::StoredWeight weight = head.layer->stored();
    if (weight.numbers) weight.numbers = copy_of(weight.numbers);
    heads_.push_back({weight, bias.defined() ? copy_of(bias) : Tensor()});
  }
}

double OldHead::accuracy(nn::ImageClassifier& model) const {
  if (images_ == nullptr) return std::numeric_limits<double>::quiet_NaN();
  std::vector<nn::ImageClassifier::Head> heads = model.heads();
  std::vector<Copy> mine = heads_;
  const auto swap = [&] {
    for (size_t i = 0; i < heads.size(); ++i) {
      nn::StoredWeight shown = heads[i].layer->stored();
      heads[i].layer->store(std::exchange(mine[i].weight, std::move(shown)));
      std::swap(heads[i].layer->bias, mine[i].bias);
    }
  };
  const Device device = nn::device_of(model);
  for (Copy& head : mine) {
    if (head.weight.codes)
      head.weight.codes = head.weight.codes.to(device);
    else
      head.weight.numbers = copy_of(head.weight.numbers, device);
    if (head.bias.defined()) head.bias = copy_of(head.bias, device);
  }
  nn::Loader loader(
      images_, {.batch_size = batch_size_, .workers = workers_, .epochs = 1, .shuffle = false});
  swap();
  try {
    const double share = nn::evaluate(
                             model, [&](const Tensor& images) { return model(images); }, loader)
                             .accuracy;
    swap();
    return share;
  } catch (...) {
    swap();
    throw;
  }
}

}  // namespace papilio::cli
