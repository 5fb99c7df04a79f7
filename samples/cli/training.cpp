#include "samples/cli/training.h"

#include <cmath>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "nn/optim/parameter_groups.h"
#include "nn/train/checkpoints.h"
#include "nn/train/csv_log.h"
#include "nn/train/progress.h"
#include "nn/train/speed.h"
#include "nn/train/tensorboard_log.h"
#include "samples/cli/interrupt.h"
#include "samples/cli/table.h"
#include "samples/cli/training_record.h"
#include "tensor/storage.h"

namespace papilio::cli {

namespace fs = std::filesystem;

namespace {

constexpr double kNone = TrainingRecord::kNone;
constexpr const char* kColumns[] = {"epoch",
                                    "step",
                                    "loss",
                                    "lr",
                                    "gradient_norm",
                                    "validation_loss",
                                    "validation_accuracy",
                                    "images_per_second"};

// The time comes last: the rest is the same in every run.
constexpr const char* kStepColumns[] = {"step", "loss", "lr", "gradient_norm", "images", "seconds"};

std::unique_ptr<nn::Optimizer> make_optimizer(nn::Module& model, const TrainingSettings& s) {
  auto groups =
      nn::parameter_groups(model, {.weight_decay = s.weight_decay, .layer_decay = s.layer_decay});
  if (s.optimizer == "sgd")
    return std::make_unique<nn::Sgd>(groups, nn::SgdOptions{.lr = s.lr, .momentum = s.momentum});
  return std::make_unique<nn::AdamW>(groups, nn::AdamWOptions{.lr = s.lr});
}

nn::Checkpoints checkpoints_of(const fs::path& out, const TrainingSettings& s) {
  return nn::Checkpoints(out / "checkpoints", s.keep_checkpoints);
}

// One training run: what it consists of, and what happens after each step.
class Training {
 public:
  Training(const TrainingJob& job, const TrainingSettings& s, const Options& options,
           const Common& common)
      : job_(job),
        s_(s),
        options_(options),
        forward_([&job](const Tensor& images) { return job.model(images); }),
        loader_(
            job.data.train,
            {.batch_size = s.batch_size, .seed = uint64_t(s.seed), .workers = job.data.workers}),
        optimizer_(make_optimizer(job.model, s)),
        checkpoints_(checkpoints_of(job.out, s)),
        per_epoch_(nn::steps_per_epoch(loader_, s.accumulate)),
        total_(s.epochs * per_epoch_),
        progress_(common.progress(), job.title, total_) {
    if (job.data.validation != nullptr) {
      validation_ = std::make_unique<nn::Loader>(
          job.data.validation,
          nn::Loader::Options{.batch_size = 256, .workers = job.data.workers, .shuffle = false});
    }
    if (s.ema > 0) average_ = std::make_unique<nn::ModelAverage>(job.model, s.ema);
    if (s.resume) go_on();
    csv_ = open_log("log.csv", {std::begin(kColumns), std::end(kColumns)});
    steps_csv_ = open_log("steps.csv", {std::begin(kStepColumns), std::end(kStepColumns)});
    tensorboard_ = std::make_unique<nn::TensorboardLog>(job.out / "tensorboard");
    progress_.set_done_before(first_step_);
    if (common.progress() != nullptr)
      progress_.set_peak(nn::measured_peak(), nn::training_operations(job.model));
  }

  TrainingEnd run() {
    end_.steps = first_step_;
    end_.total_steps = total_;
    reset_peak_memory();
    end_.steps_per_epoch = per_epoch_;
    try {
      nn::fit(job_.model, forward_, loader_, *optimizer_,
              {.steps = total_,
               .first_step = first_step_,
               .accumulation_steps = s_.accumulate,
               .average = average_.get(),
               .schedule = {.kind = nn::schedule_kind(s_.schedule),
                            .warmup_steps = int64_t(s_.warmup * double(total_)),
                            .total_steps = total_,
                            .min_factor = s_.lr > 0 ? s_.min_lr / s_.lr : 0},
               .label_smoothing = s_.label_smoothing,
               .max_gradient_norm = s_.clip > 0 ? s_.clip : std::numeric_limits<double>::infinity(),
               .on_step = [this](const nn::StepReport& r) { return after_step(r); }});
    } catch (const nn::NonFiniteError& e) {
      const std::vector<fs::path> files = checkpoints_.files();
      end_.failure =
          str(e.what(), files.empty() ? "; there is no checkpoint yet"
                                      : "; the last good checkpoint is " + files.front().string());
      nn::eval(job_.model);
    } catch (const FileError& e) {  // an image that cannot be read, a log that cannot be written
      end_.failure = e.what();
      nn::eval(job_.model);
    }
    finish();
    return end_;
  }

