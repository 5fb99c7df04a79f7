#include "nn/train/fit.h"

#include <chrono>
#include <cmath>
#include <numeric>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops.h"

namespace papilio::nn {

namespace {

// Goes through the step once more in anomaly mode, which names the operation.
[[noreturn]] void report_non_finite(const Forward& forward, const Batch& batch,
                                    const FitOptions& options, int64_t step, double loss,
                                    double norm) {
  std::string cause = "no operation made a NaN by itself: it grew out of range";
  try {
    const AnomalyMode anomaly;
    backward(cross_entropy(forward(batch.images), batch.labels,
                           {.label_smoothing = options.label_smoothing}));
  } catch (const Error& e) {
    cause = e.what();
  }
  throw NonFiniteError(str("training stopped at step ", step, ": the loss is ", loss,
                           " and the gradient's norm ", norm, " (", cause, ")"));
}

}  // namespace

int64_t fit(Module& model, const Forward& forward, Loader& loader, Optimizer& optimizer,
            const FitOptions& options) {
  using Clock = std::chrono::steady_clock;
  const double base_lr = optimizer.lr();
  // Whatever ends the training leaves the rate, the gradients and the mode as they belong.
  const struct AtEnd {
    Module& model;
    Optimizer& optimizer;
    double lr;
    ~AtEnd() {
      optimizer.zero_grad();
      optimizer.set_lr(lr);
      eval(model);
    }
  } at_end{model, optimizer, base_lr};
  const std::vector<Tensor> parameters = optimizer.parameters();
  train(model);
  int64_t step = 0;
  while (step < options.steps) {
    const auto begin = Clock::now();
    const Batch batch = loader.next();
    const GeneratorState random = default_generator().state();
    optimizer.zero_grad();
    const Tensor loss = cross_entropy(forward(batch.images), batch.labels,
                                      {.label_smoothing = options.label_smoothing});
    backward(loss);
    const double norm = clip_grad_norm(parameters, options.max_gradient_norm);
    if (!std::isfinite(loss.item()) || !std::isfinite(norm)) {
      default_generator().set_state(random);  // the same dropout masks once more
      report_non_finite(forward, batch, options, step + 1, loss.item(), norm);
    }
    optimizer.set_lr(base_lr * options.schedule.factor(step));
    optimizer.step();
    ++step;
    const std::chrono::duration<double> seconds = Clock::now() - begin;
    if (options.on_step && !options.on_step({step, loss.item(), optimizer.lr(), norm,
                                             batch.labels.numel(), seconds.count()})) {
      break;
    }
  }
  return step;
}

Evaluation evaluate(Module& model, const Forward& forward, const Dataset& data,
                    int64_t batch_size) {
  check(data.size() > 0, "evaluate: the data set is empty");
  check(batch_size >= 1, "evaluate: expected batch_size >= 1, got ", batch_size);
  const struct ModeBack {
    Module& model;
    bool training = model.training;
    ~ModeBack() { train(model, training); }
  } mode_back{model};
  eval(model);
  const NoGrad no_grad;
  Evaluation result;
  int64_t right = 0;
  double loss = 0;
  for (int64_t begin = 0; begin < data.size(); begin += batch_size) {
    const int64_t end = std::min(begin + batch_size, data.size());
    const Tensor logits = forward(slice(data.images, 0, begin, end));
    const Tensor labels = slice(data.labels, 0, begin, end);
    const Tensor log_probability = log_softmax(logits);
    const std::vector<int64_t> predicted = argmax(logits, 1).to_vector<int64_t>();
    const std::vector<double> values = log_probability.to_vector<double>();
    const std::vector<int64_t> wanted = labels.to_vector<int64_t>();
    const size_t classes = size_t(logits.size(1));
    for (size_t i = 0; i < wanted.size(); ++i) {
      check(wanted[i] >= 0 && wanted[i] < int64_t(classes), "evaluate: label ", wanted[i],
            " at sample ", begin + int64_t(i), " is out of range for ", classes, " logits");
      right += predicted[i] == wanted[i];
      loss -= values[i * classes + size_t(wanted[i])];
      result.predicted.push_back(predicted[i]);
      result.probability.push_back(std::exp(values[i * classes + size_t(predicted[i])]));
    }
  }
  result.accuracy = double(right) / double(data.size());
  result.loss = loss / double(data.size());
  return result;
}

std::vector<std::vector<int64_t>> confusion_matrix(const Evaluation& evaluation,
                                                   const Dataset& data) {
  const size_t classes = data.class_names.size();
  std::vector<std::vector<int64_t>> counts(classes, std::vector<int64_t>(classes, 0));
  const std::vector<int64_t> labels = data.labels.to_vector<int64_t>();
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto predicted = size_t(evaluation.predicted[i]);
    check(predicted < classes, "confusion_matrix: class ", predicted, " is out of range for ",
          classes, " names");
    ++counts[size_t(labels[i])][predicted];
  }
  return counts;
}

}  // namespace papilio::nn
