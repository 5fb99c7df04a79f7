#include "samples/papilio/images/image_run.h"

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "autograd/anomaly.h"
#include "autograd/grad_mode.h"
#include "autograd/ops/to.h"
#include "boft/files/checkpoint.h"
#include "nn/data/transforms/image_processor.h"
#include "nn/models/pretrained.h"
#include "nn/train/fit.h"
#include "nn/train/speed.h"
#include "nn/train/spinner.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/data/known_split.h"
#include "samples/papilio/data/processor.h"
#include "samples/papilio/images/image_memory.h"
#include "samples/papilio/images/report_evaluation.h"
#include "samples/papilio/images/training_forward.h"
#include "samples/papilio/models/model.h"
#include "samples/papilio/models/model_lines.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/report/report_page.h"
#include "samples/papilio/run/training.h"
#include "samples/papilio/run/training_end.h"
#include "samples/report/pages/run_report.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tensor/text.h"

namespace papilio::cli {

RunData open_run_data(Options& options, RunSettings& s, Device device,
                      const std::vector<std::string>& folders) {
  check_training_options(options, s.training, device);
  check_data_options(options, s.data);
  warn(options, take_known_split(options, s.data, folders));
  const Data all = [&] {
    const nn::Spinner spinner(s.common.progress(), options.command() + ": reading the data");
    return open_data(s.data);
  }();
  fit_augmentation_to_data(options, s.training.augment, all);
  std::vector<int64_t> classes = chosen_classes(s.data, all);
  Data data = with_classes(all, classes);
  check<UsageError>(classes.size() > 1, "the data have one class, ", printable(data.class_names[0]),
                    ": there is nothing to tell it from");
  return {std::move(data), std::move(classes), all};
}

std::string ImageRun::settle() {
  const ImageSubject& it = subject_;
  RunSettings& s = settings();
  parts_ = training_data(it.data, s.data, it.processor, s.training.augment, s.training.batch_size);
  const MemoryQuestion question =
      memory_question(it.model,
                      {.shape = parts_.image_shape,
                       .validates = parts_.validation != nullptr || parts_.test != nullptr,
                       .workers = parts_.workers,
                       .resizable = it.resizable && !it.data.source->processor},
                      s.training);
  memory_ = settle_memory(options(), question, s.training, s.out);
  parts_.evaluation_batch = s.training.batch_size;
  return plan_line(question.what, s.training, memory_);
}

void ImageRun::before_training() {
  const ImageSubject& it = subject_;
  const RunSettings& s = settings();
  if (it.old_head != nullptr) it.old_head->measure_before(it.model);
  if (!it.before_training || s.training.resume) return;
  nn::Loader images(evaluation_batches(it.data, "train", it.processor, s.data.on_corrupt()),
                    {.batch_size = s.training.batch_size,
                     .seed = uint64_t(s.training.seed),
                     .workers = loader_workers(s.data, it.data),
                     .epochs = 1});
  it.before_training(images);
}

TrainingJob ImageRun::job() {
  nn::ImageClassifier& model = subject_.model;
  const nn::ImageProcessor shown = subject_.data.source->processor.value_or(subject_.processor);
  return {.model = model,
          .fit =
              [&model, forward = training_forward(model, settings().training)](
                  nn::Loader& loader, nn::Optimizer& optimizer, const nn::FitOptions& options) {
                nn::fit(model, forward, loader, optimizer, options);
              },
          // In float32 whatever the precision of training: the model that will be saved and tested.
          .evaluate =
              [&model](nn::Loader& loader) {
                return nn::evaluate(
                    model, [&model](const Tensor& images) { return model(images); }, loader);
              },
          .operations =
              [&model, shape = parts_.image_shape] {
                return nn::training_operations(model, shape[1], shape[2]);
              },
          .data = parts_,
          .samples = "images",
          .model_lines = model_lines(model) + processor_lines(shown)};
}

void ImageRun::save(const std::filesystem::path& out) {
  const std::vector<std::string>& class_names = subject_.data.class_names;
  if (subject_.adapters != nullptr) {
    save_class_names(out, class_names);
    boft::save_adapter(*subject_.adapters, out);
    return;
  }
  if (!subject_.data.source->processor) save_processor(out, subject_.processor);
  nn::save_pretrained(subject_.model, class_names, out);
}

// Images of noise: weights that are not finite give no finite answer to any.
bool ImageRun::gives_numbers() {
  const NoGrad no_grad;
  nn::ImageClassifier& model = subject_.model;
  const nn::ImageClassifier::Shape shape = model.shape();
  Generator generator;
  const Tensor images =
      randn({2, shape.num_channels, shape.image_size, shape.image_size}, {}, generator);
  return all_finite(model(to(images, nn::device_of(model))));
}

void ImageRun::evaluate() {
  test_ = evaluate_test(subject_.model, parts_);
  if (!test_.problem.empty()) warn(options(), {test_.text() + ": " + test_.problem});
  for (const std::string& message : test_.evaluation.skipped)
    warn(options(), {"left out: " + message});
  if (subject_.old_head != nullptr) subject_.old_head->measure_after(subject_.model);
}

void ImageRun::add_results(nlohmann::json& results) {
  results["classes"] = subject_.data.class_names;
  add_to_json(results, test_);
  if (subject_.old_head != nullptr) add_to_json(results, subject_.old_head->kept());
  results["memory_plan"] = memory_.json();
}

void ImageRun::fill_report(report::RunReport& page, const TrainingEnd& end) {
  const ImageSubject& it = subject_;
  if (it.old_head != nullptr) {
    const Kept& kept = it.old_head->kept();
    page.kept_images = kept.images;
    page.kept_before = kept.before;
    page.kept_after = kept.after;
  }
  report_command(page, options(), words(), it.model, settings().data, it.data);
  const EvaluatedPart shown =
      end.succeeded() ? part_to_show(it.model, parts_, test_) : EvaluatedPart();
  report_evaluation(page, it.model, shown, it.data, it.processor);
}

std::string ImageRun::summary() {
  std::string kept;
  if (const OldHead* head = subject_.old_head; head != nullptr && head->kept().images > 0)
    kept = str(", ", percent(head->kept().after), " kept of the old classes under their old head (",
               percent(head->kept().before), " before)");
  return test_.text() + kept + '\n';
}

}  // namespace papilio::cli
