#include "nn/train/fit.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iterator>

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
    backward(cross_entropy(forward(batch.images), batch.target(),
                           {.label_smoothing = options.label_smoothing}));
  } catch (const Error& e) {
    cause = e.what();
  }
  // A NaN's sign says nothing.
  throw NonFiniteError(str("training stopped at step ", step, ": the loss is ",
                           std::isnan(loss) ? std::abs(loss) : loss, " and the gradient's norm ",
                           std::isnan(norm) ? std::abs(norm) : norm, " (", cause, ")"));
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
    const Tensor loss = cross_entropy(forward(batch.images), batch.target(),
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
    if (options.on_step &&
        !options.on_step({step, loss.item(), optimizer.lr(), norm, batch.labels.numel(),
                          seconds.count(), batch.skipped})) {
      break;
    }
  }
  return step;
}

namespace {

// Sums up one batch; accuracy, top5 and loss are still sums.
void add_batch(Evaluation& result, const Tensor& logits, const std::vector<int64_t>& wanted) {
  const std::vector<double> values = log_softmax(logits).to_vector<double>();
  const auto classes = size_t(logits.size(1));
  for (size_t i = 0; i < wanted.size(); ++i) {
    const int64_t label = wanted[i];
    check(label >= 0 && label < int64_t(classes), "evaluate: label ", label, " at sample ",
          result.labels.size(), " is out of range for ", classes, " logits");
    const double* row = values.data() + i * classes;
    const auto best = size_t(std::max_element(row, row + classes) - row);
    size_t before = 0;  // likelier classes than the true one
    for (size_t c = 0; c < classes; ++c)
      before += row[c] > row[label] || (row[c] == row[label] && c < size_t(label));
    result.accuracy += double(best == size_t(label));
    result.top5 += double(before < 5 && !std::isnan(row[label]));
    result.loss -= row[label];
    result.predicted.push_back(int64_t(best));
    result.probability.push_back(std::exp(row[best]));
    result.labels.push_back(label);
  }
}

}  // namespace

Evaluation evaluate(Module& model, const Forward& forward, const Dataset& data,
                    int64_t batch_size) {
  check(data.size() > 0, "evaluate: the data set is empty");
  check(batch_size >= 1, "evaluate: expected batch_size >= 1, got ", batch_size);
  Loader loader(data, {.batch_size = batch_size, .shuffle = false});
  return evaluate(model, forward, loader);
}

Evaluation evaluate(Module& model, const Forward& forward, Loader& loader) {
  const struct ModeBack {
    Module& model;
    bool training = model.training;
    ~ModeBack() { train(model, training); }
  } mode_back{model};
  eval(model);
  const NoGrad no_grad;
  Evaluation result;
  loader.seek(0, 0);
  const auto at_end = [&] {
    return loader.epoch() > 0 || loader.position() == loader.batches_per_epoch();
  };
  while (!at_end()) {
    Batch batch = loader.next();
    std::ranges::move(batch.skipped, std::back_inserter(result.skipped));
    if (loader.epoch() > 0) break;  // the last batches were skipped whole
    add_batch(result, forward(batch.images), batch.labels.to_vector<int64_t>());
  }
  const auto count = double(result.labels.size());
  result.accuracy /= count;
  result.top5 /= count;
  result.loss /= count;
  return result;
}

std::vector<std::vector<int64_t>> confusion_matrix(const Evaluation& evaluation, int64_t classes) {
  const auto n = size_t(classes);
  std::vector<std::vector<int64_t>> counts(n, std::vector<int64_t>(n, 0));
  for (size_t i = 0; i < evaluation.labels.size(); ++i) {
    const auto label = size_t(evaluation.labels[i]), predicted = size_t(evaluation.predicted[i]);
    check(predicted < n && label < n, "confusion_matrix: class ", std::max(label, predicted),
          " is out of range for ", classes, " classes");
    ++counts[label][predicted];
  }
  return counts;
}

}  // namespace papilio::nn
