#include "samples/papilio/run/training_run.h"

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "autograd/anomaly.h"
#include "autograd/grad_mode.h"
#include "autograd/ops/to.h"
#include "boft/files/checkpoint.h"
#include "nn/models/pretrained.h"
#include "nn/train/spinner.h"
#include "samples/papilio/data/known_split.h"
#include "samples/papilio/data/processor.h"
#include "samples/papilio/data/training_data.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/settings_file.h"
#include "samples/papilio/run/memory.h"
#include "samples/papilio/run/model.h"
#include "samples/papilio/run/orthogonality.h"
#include "samples/papilio/run/ranks.h"
#include "samples/papilio/run/report_adapter.h"
#include "samples/papilio/run/report_evaluation.h"
#include "samples/papilio/run/report_page.h"
#include "samples/papilio/run/report_training.h"
#include "samples/papilio/run/run_folder.h"
#include "samples/papilio/run/run_results.h"
#include "samples/papilio/run/table.h"
#include "samples/papilio/run/test_result.h"
#include "samples/papilio/run/training.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tensor/text.h"

namespace papilio::cli {

namespace {

void save_into(const TrainingRun& run, const std::filesystem::path& out) {
  const std::vector<std::string>& class_names = run.data.class_names;
  if (run.adapters != nullptr) {
    save_class_names(out, class_names);
    boft::save_adapter(*run.adapters, out);
    return;
  }
  if (!run.data.prepared()) save_processor(out, run.processor);
  nn::save_pretrained(run.model, class_names, out);
}

// Whether images of noise get finite answers: weights that are not finite give none to any.
bool gives_numbers(nn::ImageClassifier& model) {
  const NoGrad no_grad;
  const nn::ImageClassifier::Shape shape = model.shape();
  Generator generator;
  const Tensor images =
      randn({2, shape.num_channels, shape.image_size, shape.image_size}, {}, generator);
  return all_finite(model(to(images, nn::device_of(model))));
}

void write_run_report(const TrainingRun& run, const TrainingData& parts, const TrainingEnd& end,
                      const TestResult& test) {
  const std::filesystem::path out = run.settings.out;
  write_report_or_warn(run.options, out / "report.html", [&](report::RunReport& page) {
    page.title = run.report_title;
    page.subject = run.report_subject;
    const nn::ParameterCount count = nn::count_parameters(run.model);
    page.parameters = count.all;
    page.trainable = count.trainable;
    if (run.old_head != nullptr) {
      const Kept& kept = run.old_head->kept();
      page.kept_images = kept.images;
      page.kept_before = kept.before;
      page.kept_after = kept.after;
    }
    report_command(page, run.options, run.words, run.model, run.settings.data, run.data);
    report_training(page, out, end);
    const EvaluatedPart shown =
        end.succeeded() ? part_to_show(run.model, parts, test) : EvaluatedPart();
    report_evaluation(page, run.model, shown, run.data.class_names, run.processor,
                      run.data.prepared());
    report_adapter(page, run.adapters);
  });
}

nlohmann::json results_of(const TrainingRun& run, const TrainingEnd& end, const TestResult& test,
                          const RunMemory& memory) {
  nlohmann::json results = run_results(run.options, run.settings, run.model, run.adapters, end);
  results["classes"] = run.data.class_names;
  run.add_to_json(results);
  add_to_json(results, test);
  if (run.old_head != nullptr) add_to_json(results, run.old_head->kept());
  results["memory_plan"] = memory.json();
  return results;
}

std::string kept_text(const OldHead* head) {
  if (head == nullptr || head->kept().images == 0) return "";
  return str(", ", percent(head->kept().after), " kept of the old classes under their old head (",
             percent(head->kept().before), " before)");
}

void print_run(const TrainingRun& run, const TrainingEnd& end, const TestResult& test,
               const nlohmann::json& results) {
  const RunSettings& s = run.settings;
  if (s.common.json) {
    print_json(results);
  } else if (end.succeeded()) {
    std::printf("%s%s\n%s: %s\n", test.text().c_str(), kept_text(run.old_head).c_str(),
                s.out.c_str(), written_in(s.out).c_str());
  }
}

// What happens to the model before its first step.
void prepare_model(const TrainingRun& run) {
  const RunSettings& s = run.settings;
  if (run.old_head != nullptr) run.old_head->measure_before(run.model);
  if (!run.before_training || s.training.resume) return;
  nn::Loader images(evaluation_batches(run.data, "train", run.processor, s.data.on_corrupt()),
                    {.batch_size = s.training.batch_size,
                     .seed = uint64_t(s.training.seed),
                     .workers = loader_workers(s.data, run.data),
                     .epochs = 1});
  run.before_training(images);
}

}  // namespace

RunData open_run_data(Options& options, RunSettings& s, Device device,
                      const std::vector<std::string>& folders) {
  check_training_options(options, s.training, device);
  check_data_options(options, s.data);
  warn(options, take_known_split(options, s.data, folders));
  const Data all = [&] {
    const nn::Spinner sign(s.common.progress(), options.command() + ": reading the data");
    return open_data(s.data);
  }();
  fit_augmentation_to_data(options, s.training.augment, all);
  std::vector<int64_t> classes = chosen_classes(s.data, all);
  Data data = with_classes(all, classes);
  check<UsageError>(classes.size() > 1, "the data have one class, ", printable(data.class_names[0]),
                    ": there is nothing to tell it from");
  return {std::move(data), std::move(classes), all};
}

std::optional<RunLock> first_rank_prepares(const RunSettings& s, ResultKind kind) {
  if (!is_first_rank()) return std::nullopt;
  return prepare_run_folder(s.out, kind, s.training.resume, s.overwrite);
}

TrainingEnd train_and_save(const TrainingJob& job, const RunSettings& s, const Options& options,
                           const std::optional<RunLock>& lock, const ResultToSave& result) {
  TrainingEnd end = run_training(job, s.training, options, s.common);
  if (!lock) return end;
  if (!lock->is_there()) {
    end.fail(s.out + ": was removed while the run wrote into it");
    end.checkpoint.clear();  // and run.toml with it
  }
  std::error_code ignored;
  end.old_result =
      holds_result(s.out) &&
      (!s.training.resume || std::filesystem::exists(s.out + '/' + kResultSettings, ignored));
  if (end.weights == Weights::trained && holds_result(s.out) && !result.gives_numbers()) {
    end.fail("the model gives no number");
    end.weights = Weights::none;
    end.old_result = true;
  }
  if (result.adapters != nullptr && end.weights == Weights::trained)
    warn(options, orthogonality_warnings(*result.adapters));
  save_result(end, [&] { write_result(s.out, result.save); });
  return end;
}

int run_training_command(const TrainingRun& run) {
  RunSettings& s = run.settings;
  if (s.training.resume) resume_products(run.options, s.common, s.out);
  // Settings that run.toml cannot hold are refused before anything is made.
  static_cast<void>(run.options.toml());
  const std::optional<RunLock> lock =
      first_rank_prepares(s, run.adapters != nullptr ? ResultKind::adapter : ResultKind::model);
  TrainingData parts =
      training_data(run.data, s.data, run.processor, s.training.augment, s.training.batch_size);
  const RunMemory memory = settle_memory(run.options, run.model, parts, s.training, s.out,
                                         run.resizable && !run.data.prepared());
  if (!s.common.json) {
    std::printf("%s\n%s\n", run.intro.c_str(),
                plan_line(run.model, parts.image_shape, s.training, memory).c_str());
    std::fflush(stdout);
  }
  prepare_model(run);
  TrainingJob job = classifier_job(run.model, parts, s.training);
  job.out = s.out, job.title = run.progress_title, job.settings = run.options.toml();
  const TrainingEnd end =
      train_and_save(job, s, run.options, lock,
                     {.save = [&](const std::filesystem::path& out) { save_into(run, out); },
                      .gives_numbers = [&] { return gives_numbers(run.model); },
                      .adapters = run.adapters});
  if (!is_first_rank()) return 0;

  TestResult test;
  if (end.succeeded()) test = evaluate_test(run.model, parts);
  if (!test.problem.empty()) warn(run.options, {test.text() + ": " + test.problem});
  if (run.old_head != nullptr && end.succeeded()) run.old_head->measure_after(run.model);
  const nlohmann::json results = results_of(run, end, test, memory);
  if (end.weights == Weights::saved) {
    write_results_or_warn(run.options, s.out, results);
    write_run_report(run, parts, end, test);
  }
  print_run(run, end, test, results);
  return report_end(run.options, end, s.out);
}

}  // namespace papilio::cli
