#include "nn/train/fit.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "autograd/autocast.h"
#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "nn/eval_mode.h"
#include "nn/train/captured_step.h"
#include "nn/train/detail/accumulate.h"
#include "nn/train/detail/parallel_step.h"
#include "tensor/batch_rows.h"

namespace papilio::nn {

namespace {

using Clock = std::chrono::steady_clock;

// The batches of one step, which end with the epoch: of each, the parts that this loader makes.
std::vector<std::vector<Batch>> next_batches(Loader& loader, int64_t count,
                                             std::vector<std::string>& skipped) {
  std::vector<std::vector<Batch>> batches;
  for (int64_t i = 0; i < count; ++i) {
    batches.push_back(loader.next_parts());
    for (const Batch& part : batches.back())
      skipped.insert(skipped.end(), part.skipped.begin(), part.skipped.end());
    if (loader.position() >= loader.batches_per_epoch()) break;
  }
  return batches;
}

// Those with samples.
std::vector<Batch> without_empty(const std::vector<std::vector<Batch>>& batches) {
  std::vector<Batch> some;
  for (const auto& parts : batches)
    std::ranges::copy_if(parts, std::back_inserter(some),
                         [](const Batch& b) { return b.size() > 0; });
  return some;
}

// Counts steps without a sample: a whole epoch of them ends the training.
class EmptySteps {
 public:
  explicit EmptySteps(int64_t most) : most_(most) {}
  void add(bool empty, const std::vector<std::string>& skipped) {
    steps_ = empty ? steps_ + 1 : 0;
    check<FileError>(steps_ < most_, "fit: no sample of the data set can be read; the last: ",
                     skipped.empty() ? "" : skipped.back());
  }

 private:
  int64_t most_, steps_ = 0;
};

int64_t samples_in(const std::vector<Batch>& batches) {
  int64_t samples = 0;
  for (const Batch& batch : batches) samples += batch.size();
  return samples;
}

int64_t weight_of(const std::vector<Batch>& batches) {
  int64_t weight = 0;
  for (const Batch& batch : batches) weight += batch.weight();
  return weight;
}

}  // namespace

BatchRows rows_of(const Batch& batch) {
  if (batch.rows.count == batch.rows.of) return {};
  return {batch.rows.first, batch.size(), batch.rows.of};
}

double accumulate(const Loss& mean_loss, const std::vector<Batch>& batches) {
  const auto all = double(weight_of(batches));
  double sum = 0;
  for (const Batch& batch : batches) {
    const double share = double(batch.weight()) / all;
    const DrawForRows rows(rows_of(batch));
    const Tensor loss = mean_loss(batch);
    backward(batches.size() == 1 ? loss : loss * share);
    sum += loss.item() * share;
  }
  return sum;
}

namespace {

constexpr const char* kNoCause = "no operation made a NaN by itself: it grew out of range";

// Goes through the step once more in anomaly mode, which names the operation.
std::string cause_of_non_finite(const Loss& mean_loss, const std::vector<Batch>& batches) {
  try {
    const AnomalyMode anomaly;
    if (!batches.empty()) accumulate(mean_loss, batches);
  } catch (const Error& e) {
    return e.what();
  }
  return kNoCause;
}

[[noreturn]] void report_non_finite(const std::string& cause, int64_t step, double loss,
                                    double norm) {
  // A NaN's sign says nothing.
  throw NonFiniteError(str("training stopped at step ", step, ": the loss is ",
                           std::isnan(loss) ? std::abs(loss) : loss, " and the gradient's norm ",
                           std::isnan(norm) ? std::abs(norm) : norm, " (", cause, ")"));
}

// What one step made of the gradients.
struct StepResult {
  double loss = 0, norm = 0;
  int64_t samples = 0;  // 0: nothing else is said
  int64_t gradient_messages = 0, gradient_bytes = 0;
};

// Makes the gradients of a step, alone, as a CUDA graph, which goes on to the parameters, or with
// other ranks.
class StepMaker {
 public:
  StepMaker(Module& model, const Loss& mean_loss, CapturedStep* captured, Optimizer& optimizer,
            const FitOptions& options)
      : mean_loss_(mean_loss),
        captured_(captured),
        optimizer_(optimizer),
        options_(options),
        parameters_(optimizer.parameters()),
        device_(device_of(model)) {
    if (options.parallel != nullptr)
      parallel_ = std::make_unique<ParallelStep>(*options.parallel, parameters_);
  }

