#include "samples/cli/training.h"

#include <cmath>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "nn/optim/optimizer.h"
#include "nn/train/csv_log.h"
#include "nn/train/progress.h"
#include "samples/cli/demo/methods.h"
#include "samples/cli/interrupt.h"
#include "samples/cli/table.h"

namespace papilio::cli {

TrainingSettings demo_recipe() {
  const demo::Schedule schedule;
  const nn::Augmentation augmentation = demo::augmentation();
  TrainingSettings s;
  s.epochs = schedule.pretrain_epochs;
  s.batch_size = schedule.batch_size;
  s.lr = schedule.pretrain_lr;
  s.weight_decay = schedule.weight_decay;
  s.label_smoothing = schedule.label_smoothing;
  s.augment.shift = augmentation.shift_pixels;
  s.augment.rotate = augmentation.rotation_degrees;
  return s;
}

void add_training(Options& options, TrainingSettings& s) {
  options.section("Training");
  options.add("epochs", &s.epochs, "N", "passes over the training images").range(1, 1e6);
  options.add("batch-size", &s.batch_size, "N", "images in a step").range(1, 1e6);
  options.add("lr", &s.lr, "RATE", "highest learning rate").range(0);
  options.add("optimizer", &s.optimizer, "NAME", "adamw or sgd").choices({"adamw", "sgd"});
  options.add("momentum", &s.momentum, "M", "of sgd").below(0, 1);
  options.add("weight-decay", &s.weight_decay, "W", "decoupled; not on biases, norms and scales")
      .range(0);
  options.add("schedule", &s.schedule, "NAME", "of the rate: cosine, linear or constant")
      .choices({"cosine", "linear", "constant"});
  options.add("warmup", &s.warmup, "SHARE", "of all steps, in which the rate rises").below(0, 1);
  options.add("min-lr", &s.min_lr, "RATE", "where the schedule ends").range(0);
  options.add("label-smoothing", &s.label_smoothing, "E", "share spread over all classes")
      .below(0, 1);
  options.add("clip", &s.clip, "NORM", "largest norm of the gradient; 0 for any").range(0);
  options.add("seed", &s.seed, "N", "of every random choice; the same seed gives the same weights")
      .range(0);
  add_augmentation(options, s.augment);
}

void resolve(Options& options, const TrainingSettings& s) {
  options.applies_when(s.optimizer == "sgd", {"momentum"}, "--optimizer sgd");
  options.applies_when(s.schedule != "constant", {"min-lr"}, "--schedule cosine or linear");
  check<UsageError>(s.min_lr <= s.lr, "--min-lr: expected at most the rate ", s.lr, ", got ",
                    s.min_lr);
}

namespace {

std::vector<nn::ParameterGroup> parameter_groups(nn::Module& model, double weight_decay) {
  nn::ParameterGroup decayed{{}, 1, weight_decay}, free{{}, 1, 0};
  for (const auto& [name, tensor] : nn::named_parameters(model)) {
    if (!tensor->requires_grad()) continue;
    // A scale begins at 1: decay would pull it to 0.
    const bool decays = tensor->dim() >= 2 && !name.ends_with("boft_s");
    (decays ? decayed : free).parameters.push_back(*tensor);
  }
  return {decayed, free};
}

std::unique_ptr<nn::Optimizer> make_optimizer(nn::Module& model, const TrainingSettings& s) {
  auto groups = parameter_groups(model, s.weight_decay);
  if (s.optimizer == "sgd")
    return std::make_unique<nn::Sgd>(groups, nn::SgdOptions{.lr = s.lr, .momentum = s.momentum});
  return std::make_unique<nn::AdamW>(groups, nn::AdamWOptions{.lr = s.lr});
}

}  // namespace

TrainingEnd run_training(nn::Module& model, const nn::Forward& forward, const TrainingData& data,
                         const TrainingSettings& s, const std::filesystem::path& log,
                         const Common& common, const std::string& title) {
  const Interruptible interruptible;
  nn::Loader loader(
      data.train, {.batch_size = s.batch_size, .seed = uint64_t(s.seed), .workers = data.workers});
  std::unique_ptr<nn::Loader> validation;
  if (data.validation != nullptr) {
    validation = std::make_unique<nn::Loader>(
        data.validation,
        nn::Loader::Options{.batch_size = 256, .workers = data.workers, .shuffle = false});
  }
  std::set<std::string> warned;
  const auto warn_once = [&](const std::vector<std::string>& messages) {
    for (const std::string& message : messages) {
      if (warned.insert(message).second)
        std::fprintf(stderr, "papilio: warning: left out: %s\n", printable(message).c_str());
    }
  };
  const int64_t per_epoch = loader.batches_per_epoch();
  const auto optimizer = make_optimizer(model, s);
  nn::CsvLog csv(log, {"epoch", "step", "loss", "lr", "gradient_norm", "validation_loss",
                       "validation_accuracy", "images_per_second"});
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  TrainingEnd end{
      .total_steps = s.epochs * per_epoch, .train_loss = kNone, .validation_accuracy = kNone};
  nn::Progress progress(common.progress(), title, end.total_steps);

  struct Sums {
    int64_t steps = 0, images = 0;
    double loss = 0, norm = 0, seconds = 0;
  } epoch;
  int64_t images = 0;
  const auto on_step = [&](const nn::StepReport& r) {
    warn_once(r.skipped);
    ++epoch.steps;
    epoch.images += r.images;
    epoch.loss += r.loss;
    epoch.norm += r.gradient_norm;
    epoch.seconds += r.seconds;
    images += r.images;
    end.seconds += r.seconds;
    end.steps = r.step;
    const int64_t number = (r.step + per_epoch - 1) / per_epoch;
    end.signal = Interruptible::signal();
    if (r.step % per_epoch == 0 || end.signal != 0) {
      nn::Evaluation e;
      e.accuracy = e.loss = kNone;
      if (validation != nullptr) e = nn::evaluate(model, forward, *validation);
      warn_once(e.skipped);
      const auto n = double(epoch.steps);
      end.train_loss = epoch.loss / n;
      end.validation_accuracy = e.accuracy;
      csv.write({double(number), double(r.step), end.train_loss, r.lr, epoch.norm / n, e.loss,
                 e.accuracy, double(epoch.images) / epoch.seconds});
      epoch = {};
    }
    std::string detail = str("epoch ", number, '/', s.epochs, "  loss ", short_number(r.loss));
    if (!std::isnan(end.validation_accuracy))
      detail += "  validation " + percent(end.validation_accuracy);
    progress.update(r.step, r.images, detail);
    return end.signal == 0;
  };
  try {
    nn::fit(model, forward, loader, *optimizer,
            {.steps = end.total_steps,
             .schedule = {.kind = nn::schedule_kind(s.schedule),
                          .warmup_steps = int64_t(s.warmup * double(end.total_steps)),
                          .total_steps = end.total_steps,
                          .min_factor = s.lr > 0 ? s.min_lr / s.lr : 0},
             .label_smoothing = s.label_smoothing,
             .max_gradient_norm = s.clip > 0 ? s.clip : std::numeric_limits<double>::infinity(),
             .on_step = on_step});
  } catch (const nn::NonFiniteError& e) {
    end.failure = e.what();
    nn::eval(model);
  } catch (const FileError& e) {  // an image that cannot be read
    end.failure = e.what();
    nn::eval(model);
  }
  if (end.seconds > 0) end.images_per_second = double(images) / end.seconds;
  // A signal behind the last step stopped nothing.
  if (end.steps == end.total_steps) end.signal = 0;
  return end;
}

TestResult evaluate_test(nn::Module& model, const nn::Forward& forward, const TrainingData& data) {
  if (data.test == nullptr) return {};
  nn::Loader loader(data.test, {.batch_size = 256, .workers = data.workers, .shuffle = false});
  const nn::Evaluation e = nn::evaluate(model, forward, loader);
  return {int64_t(e.labels.size()), e.accuracy, e.top5, e.loss};
}

std::string TestResult::text() const {
  if (images == 0) return "no test part";
  return "test accuracy " + percent(accuracy) + ", loss " + short_number(loss);
}

void add_to_json(nlohmann::json& object, const TestResult& test) {
  const auto number = [&](double value) {
    return test.images > 0 ? nlohmann::json(value) : nlohmann::json(nullptr);
  };
  object["test_images"] = test.images;
  object["test_accuracy"] = number(test.accuracy);
  object["test_top5"] = number(test.top5);
  object["test_loss"] = number(test.loss);
}

int report_end(const Options& options, const TrainingEnd& end, const std::string& saved) {
  if (!end.failure.empty()) {
    std::fprintf(stderr, "papilio %s: %s; the model of the step before is in %s\n",
                 options.command().c_str(), end.failure.c_str(), saved.c_str());
    return 1;
  }
  if (end.signal == 0) return 0;
  std::fprintf(stderr,
               "papilio %s: interrupted after step %lld of %lld; what it learned is in %s\n",
               options.command().c_str(), static_cast<long long>(end.steps),
               static_cast<long long>(end.total_steps), saved.c_str());
  return 128 + end.signal;
}

void add_to_json(nlohmann::json& object, const TrainingEnd& end) {
  object["steps"] = end.steps;
  object["total_steps"] = end.total_steps;
  object["seconds"] = end.seconds;
  object["images_per_second"] = end.images_per_second;
  object["train_loss"] = end.train_loss;
  object["validation_accuracy"] = end.validation_accuracy;
  object["interrupted"] = end.signal != 0;
  object["failure"] = end.failure.empty() ? nlohmann::json(nullptr) : nlohmann::json(end.failure);
}

}  // namespace papilio::cli
