#include "samples/papilio/images/report_evaluation.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "nn/data/formats/image.h"
#include "nn/data/transforms/image_processor.h"
#include "nn/models/attention_maps.h"
#include "samples/papilio/data/contact_sheet.h"
#include "samples/papilio/report/report_data.h"
#include "samples/report/svg/grids.h"
#include "tensor/copy.h"

namespace papilio::cli {

namespace {

constexpr size_t kWorst = 24, kAttention = 8;
constexpr int64_t kThumbnail = 112;     // pixels; drawn at about 100 units
constexpr int64_t kSmallImage = 40;     // pixels of a side: enlarged as squares
constexpr double kMostAttention = 1e9;  // bytes of one layer's matrices

report::Picture picture_of(const nn::Image& image, bool ink) {
  if (ink && image.channels == 1) {
    report::Matrix m{int(image.height), int(image.width), {}};
    for (uint8_t value : image.pixels) m.values.push_back(value / 255.0);
    return {.ink = std::move(m)};
  }
  return {.png = nn::encode_png(thumbnail(image, kThumbnail)),
          .aspect = double(image.width) / double(image.height),
          .smooth = image.width >= kSmallImage};
}

// One image of the part, as the model sees it.
class Shown {
 public:
  Shown(const EvaluatedPart& part, const Data& data, const nn::ImageProcessor& processor)
      : part_(part),
        names_(data.class_names),
        processor_(processor),
        ink_(data.source->processor.has_value()) {}

  Tensor pixels(size_t i) const {  // (1, C, H, W)
    Generator generator(0);
    return part_.images->batch({part_.evaluation.positions[i]}, generator).inputs;
  }
  report::SampleReport sample(size_t i, const Tensor& pixels) const {
    const nn::Evaluation& e = part_.evaluation;
    const Tensor x = contiguous_data(pixels);
    return {
        .picture = picture_of(processor_.denormalize(x.data<float>(), x.size(2), x.size(3)), ink_),
        .name = part_.images->name(e.positions[i]),
        .label = names_[size_t(e.labels[i])],
        .predicted = names_[size_t(e.predicted[i])],
        .confidence = e.probability[i],
        .loss = e.losses[i]};
  }

 private:
  const EvaluatedPart& part_;
  const std::vector<std::string>& names_;
  const nn::ImageProcessor& processor_;
  bool ink_;  // drawn dark on light, as digits are
};

// The highest loss first; a loss that is no number is the highest.
std::vector<size_t> worst(const nn::Evaluation& e) {
  std::vector<size_t> order(e.losses.size());
  std::iota(order.begin(), order.end(), size_t(0));
  const auto loss = [&](size_t i) {
    return std::isnan(e.losses[i]) ? std::numeric_limits<double>::infinity() : e.losses[i];
  };
  std::ranges::stable_sort(order, std::greater(), loss);
  order.resize(std::min(order.size(), kWorst));
  return order;
}

// The first image of each class, of evenly chosen ones if there are more, then the second ...
std::vector<size_t> examples(const nn::Evaluation& e) {
  std::map<int64_t, std::vector<size_t>> by_class;
  for (size_t i = 0; i < e.labels.size(); ++i) by_class[e.labels[i]].push_back(i);
  std::vector<const std::vector<size_t>*> classes;
  size_t all = 0;
  for (const auto& [label, images] : by_class) {
    classes.push_back(&images);
    all += images.size();
  }
  std::vector<size_t> chosen;
  if (classes.size() > kAttention) {
    for (size_t k = 0; k < kAttention; ++k)
      chosen.push_back(classes[k * classes.size() / kAttention]->front());
    return chosen;
  }
  for (size_t round = 0; chosen.size() < std::min(all, kAttention); ++round) {
    for (const std::vector<size_t>* images : classes) {
      if (round < images->size() && chosen.size() < kAttention) chosen.push_back((*images)[round]);
    }
  }
  return chosen;
}

// Why a model's attention cannot be shown; empty if it can.
std::string attention_missing(const nn::ImageClassifier& model, const Tensor& pixels) {
  const nn::ImageClassifier::Shape s = model.shape();
  if (s.num_hidden_layers == 0) return "This model has no attention layers, so there is no map.";
  const int64_t rows = pixels.size(2) / s.patch_size, columns = pixels.size(3) / s.patch_size,
                tokens = rows * columns + s.prefix_tokens;
  const double bytes = double(tokens) * double(tokens) * double(s.num_attention_heads) * 4;
  if (bytes <= kMostAttention) return "";
  return str("No attention maps: one layer's ", tokens, " x ", tokens, " weights for each of ",
             s.num_attention_heads, " heads would take ", int64_t(bytes / 1e6), " MB.");
}

}  // namespace

EvaluatedPart part_to_show(nn::ImageClassifier& model, const TrainingData& data,
                           const TestResult& test) {
  if (test.images > 0) return {"test", data.test, test.evaluation};
  if (data.validation == nullptr) return {};
  const nn::Evaluation e = evaluate_part(model, data.validation, data);
  if (e.without_answer > 0) return {};
  return {"validation", data.validation, e};
}

void report_evaluation(report::RunReport& page, nn::ImageClassifier& model,
                       const EvaluatedPart& part, const Data& data,
                       const nn::ImageProcessor& processor) {
  const nn::Evaluation& e = part.evaluation;
  if (part.name.empty() || e.labels.empty()) return;
  page.part = part.name;
  page.images = int64_t(e.labels.size());
  page.accuracy = e.accuracy;
  page.top5 = e.top5;
  page.loss = e.loss;
  page.class_names = data.class_names;
  page.confusion = nn::confusion_matrix(e, int64_t(data.class_names.size()));

  const NoGrad no_grad;
  const Shown shown(part, data, processor);
  for (size_t i : worst(e)) page.worst.push_back(shown.sample(i, shown.pixels(i)));
  page.class_token = model.shape().class_token();
  for (size_t i : examples(e)) {
    const Tensor pixels = shown.pixels(i);
    page.attention_missing = attention_missing(model, pixels);
    if (!page.attention_missing.empty()) return;
    report::SampleReport sample = shown.sample(i, pixels);
    const nn::AttentionMaps maps = nn::attention_maps(model, to(pixels, nn::device_of(model)));
    sample.attention_last = matrix_of(select(maps.last, 0, 0));
    sample.rollout = matrix_of(select(maps.rollout, 0, 0));
    page.attention.push_back(std::move(sample));
  }
}

}  // namespace papilio::cli