  StepResult operator()(std::vector<std::vector<Batch>> batches, int64_t step,
                        std::vector<std::string>& skipped) {
    std::vector<Batch> some = without_empty(batches);
    if (parallel_ == nullptr && some.empty()) return {};
    const GeneratorState random = default_generator().state();
    const StepResult result =
        parallel_ != nullptr ? together(std::move(batches), skipped) : alone(some);
    if (result.samples == 0 || (std::isfinite(result.loss) && std::isfinite(result.norm)))
      return result;
    default_generator().set_state(random);  // the same dropout masks once more
    to_device(some);
    std::string cause = cause_of_non_finite(mean_loss_, some);
    if (parallel_ != nullptr) {  // one rank's
      const auto all = options_.parallel->ranks.all_gather(cause);
      const auto found = std::ranges::find_if(all, [](const auto& c) { return c != kNoCause; });
      cause = found == all.end() ? kNoCause : *found;
    }
    report_non_finite(cause, step, result.loss, result.norm);
  }

 private:
  void to_device(std::vector<Batch>& batches) const {
    for (Batch& batch : batches) batch = to(std::move(batch), device_);
  }

  StepResult alone(std::vector<Batch>& batches) {
    const int64_t samples = samples_in(batches);
    if (captured_ != nullptr) {
      const CapturedStep::Result result = (*captured_)(batches[0]);
      return {result.loss, result.gradient_norm, samples};
    }
    to_device(batches);
    optimizer_.zero_grad();
    const double loss = accumulate(mean_loss_, batches);
    return {loss, clip_grad_norm(parameters_, options_.max_gradient_norm), samples};
  }

  StepResult together(std::vector<std::vector<Batch>> batches, std::vector<std::string>& skipped) {
    for (auto& parts : batches) to_device(parts);
    ParallelStep::Result result = (*parallel_)(mean_loss_, batches, skipped);
    skipped = std::move(result.skipped);
    if (result.samples == 0) return {};
    return {result.loss, clip_grad_norm(parameters_, options_.max_gradient_norm), result.samples,
            result.gradient_messages, result.gradient_bytes};
  }

