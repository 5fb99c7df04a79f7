#include "samples/papilio/demo/pictures.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/geometry/angles.h"
#include "boft/ops/butterfly_rotation.h"
#include "nn/data/batch_source.h"
#include "nn/models/vit.h"
#include "nn/train/fit.h"
#include "samples/papilio/demo/task.h"
#include "samples/papilio/report/report_data.h"
#include "samples/report/svg/grids.h"
#include "tensor/copy.h"

namespace papilio::demo {

using cli::degrees;
using cli::matrix_of;

namespace {

// One digit, 0 paper to 1 ink.
report::Picture picture(const nn::Batch& data, int64_t at) {
  return {.ink = matrix_of((select(select(data.inputs, 0, at), 0, 0) + 1.0) * 0.5)};
}

}  // namespace

std::vector<double> row_angles(const Tensor& weight) {
  return degrees(boft::pairwise_angles(weight));
}

void add_curves(report::MethodReport& method, const std::vector<Run>& runs) {
  constexpr size_t kSmooth = 9;  // steps: one epoch
  for (const Run& run : runs) {
    std::vector<double> steps, loss;
    for (size_t i = kSmooth; i <= run.losses().size(); i += kSmooth) {
      double sum = 0;
      for (size_t k = i - kSmooth; k < i; ++k) sum += run.losses()[k].loss;
      steps.push_back(double(run.losses()[i - 1].step));
      loss.push_back(sum / kSmooth);
    }
    method.loss.steps = steps;
    method.loss.seeds.push_back(loss);
    std::vector<double> at, now, old;
    for (const Run::Accuracy& a : run.accuracies()) {
      at.push_back(double(a.step));
      now.push_back(a.new_digits);
      old.push_back(a.old_digits);
    }
    method.accuracy_new_curve.steps = method.accuracy_old_curve.steps = at;
    method.accuracy_new_curve.seeds.push_back(now);
    method.accuracy_old_curve.seeds.push_back(old);
  }
}

void add_inside(report::MethodReport& method, Run& run, const Task& task,
                const std::string& layer) {
  const NoGrad no_grad;
  if (run.adapters() != nullptr) {
    for (const auto& [path, adapted, adapter] : run.adapters()->layers("default")) {
      const Tensor q = adapter->rotations(false);
      if (!q.defined()) continue;
      method.rotation_angles.push_back({path, degrees(boft::rotation_angles(q))});
    }
  }
  method.row_angles = row_angles(run.weights().at(layer));
  const nn::Evaluation evaluation = run.evaluate(task.batches(task.new_classes.test));
  const std::vector<std::string>& names = task.new_classes.class_names();
  const nn::Batch test = nn::whole_batch(*task.batches(task.new_classes.test));
  constexpr size_t kShown = 12;
  for (int64_t i = 0; i < test.labels.numel() && method.misclassified.size() < kShown; ++i) {
    const int64_t label = test.labels.data<int64_t>()[i],
                  predicted = evaluation.predicted[size_t(i)];
    if (label == predicted) continue;
    method.misclassified.emplace_back(picture(test, i), report::Matrix(),
                                      names[size_t(label)] + " → " + names[size_t(predicted)]);
  }
}

void add_rotation(report::DemoReport& report, Run& run, const std::string& layer) {
  const NoGrad no_grad;
  for (const auto& [path, adapted, adapter] : run.adapters()->layers("default")) {
    if (path != layer) continue;
    const Tensor q = adapter->rotations(false);
    report.butterfly = {
        .d = int(adapted->adapted_inputs()), .b = int(q.size(-1)), .m = int(q.size(0))};
    report.rotation_layer = layer;
    report.rotation = matrix_of(butterfly_matrix(q));
  }
}

void add_attention(report::DemoReport& report, const Pretrained& pretrained,
                   const std::vector<Run*>& runs, const Task& task) {
  const NoGrad no_grad;
  nn::ViTForImageClassification base(task.model);
  nn::load_state_dict(base, pretrained.state);
  nn::to(base, pretrained.device);
  std::vector<nn::ViTForImageClassification*> models{&base};
  report.attention_titles = {"pretrained"};
  for (Run* run : runs) {
    models.push_back(&run->model());
    report.attention_titles.push_back(run->method().label);
  }
  const nn::Batch test = nn::whole_batch(*task.batches(task.new_classes.test));
  const int64_t side = task.model.image_size / task.model.patch_size;
  for (int64_t label = 0; label < 5; ++label) {
    const std::vector<int64_t> labels = test.labels.to_vector<int64_t>();
    const int64_t at = std::ranges::find(labels, label) - labels.begin();
    report::AttentionExample example{
        picture(test, at), std::stoi(task.new_classes.class_names()[size_t(label)]), {}};
    for (nn::ViTForImageClassification* model : models) {
      nn::eval(*model);
      const Tensor p =
          model->attention_probabilities(to(slice(test.inputs, 0, at, at + 1), pretrained.device))
              .back();
      // (1, heads, T, T): what the class token looks at, mean over the heads, without itself.
      const Tensor of_token = slice(select(mean(squeeze(p, 0), {0}), 0, 0), 0, 1);
      example.maps.push_back(matrix_of(reshape(of_token, {side, side})));
    }
    report.attention.push_back(std::move(example));
  }
}

}  // namespace papilio::demo
