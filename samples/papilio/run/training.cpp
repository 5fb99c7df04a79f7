#include "samples/papilio/run/training.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "nn/data/batch_source.h"
#include "nn/layers/block.h"
#include "nn/optim/schedule.h"
#include "nn/parallel/communicator.h"
#include "nn/parallel/data_parallel.h"
#include "nn/train/model_average.h"
#include "nn/train/progress.h"
#include "nn/train/shared_evaluation.h"
#include "nn/train/speed.h"
#include "nn/train/spinner.h"
#include "nn/train/training_state.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/settings_file.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/run/interrupt.h"
#include "samples/papilio/run/ranks.h"
#include "samples/papilio/run/run_checkpoints.h"
#include "samples/papilio/run/run_folder.h"
#include "samples/papilio/run/run_logs.h"
#include "samples/papilio/run/shared_run.h"
#include "samples/papilio/run/training_record.h"
#include "tensor/files/atomic_file.h"
#include "tensor/storage.h"

namespace papilio::cli {

namespace {

constexpr double kNone = TrainingRecord::kNone;

// One training run: what it consists of, and what happens after each step.
class Training {
 public:
  Training(const TrainingJob& job, const TrainingSettings& s, const Options& options,
           const Common& common)
      : job_(job),
        s_(s),
        options_(options),
        loader_(job.data.train, {.batch_size = s.batch_size,
                                 .seed = uint64_t(s.seed),
                                 .workers = job.data.workers,
                                 .parts = parallel_of(s).parts()}),
        optimizer_(make_optimizer(job.model, s)),
        checkpoints_(job, s, options),
        per_epoch_(nn::steps_per_epoch(loader_, s.accumulate)),
        total_(total_steps(job, s, per_epoch_)),
        schedule_{.kind = nn::schedule_kind(s.schedule),
                  .warmup_steps = int64_t(s.warmup * double(total_)),
                  .total_steps = total_,
                  .min_factor = s.lr > 0 ? s.min_lr / s.lr : 0},
        progress_to_(common.progress()),
        progress_(progress_to_, job.title, total_) {
    nn::set_recompute(job.model, nn::recompute_named(s.recompute));
    check<UsageError>(s.patience == 0 || job.data.validation != nullptr,
                      "--patience: the data have no validation part");
    make_validation();
    if (s.ema > 0) average_ = std::make_unique<nn::ModelAverage>(job.model, s.ema);
    if (s.resume && is_first_rank()) {
      first_step_ = checkpoints_.resume(parts(), record_);
      const RunLogs::Spent before = RunLogs::spent_until(job.out, first_step_);
      end_.seconds = before.seconds;
      images_ = before.images;
    }
    share_start(s, parts(), first_step_, record_, job, options);
    note_good_step(first_step_);
    // A finished run has nothing more to say.
    const bool finished = first_step_ == total_ && RunLogs::end_with_epoch_of(job.out, total_);
    if (s.resume && !finished) open_logs();
    progress_.set_done_before(first_step_);
    progress_.set_unit(job.samples);
    if (job.operations && common.progress() != nullptr && nn::device_of(job.model).is_cpu())
      progress_.set_peak(double(ranks().size()) * nn::measured_peak(training_precision(s)),
                         job.operations());
  }

  TrainingEnd run() {
    end_.total_steps = total_;
    end_.steps_per_epoch = per_epoch_;
    reset_peak_memory();
    try {
      if (validation_is_due()) end_epoch(first_step_);
      if (!out_of_patience()) steps();
      end_.weights = Weights::trained;
    } catch (const nn::NonFiniteError& e) {
      end_.outcome = Outcome::diverged;
      const std::string& file = checkpoints_.newest_file();
      end_.fail(str(e.what(), file.empty() ? "; there is no checkpoint yet"
                                           : "; the last good checkpoint is " + file));
    } catch (const Error& e) {
      if (ranks().size() > 1) throw;  // the others are elsewhere in the run
      save_at_failure(e.what());
    } catch (const std::bad_alloc&) {
      if (ranks().size() > 1) throw;
      save_at_failure("out of memory");
    }
    nn::eval(job_.model);
    finish();
    return end_;
  }

 private:
  void steps() {
    const nn::DataParallel parallel = parallel_of(s_);
    auto spinner = std::make_unique<nn::Spinner>(progress_to_, job_.title + ": the first step");
    job_.fit(
        loader_, *optimizer_,
        {.steps = total_,
         .first_step = first_step_,
         .accumulation_steps = s_.accumulate,
         .average = average_.get(),
         .schedule = schedule_,
         .label_smoothing = s_.label_smoothing,
         .max_gradient_norm = s_.clip > 0 ? s_.clip : std::numeric_limits<double>::infinity(),
         .cuda_graph = s_.cuda_graph && s_.accumulate == 1 && !nn::device_of(job_.model).is_cpu(),
         .parallel = in_parts() ? &parallel : nullptr,
         .on_step = [&](const nn::StepReport& r) {
           spinner.reset();
           return after_step(r);
         }});
  }