  const Loss& mean_loss_;
  CapturedStep* captured_;
  Optimizer& optimizer_;
  const FitOptions& options_;
  const std::vector<Tensor> parameters_;
  const Device device_;
  std::unique_ptr<ParallelStep> parallel_;
};

// `captured` makes the steps if there is one; mean_loss then only says what went wrong.
int64_t run_steps(Module& model, const Loss& mean_loss, CapturedStep* captured, Loader& loader,
                  Optimizer& optimizer, const FitOptions& options) {
  check(options.accumulation_steps >= 1, "fit: expected accumulation_steps >= 1, got ",
        options.accumulation_steps);
  check(options.first_step >= 0, "fit: expected first_step >= 0, got ", options.first_step);
  check(captured == nullptr || options.parallel == nullptr,
        "fit: a CUDA graph is of one process, not of several ranks");
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
  StepMaker make_step(model, mean_loss, captured, optimizer, options);
  train(model);
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  EmptySteps empty_steps(steps_per_epoch(loader, options.accumulation_steps));
  int64_t step = options.first_step;
  while (step < options.steps) {
    const auto begin = Clock::now();
    std::vector<std::string> skipped;
    auto batches = next_batches(loader, options.accumulation_steps, skipped);
    const double lr_before = optimizer.lr();
    optimizer.set_lr(base_lr * options.schedule.factor(step));
    const StepResult result = make_step(std::move(batches), step + 1, skipped);
    empty_steps.add(result.samples == 0, skipped);
    ++step;
    if (result.samples == 0) {
      optimizer.set_lr(lr_before);
      const StepReport nothing{step, kNone, lr_before, kNone, 0, 0, skipped};
      if (options.on_step && !options.on_step(nothing)) break;
      continue;
    }
    if (captured == nullptr) optimizer.step();
    if (options.average != nullptr) options.average->update();
    const std::chrono::duration<double> seconds = Clock::now() - begin;
    const StepReport report{step,
                            result.loss,
                            optimizer.lr(),
                            result.norm,
                            result.samples,
                            seconds.count(),
                            skipped,
                            result.gradient_messages,
                            result.gradient_bytes};
    if (options.on_step && !options.on_step(report)) break;
  }
  return step;
}

}  // namespace

Forward autocast(Forward forward, DType precision) {
  return [forward = std::move(forward), precision](const Tensor& inputs) {
    const Autocast scope(precision);
    return cast(forward(inputs), DType::float32);
  };
}

int64_t fit(Module& model, const Forward& forward, Loader& loader, Optimizer& optimizer,
            const FitOptions& options) {
  check(!options.cuda_graph || options.accumulation_steps == 1,
        "fit: a CUDA graph holds no accumulation, got ", options.accumulation_steps, " batches");
  std::unique_ptr<CapturedStep> captured;
  if (options.cuda_graph) {
    captured = std::make_unique<CapturedStep>(
        model, forward, optimizer,
        CapturedStep::Options{options.label_smoothing, options.max_gradient_norm});
  }
  const Loss mean_loss = [&](const Batch& batch) {
    return cross_entropy(forward(batch.inputs), batch.target(),
                         {.label_smoothing = options.label_smoothing});
  };
  return run_steps(model, mean_loss, captured.get(), loader, optimizer, options);
}

int64_t fit(Module& model, const Loss& mean_loss, Loader& loader, Optimizer& optimizer,
            const FitOptions& options) {
  check(!options.cuda_graph && options.label_smoothing == 0,
        "fit: cuda_graph and label_smoothing belong to cross-entropy, not to a loss of one's own");
  return run_steps(model, mean_loss, nullptr, loader, optimizer, options);
}

int64_t steps_per_epoch(const Loader& loader, int64_t accumulation_steps) {
  check(accumulation_steps >= 1, "steps_per_epoch: expected accumulation_steps >= 1, got ",
        accumulation_steps);
  return (loader.batches_per_epoch() + accumulation_steps - 1) / accumulation_steps;
}

namespace {

// log(1 + exp(x)) without overflow: -log sigmoid(-x).
double softplus(double x) {
  return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}

// Mean binary cross-entropy of a row of logits if `label` alone is a yes.
double binary_cross_entropy(std::span<const double> row, size_t label) {
  double sum = 0;
  for (size_t c = 0; c < row.size(); ++c) sum += softplus(c == label ? -row[c] : row[c]);
  return sum / double(row.size());
}

// Sums up one batch; accuracy, top5 and loss are still sums.
void add_batch(Evaluation& result, const Tensor& logits, const Batch& batch, AnswerKind kind) {
  const std::vector<int64_t> wanted = batch.labels.to_vector<int64_t>();
  check(batch.positions.size() == wanted.size(), "evaluate: expected positions for ", wanted.size(),
        " samples, got ", batch.positions.size());
  const bool each = kind == AnswerKind::each_class;
  const std::vector<double> values = (each ? logits : log_softmax(logits)).to_vector<double>();
  const auto classes = size_t(logits.size(1));
  for (size_t i = 0; i < wanted.size(); ++i) {
    const int64_t label = wanted[i];
    check(label >= 0 && label < int64_t(classes), "evaluate: label ", label, " at sample ",
          result.labels.size(), " is out of range for ", classes, " logits");
    const double* row = values.data() + i * classes;
    if (std::any_of(row, row + classes, [](double value) { return std::isnan(value); })) {
      ++result.without_answer;
      result.loss += std::numeric_limits<double>::quiet_NaN();
      result.predicted.push_back(-1);
      result.probability.push_back(0);
      result.labels.push_back(label);
      result.losses.push_back(std::numeric_limits<double>::quiet_NaN());
      result.positions.push_back(batch.positions[i]);
      continue;
    }
    const auto best = size_t(std::max_element(row, row + classes) - row);
    size_t before = 0;  // likelier classes than the true one
    for (size_t c = 0; c < classes; ++c)
      before += row[c] > row[label] || (row[c] == row[label] && c < size_t(label));
    result.accuracy += double(best == size_t(label));
    result.top5 += double(before < 5);
    const double loss = each ? binary_cross_entropy({row, classes}, size_t(label)) : -row[label];
    result.loss += loss;
    result.losses.push_back(loss);
    result.predicted.push_back(int64_t(best));
    result.probability.push_back(each ? 1 / (1 + std::exp(-row[best])) : std::exp(row[best]));
    result.labels.push_back(label);
    result.positions.push_back(batch.positions[i]);
  }
}

}  // namespace

Evaluation evaluate(Module& model, const Forward& forward, const Batches& data,
                    int64_t batch_size) {
  check(data != nullptr && data->size() > 0, "evaluate: the data set is empty");
  check(batch_size >= 1, "evaluate: expected batch_size >= 1, got ", batch_size);
  Loader loader(data, {.batch_size = batch_size, .epochs = 1, .shuffle = false});
  return evaluate(model, forward, loader);
}

Evaluation evaluate(Module& model, const Forward& forward, Loader& loader, AnswerKind kind) {
  const EvalMode eval_mode(model);
  const NoGrad no_grad;
  const Device device = device_of(model);
  Evaluation result;
  loader.seek(0, 0);
  for (int64_t i = 0; i < loader.batches_per_epoch(); ++i) {
    Batch batch = loader.next_or_empty();
    std::ranges::move(batch.skipped, std::back_inserter(result.skipped));
    if (batch.size() > 0) add_batch(result, forward(to(batch.inputs, device)), batch, kind);
  }
  check<FileError>(!result.labels.empty(), "evaluate: no sample can be read; the last: ",
                   result.skipped.empty() ? "" : result.skipped.back());
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
    if (evaluation.predicted[i] < 0) continue;
    check(predicted < n && label < n, "confusion_matrix: class ", std::max(label, predicted),
          " is out of range for ", classes, " classes");
    ++counts[label][predicted];
  }
  return counts;
}

}  // namespace papilio::nn