 private:
  nn::TrainingParts parts() { return {job_.model, *optimizer_, loader_, average_.get()}; }

  std::unique_ptr<nn::CsvLog> open_log(const char* name, const std::vector<std::string>& columns) {
    const fs::path file = job_.out / name;
    return s_.resume ? std::make_unique<nn::CsvLog>(file, columns, "step", first_step_)
                     : std::make_unique<nn::CsvLog>(file, columns);
  }

  void go_on() {
    std::vector<std::string> warnings;
    const auto newest = checkpoints_.newest_place();
    if (newest) {
      const auto settings = newest->notes.find("settings");
      check_same_settings(settings == newest->notes.end() ? "" : settings->second, job_.settings,
                          job_.out);
    }
    const auto place = checkpoints_.resume(parts(), warnings);
    warn(options_, warnings);
    check<UsageError>(place.has_value(), "--resume: ", job_.out.string(), " holds no checkpoint");
    first_step_ = place->step;
    record_.set(place->notes);
  }

  nn::Evaluation validate() {
    nn::Evaluation none;
    none.accuracy = none.loss = kNone;
    if (!validation_) return none;
    if (!average_) return nn::evaluate(job_.model, forward_, *validation_);
    const auto shown = average_->show();
    return nn::evaluate(job_.model, forward_, *validation_);
  }

  void warn_once(const std::vector<std::string>& messages) {
    for (const std::string& message : messages) {
      if (warned_.insert(message).second) warn(options_, {"left out: " + message});
    }
  }

  void evaluate(const nn::StepReport& r, int64_t epoch) {
    const nn::Evaluation e = validate();
    warn_once(e.skipped);
    const auto n = double(record_.steps);
    const double rate = record_.seconds > 0 ? double(timed_images_) / record_.seconds : kNone;
    record_.train_loss = record_.loss / n;
    record_.accuracy = e.accuracy;
    csv_->write({double(epoch), double(r.step), record_.train_loss, r.lr, record_.norm / n, e.loss,
                 e.accuracy, rate});
    tensorboard_->write(r.step, {{"train/epoch_loss", record_.train_loss},
                                 {"validation/loss", e.loss},
                                 {"validation/accuracy", e.accuracy},
                                 {"speed/images_per_second", rate}});
    record_.steps = record_.images = timed_images_ = 0;
    record_.loss = record_.norm = record_.seconds = 0;
    if (e.accuracy > record_.best_accuracy) {
      record_.best_accuracy = e.accuracy;
      checkpoint([&] { checkpoints_.save_best(parts(), place(r.step)); });
    }
  }

  nn::TrainingPlace place(int64_t step) const { return {step, record_.notes(job_.settings)}; }

  // A disk that is full now may have room at the next checkpoint: training goes on.
  template <class Save>
  void checkpoint(Save&& save) {
    try {
      save();
    } catch (const FileError& e) {
      warn(options_, {str("no checkpoint: ", e.what())});
    }
  }

  void save_at_signal(int64_t step) {
    try {
      checkpoints_.save(parts(), place(step));
    } catch (const FileError& e) {
      end_.failure = str("interrupted after step ", step,
                         ", and there is no checkpoint to go on from: ", e.what());
    }
  }

  bool after_step(const nn::StepReport& r) {
    warn_once(r.skipped);
    ++record_.steps;
    record_.images += r.images;
    record_.loss += r.loss;
    record_.norm += r.gradient_norm;
    record_.seconds += r.seconds;
    timed_images_ += r.images;
    images_ += r.images;
    end_.seconds += r.seconds;
    end_.steps = r.step;
    const int64_t epoch = (r.step + per_epoch_ - 1) / per_epoch_;
    const bool epoch_ends = r.step % per_epoch_ == 0;
    steps_csv_->write({double(r.step), r.loss, r.lr, r.gradient_norm, double(r.images), r.seconds});
    tensorboard_->write(
        r.step,
        {{"train/loss", r.loss}, {"train/lr", r.lr}, {"train/gradient_norm", r.gradient_norm}});
    if (epoch_ends) evaluate(r, epoch);
    end_.signal = Interruptible::signal();
    if (end_.signal != 0) {
      save_at_signal(r.step);
    } else if (epoch_ends || (s_.checkpoint_steps > 0 && r.step % s_.checkpoint_steps == 0)) {
      checkpoint([&] { checkpoints_.save(parts(), place(r.step)); });
    }
    std::string detail = str("epoch ", epoch, '/', s_.epochs, "  loss ", short_number(r.loss));
    if (!std::isnan(record_.accuracy)) detail += "  validation " + percent(record_.accuracy);
    progress_.update(r.step, r.images, detail);
    return end_.signal == 0;
  }