  bool out_of_patience() const { return s_.patience > 0 && record_.stale >= s_.patience; }

  bool in_parts() const { return ranks().size() > 1 || s_.reproducible > 0; }

  void make_validation() {
    if (job_.data.validation == nullptr) return;
    const int64_t batch = job_.data.evaluation_batch;
    const nn::Batches own = nn::share_of(job_.data.validation, batch, ranks());
    has_share_ = own->size() > 0;
    // A rank whose share is empty has a loader all the same, which nobody asks.
    validation_ = std::make_unique<nn::Loader>(
        has_share_ ? own : job_.data.validation,
        nn::Loader::Options{
            .batch_size = batch,
            .workers = job_.data.workers,
            .epochs = 1,
            .shuffle = false,
            .on_batch = [this] { ranks().set_busy_for(seconds_of_evaluation_batch()); }});
  }

  // What one takes at most: ten times as long as training takes for as many samples at a rank.
  double seconds_of_evaluation_batch() const {
    if (record_.images == 0) return std::numeric_limits<double>::infinity();
    const double one = record_.seconds * ranks().size() / double(record_.images);
    return 10 * one * double(job_.data.evaluation_batch);
  }

  nn::TrainingParts parts() { return {job_.model, *optimizer_, loader_, average_.get()}; }

  // The last epoch may be cut off, if the steps are counted.
  bool ends_epoch(int64_t step) const { return step % per_epoch_ == 0 || step == total_; }
  int64_t epoch_of(int64_t step) const { return (step + per_epoch_ - 1) / per_epoch_; }

  // A checkpoint at an epoch's end is written before the validation.
  bool validation_is_due() const {
    return first_step_ > 0 && ends_epoch(first_step_) && record_.steps > 0;
  }

  void open_logs() {
    if (!is_first_rank()) return;
    std::optional<RunLogs::Resumed> resumed;
    if (s_.resume) resumed = {validation_is_due() ? first_step_ - 1 : first_step_, first_step_};
    logs_ = std::make_unique<RunLogs>(
        job_.out, resumed, [this](const std::string& message) { warn_once("", {message}); });
  }

  void note_good_step(int64_t step) {
    end_.steps = end_.model_step = step;
    good_ = {optimizer_->steps(), loader_.state(), default_generator().state()};
  }

  nn::Evaluation validate() {
    nn::Evaluation none;
    none.accuracy = none.loss = kNone;
    if (!validation_) return none;
    const nn::Spinner spinner(progress_to_, job_.title + ": validation");
    const auto evaluate = [&] {
      // Shares, and hosts, are not equally fast; but one batch comes after another.
      const auto own = [&] {
        const nn::Busy busy(ranks(), seconds_of_evaluation_batch());
        return job_.evaluate(*validation_);
      };
      return nn::evaluate_together(ranks(), own, has_share_);
    };
    if (!average_) return evaluate();
    const auto shown = average_->show();
    return evaluate();
  }

  void warn_once(const std::string& what, const std::vector<std::string>& messages) {
    for (const std::string& message : messages) {
      if (warned_.insert(message).second) warn(options_, {what + message});
    }
  }

  void end_epoch(int64_t step) {
    const nn::Evaluation e = validate();
    warn_once("left out: ", e.skipped);
    if (e.without_answer > 0) {
      warn(options_,
           {str("the model gives no number for ", e.without_answer, " images of the validation")});
    }
    const auto n = double(record_.steps);
    const double rate = record_.seconds > 0 ? double(record_.images) / record_.seconds : kNone;
    record_.train_loss = record_.loss / n;
    record_.accuracy = e.accuracy;
    record_.stale = e.accuracy > record_.best_accuracy ? 0 : record_.stale + 1;
    if (logs_)
      logs_->epoch({epoch_of(step), step, record_.train_loss, s_.lr * schedule_.factor(step - 1),
                    record_.norm / n, e.loss, e.accuracy, rate});
    record_.steps = record_.images = 0;
    record_.loss = record_.norm = record_.seconds = 0;
    if (!validation_) return;
    if (is_first_rank()) {
      const nn::Busy busy(ranks());
      checkpoints_.keep_best(parts(), step, record_, e.accuracy);
    } else {
      record_.best_accuracy = std::max(record_.best_accuracy, e.accuracy);
    }
  }

  void save(int64_t step) {
    nn::check_same_parameters(ranks(), job_.model);
    if (!is_first_rank()) return;
    const nn::Busy busy(ranks());
    checkpoints_.save(parts(), step, record_);
  }

  void save_at_signal(int64_t step) {
    if (!is_first_rank()) return;
    try {
      if (checkpoints_.newest() != step) checkpoints_.save_or_throw(parts(), step, record_);
    } catch (const FileError& e) {
      end_.fail(str("interrupted after step ", step,
                    ", and there is no checkpoint of it to go on from: ", e.what()));
    }
  }