  // The model becomes what the run is for.
  void finish() {
    end_.train_loss = record_.train_loss;
    end_.validation_accuracy = record_.accuracy;
    end_.best_accuracy = record_.best_accuracy < 0 ? kNone : record_.best_accuracy;
    if (end_.seconds > 0) end_.images_per_second = double(images_) / end_.seconds;
    end_.peak_memory = memory_stats().peak_in_use;
    // A signal behind the last step stopped nothing.
    if (end_.steps == total_) end_.signal = 0;
    if (end_.signal != 0 || !end_.failure.empty()) return;
    if (s_.save == "best") {
      try {
        nn::load_training_state(checkpoints_.best(), parts());
      } catch (const FileError& e) {
        warn(options_, {str("the weights are the last epoch's: ", e.what())});
      }
    }
    if (average_) average_->apply();
  }

  const TrainingJob& job_;
  const TrainingSettings& s_;
  const Options& options_;
  nn::Forward forward_;
  nn::Loader loader_;
  std::unique_ptr<nn::Loader> validation_;
  std::unique_ptr<nn::Optimizer> optimizer_;
  std::unique_ptr<nn::ModelAverage> average_;
  nn::Checkpoints checkpoints_;
  std::unique_ptr<nn::CsvLog> csv_, steps_csv_;
  std::unique_ptr<nn::TensorboardLog> tensorboard_;
  int64_t per_epoch_, total_, first_step_ = 0;
  nn::Progress progress_;
  TrainingRecord record_;
  int64_t images_ = 0, timed_images_ = 0;
  std::set<std::string> warned_;
  TrainingEnd end_;
};

}  // namespace

TrainingEnd run_training(const TrainingJob& job, const TrainingSettings& s, const Options& options,
                         const Common& common) {
  const Interruptible interruptible;
  return Training(job, s, options, common).run();
}

void prepare_run_folder(const fs::path& out, Result result, const TrainingSettings& s,
                        bool overwrite) {
  const nn::Checkpoints checkpoints = checkpoints_of(out, s);
  if (s.resume) {
    check<UsageError>(!checkpoints.files().empty(), "--resume: ", out.string(),
                      " holds no checkpoint");
    return;
  }
  make_output_folder(out, result, overwrite);
  check<UsageError>(overwrite || checkpoints.files().empty(), "--out: ", out.string(),
                    " holds the checkpoints of a run; --resume goes on with it, --overwrite begins "
                    "anew");
  checkpoints.clear();
}

nn::Evaluation evaluate_part(nn::ImageClassifier& model, const nn::Batches& part, int64_t workers) {
  nn::Loader loader(part, {.batch_size = 256, .workers = workers, .shuffle = false});
  return nn::evaluate(
      model, [&](const Tensor& images) { return model(images); }, loader);
}

TestResult evaluate_test(nn::ImageClassifier& model, const TrainingData& data) {
  if (data.test == nullptr) return {};
  TestResult result;
  result.evaluation = evaluate_part(model, data.test, data.workers);
  result.images = int64_t(result.evaluation.labels.size());
  return result;
}

std::string TestResult::text() const {
  if (images == 0) return "no test part";
  return "test accuracy " + percent(evaluation.accuracy) + ", loss " +
         short_number(evaluation.loss);
}

void add_to_json(nlohmann::json& object, const TestResult& test) {
  const auto number = [&](double value) {
    return test.images > 0 ? nlohmann::json(value) : nlohmann::json(nullptr);
  };
  object["test_images"] = test.images;
  object["test_accuracy"] = number(test.evaluation.accuracy);
  object["test_top5"] = number(test.evaluation.top5);
  object["test_loss"] = number(test.evaluation.loss);
}

}  // namespace papilio::cli