  // As after the last good step: what came of the one that failed is forgotten.
  void save_at_failure(const std::string& why) {
    end_.fail(why);
    if (end_.weights == Weights::none) return;
    if (optimizer_->steps() != good_.updates) {  // some parameters may be those of the next
      end_.weights = Weights::none;
      return;
    }
    if (checkpoints_.newest() == end_.steps) return;
    loader_.set_state(good_.loader);
    default_generator().set_state(good_.random);
    checkpoints_.save(parts(), end_.steps, record_);
  }

  // The first step shows that the run works: now it takes the place of what was there.
  void begin() {
    if (!s_.resume && is_first_rank()) {
      begin_run_folder(job_.out);
      write_file_atomically(job_.out / kRunSettings, job_.settings);
      open_logs();
    }
    end_.weights = Weights::trained;
  }

  bool after_step(const nn::StepReport& r) {
    if (end_.weights == Weights::none) begin();
    note_good_step(r.step);
    warn_once("left out: ", r.skipped);
    if (r.samples > 0) {
      end_.gradient_messages = r.gradient_messages;
      end_.gradient_bytes = r.gradient_bytes;
      ++record_.steps;
      record_.images += r.samples;
      record_.loss += r.loss;
      record_.norm += r.gradient_norm;
      record_.seconds += r.seconds;
    }
    images_ += r.samples;
    end_.seconds += r.seconds;
    if (logs_) logs_->step(r);
    const bool epoch_ends = ends_epoch(r.step);
    // If steps are counted, an epoch may be short.
    if ((job_.steps > 0 ? r.step == total_ : epoch_ends) ||
        (s_.checkpoint_steps > 0 && r.step % s_.checkpoint_steps == 0))
      save(r.step);
    if (job_.after_step) job_.after_step(r.step, average_.get());
    // A signal after the last step stops nothing. It comes to ranks in different steps.
    const auto stopped = [&] {
      return r.step < total_ ? int(ranks().max(Interruptible::signal())) : 0;
    };
    if (epoch_ends && stopped() == 0) end_epoch(r.step);
    end_.signal = stopped();
    if (end_.signal != 0) {
      end_.outcome = Outcome::interrupted;
      save_at_signal(r.step);
    }
    std::string detail =
        str("epoch ", epoch_of(r.step), '/', epoch_of(total_), "  loss ", short_number(r.loss));
    if (!std::isnan(record_.accuracy)) detail += "  validation " + percent(record_.accuracy);
    progress_.update(r.step, r.samples, detail);
    return end_.signal == 0 && !(epoch_ends && out_of_patience());
  }

  // The model becomes what the run is for.
  void finish() {
    end_.train_loss = record_.train_loss;
    end_.ran_out_of_patience = end_.steps < total_ && out_of_patience();
    end_.validation_accuracy = record_.accuracy;
    end_.best_accuracy = record_.best_accuracy < 0 ? kNone : record_.best_accuracy;
    if (end_.seconds > 0) end_.images_per_second = double(images_) / end_.seconds;
    end_.peak_memory = memory_stats().peak_in_use;
    end_.checkpoint = checkpoints_.newest_file();
    if (s_.save == "best" && end_.outcome == Outcome::finished && is_first_rank()) load_best();
    if (average_ && end_.weights != Weights::none) average_->apply();
  }

  void load_best() {
    std::string problem;
    end_.model_step = checkpoints_.load_best(parts(), end_.steps, record_, problem);
    if (problem.empty()) return;
    if (validation_)
      end_.fail(problem);
    else
      end_.warning = problem;
  }

  // What fit had made of the run when the last good step was done.
  struct GoodStep {
    int64_t updates = 0;
    nn::LoaderState loader;
    GeneratorState random;
  };

  const TrainingJob& job_;
  const TrainingSettings& s_;
  const Options& options_;
  nn::Loader loader_;
  std::unique_ptr<nn::Loader> validation_;  // this rank's share
  bool has_share_ = false;
  std::unique_ptr<nn::Optimizer> optimizer_;
  std::unique_ptr<nn::ModelAverage> average_;
  RunCheckpoints checkpoints_;
  std::unique_ptr<RunLogs> logs_;
  int64_t per_epoch_, total_, first_step_ = 0;
  nn::Schedule schedule_;
  std::FILE* progress_to_;
  nn::Progress progress_;
  TrainingRecord record_;
  GoodStep good_;
  int64_t images_ = 0;
  std::set<std::string> warned_;
  TrainingEnd end_;
};

}  // namespace

TrainingEnd run_training(const TrainingJob& job, const TrainingSettings& s, const Options& options,
                         const Common& common) {
  const Interruptible interruptible;
  Training training(job, s, options, common);
  if (ranks().size() > 1 && !common.json) std::printf("%s\n", ranks_text().c_str());
  return training.run();
}

}  // namespace papilio::cli
