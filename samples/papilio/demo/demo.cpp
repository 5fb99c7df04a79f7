#include "samples/papilio/demo/demo.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "autograd/ops/shape.h"
#include "boft/files/checkpoint.h"
#include "kernels/threads.h"
#include "nn/data/transforms/random_affine.h"
#include "nn/models/pretrained.h"
#include "nn/models/vit.h"
#include "nn/train/progress.h"
#include "samples/papilio/data/digits.h"
#include "samples/papilio/demo/curve.h"
#include "samples/papilio/demo/curve_run.h"
#include "samples/papilio/demo/curve_table.h"
#include "samples/papilio/demo/experiment.h"
#include "samples/papilio/demo/methods.h"
#include "samples/papilio/demo/pictures.h"
#include "samples/papilio/demo/results.h"
#include "samples/papilio/demo/task.h"
#include "samples/papilio/demo/tune.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/run/interrupt.h"
#include "samples/report/pages/demo_report.h"
#include "tensor/files/atomic_file.h"
#include "tensor/random.h"

namespace papilio::demo {

namespace {

using Clock = std::chrono::steady_clock;

// The layer that the pictures of one layer show.
constexpr const char* kPictureLayer = "vit.encoder.layer.3.attention.attention.query";

Hyperparameters hyperparameters_of(const DemoOptions& options) {
  Hyperparameters hyperparameters =
      options.data == cli::kDigits ? Hyperparameters{} : pictures_hyperparameters();
  hyperparameters.seeds = options.seeds;
  if (options.quick) hyperparameters.pretrain_epochs = hyperparameters.adapt_epochs = 2;
  return hyperparameters;
}

// A step's line in the progress; the run goes on until a signal comes.
bool show(nn::Progress& progress, int64_t step, double loss, int64_t images) {
  char detail[32];
  std::snprintf(detail, sizeof detail, "loss %.3f", loss);
  progress.update(step, images, detail);
  return cli::Interruptible::signal() == 0;
}

Pretrained pretrained_model(const Task& task, const Hyperparameters& hyperparameters,
                            const DemoOptions& options, std::FILE* out) {
  const int64_t batches = (task.old_classes.train->size() + hyperparameters.batch_size - 1) /
                          hyperparameters.batch_size;
  nn::Progress progress(out, "pretrain on digits 0-4", hyperparameters.pretrain_epochs * batches);
  return pretrain(task, hyperparameters, options.seed, options.device,
                  [&](int64_t step, double loss, int64_t images) {
                    return show(progress, step, loss, images);
                  });
}

// One run a seed; fewer, the last unfinished, if a signal came.
std::vector<Run> adapt(const Pretrained& pretrained, const DemoMethod& method, const Task& task,
                       const Hyperparameters& hyperparameters, uint64_t first_seed,
                       std::FILE* out) {
  std::vector<Run> runs;
  const int64_t batches = (task.new_classes.train->size() + hyperparameters.batch_size - 1) /
                          hyperparameters.batch_size;
  const int64_t steps = hyperparameters.adapt_epochs * batches;
  nn::Progress progress(out, method.label, hyperparameters.seeds * steps);
  for (int64_t i = 0; i < hyperparameters.seeds && cli::Interruptible::signal() == 0; ++i) {
    runs.emplace_back(pretrained, method, first_seed + uint64_t(i));
    runs.back().train(task, hyperparameters, std::max<int64_t>(1, steps / 8),
                      [&](int64_t step, double loss, int64_t images) {
                        return show(progress, i * steps + step, loss, images);
                      });
  }
  return runs;
}

MethodResult measure(std::vector<Run>& runs, double energy_before) {
  MethodResult result{.method = runs.front().method(), .energy_before = energy_before};
  result.trainable_parameters = runs.front().trainable_parameters();
  result.trainable_fraction =
      double(result.trainable_parameters) / double(nn::count_parameters(runs.front().model()).all);
  for (Run& run : runs) {
    result.new_digits.push_back(run.accuracies().back().new_digits);
    result.old_digits.push_back(run.accuracies().back().old_digits);
    result.energy_after += total_energy(run.weights()) / double(runs.size());
  }
  return result;
}

// Largest difference of merged and unmerged logits on the new test digits; NaN if one is.
double merge_difference(Run& run, const Tensor& images) {
  // A layer turns its weight if it has many rows and its input if it has few: both ways.
  const auto logits = [&] {
    std::vector<double> values = run.logits(images).to_vector<double>();
    const std::vector<double> few = run.logits(slice(images, 0, 0, 1)).to_vector<double>();
    values.insert(values.end(), few.begin(), few.end());
    return values;
  };
  const std::vector<double> unmerged = logits();
  run.adapters()->merge(true);
  const std::vector<double> merged = logits();
  run.adapters()->unmerge();
  double worst = 0;
  for (size_t i = 0; i < merged.size(); ++i) {
    const double difference = std::abs(merged[i] - unmerged[i]);
    if (!(difference <= worst)) worst = difference;
  }
  return worst;
}

std::string seconds_text(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0f s", seconds);
  return text;
}

report::MethodReport method_report(const MethodResult& r, size_t seeds) {
  const auto shown = [seeds](const std::vector<double>& values) {
    const Estimate e = estimate(values);
    return report::Estimate{e.mean, seeds > 1 ? e.std : report::kUnset};
  };
  return {.name = r.method.name,
          .label = r.method.label,
          .trainable_parameters = r.trainable_parameters,
          .trainable_fraction = r.trainable_fraction,
          .accuracy_new = shown(r.new_digits),
          .accuracy_old = shown(r.old_digits),
          .energy_before = r.energy_before,
          .energy_after = r.energy_after,
          .step_seconds = r.step_seconds,
          .step_ratio = r.step_ratio,
          .learning_rate = r.method.lr};
}

std::string command_of(const DemoOptions& options) {
  std::string text = "papilio demo";
  if (options.seeds != Hyperparameters{}.seeds) text += str(" --seeds ", options.seeds);
  if (options.seed != 0) text += str(" --seed ", options.seed);
  if (!options.device.is_cpu()) text += str(" --device ", options.device);
  return options.quick ? text + " --quick" : text;
}

// What the report says about the run beside its figures.
void describe(report::DemoReport& page, const Task& task, const Hyperparameters& hyperparameters,
              const DemoOptions& options) {
  const nn::ViTConfig& c = task.model;
  const nn::RandomAffine& a = task.training.affine;
  page.data_note =
      "1,797 handwritten digits of 8x8 pixels: E. Alpaydin and C. Kaynak, Optical Recognition of "
      "Handwritten Digits, UCI Machine Learning Repository, CC BY 4.0. Of every ten digits of a "
      "class seven train, one validates, two test.";
  page.model_note =
      str("Vision transformer: ", c.num_hidden_layers, " layers, width ", c.hidden_size, ", ",
          c.num_attention_heads, " heads, MLP width ", c.intermediate_size, ", patches of ",
          c.patch_size, "x", c.patch_size, " pixels.");
  page.seeds = int(hyperparameters.seeds);
  page.learning_rate_rule = kRateRule;
  page.settings = {
      {"optimiser", "AdamW, cosine schedule with 5 % warm-up, gradient norm at most 1"},
      {"batch", str(hyperparameters.batch_size)},
      {"epochs", str(hyperparameters.pretrain_epochs, " pretraining, ",
                     hyperparameters.adapt_epochs, " adapting")},
      {"pretraining rate", str(hyperparameters.pretrain_lr)},
      {"label smoothing", str(hyperparameters.label_smoothing)},
      {"weight decay", str(hyperparameters.weight_decay, " on layer weights, 0 on adapters")},
      {"augmentation", str("shift up to ", a.shift_pixels, " pixel, rotation up to ",
                           a.rotation_degrees, " degrees")}};
  page.environment = {{"device", str(options.device)},
                      {"threads", str(num_threads())},
                      {"compiler", __VERSION__},
                      {"seeds", str("pretraining ", options.seed, ", adapting ", options.seed,
                                    " to ", options.seed + uint64_t(hyperparameters.seeds) - 1)},
                      {"command", command_of(options)}};
}

// The pretrained model as it is, before anything is adapted: its folder, and its energy.
double add_base(report::DemoReport& page, const Pretrained& pretrained, const Task& task,
                const std::filesystem::path& folder) {
  Run base(pretrained, {.name = "base", .label = "base", .kind = DemoMethod::Kind::probe}, 0);
  page.row_angles_layer = kPictureLayer;
  page.base_row_angles = row_angles(base.weights().at(kPictureLayer));
  page.model_parameters = nn::count_parameters(base.model()).all;
  nn::save_pretrained(base.model(), task.old_classes.class_names(), folder);
  return total_energy(base.weights());
}

// Saves the adapter, merges it, and shows both.
void finish_boft(Run& boft, Results& results, report::DemoReport& page, const Task& task,
                 const std::filesystem::path& out) {
  page.adapter_folder = boft::save_adapter(*boft.adapters(), out / "adapter").string();
  results.merge_max_difference =
      merge_difference(boft, nn::whole_batch(*task.batches(task.new_classes.test)).inputs);
  page.merge_max_difference = results.merge_max_difference;
  page.merge_images = task.new_classes.test->size();
  add_rotation(page, boft, kPictureLayer);
}

void print_results(const Results& results, const report::DemoReport& page,
                   const Hyperparameters& hyperparameters, const std::filesystem::path& out) {
  std::printf(
      "\npretrained on digits 0-4: %.1f %% of the test digits; then adapted to 5-9, %s "
      "each\n\n%s\n",
      100 * results.pretrain_accuracy, cli::counted(hyperparameters.seeds, "seed").c_str(),
      table(results).c_str());
  std::printf(
      "old digits: the adapted backbone under the pretrained head. energy: change of the adapted "
      "layers' hyperspherical energy.\nx frozen: a training step against the same with adapters "
      "off, gradients still flowing through the backbone.\n\n");
  if (!results.curve.empty())
    std::printf("kept where equally much is learned (20 epochs, one pretraining):\n%s\n",
                curve_text(results.curve).c_str());
  std::printf("merged against unmerged logits: largest difference %.1e\n",
              results.merge_max_difference);
  std::printf("%s: the BOFT adapter in PEFT's format, for the model in %s; merged: %s\n",
              page.adapter_folder.c_str(), (out / "pretrained").c_str(), (out / "merged").c_str());
  std::printf("%s: pictures of all this; %s: the figures (%s)\n", (out / "report.html").c_str(),
              (out / "results.json").c_str(), seconds_text(results.seconds).c_str());
}

// The exit code of a demo that a signal ended.
int interrupted(size_t finished, const std::filesystem::path& out) {
  const std::string what = finished == 0 ? "no method was finished, nothing is written"
                                         : str(finished, " of ", methods().size(),
                                               " methods are in ", (out / "results.json").string());
  std::fprintf(stderr, "papilio demo: interrupted; %s\n", what.c_str());
  return 128 + cli::Interruptible::signal();
}

// What is written among the classes would be taken for one.
void check_outside(const std::filesystem::path& data, const std::filesystem::path& out) {
  std::error_code missing;  // which is said when the data are opened
  const auto inside = std::filesystem::weakly_canonical(std::filesystem::absolute(out), missing)
                          .lexically_relative(std::filesystem::canonical(data, missing));
  check<cli::UsageError>(missing || inside.empty() || *inside.begin() == "..",
                         "--out: ", out.string(), " lies in the data, ", data.string());
}

}  // namespace

int run(const DemoOptions& options) {
  const auto begin = Clock::now();
  const cli::Interruptible interruptible;
  const Hyperparameters hyperparameters = hyperparameters_of(options);
  std::FILE* const progress = options.quiet ? nullptr : stderr;
  const bool of_digits = options.data == cli::kDigits;
  if (!of_digits) check_outside(options.data, options.out);
  const Task task = of_digits ? digits_task() : pictures_task(options.data);
  if (!options.tune) cli::make_folder(options.out);
  if (options.curve) return run_curve(options, task, hyperparameters);
  const Pretrained pretrained = pretrained_model(task, hyperparameters, options, progress);
  if (cli::Interruptible::signal() != 0) return interrupted(0, options.out);
  if (options.tune) return tune(task, hyperparameters, pretrained, options.json);

  Results results{.device = options.device, .pretrain_accuracy = pretrained.accuracy};
  report::DemoReport page;
  describe(page, task, hyperparameters, options);
  page.pretrain_accuracy = pretrained.accuracy;
  std::vector<std::vector<Run>> runs;
  double energy_before = 0;
  for (const DemoMethod& method : methods()) {
    std::vector<Run> adapted =
        adapt(pretrained, method, task, hyperparameters, options.seed, progress);
    results.interrupted = cli::Interruptible::signal() != 0;
    if (results.interrupted) break;
    if (runs.empty()) energy_before = add_base(page, pretrained, task, options.out / "pretrained");
    runs.push_back(std::move(adapted));
    MethodResult result = measure(runs.back(), energy_before);
    const StepTime time =
        time_step(pretrained, method, task, hyperparameters, options.quick ? 3 : 40);
    result.step_seconds = time.seconds;
    result.step_ratio = time.ratio;
    results.methods.push_back(result);
    page.methods.push_back(method_report(result, size_t(hyperparameters.seeds)));
    add_curves(page.methods.back(), runs.back());
    add_inside(page.methods.back(), runs.back().front(), task, kPictureLayer);
  }
  if (runs.empty()) return interrupted(0, options.out);
  if (!results.interrupted) {
    CurvePlan plan = quick_curve(options.seed);
    if (options.quick) plan.epochs = {1};
    results.curve = draw_curve(plan, task, hyperparameters, options.device, options.out, progress,
                               {{options.seed, pretrained}});
    page.curve = curve_report(results.curve);
  }

  Run& boft = runs.front().front();
  finish_boft(boft, results, page, task, options.out);
  std::vector<Run*> shown{&boft};
  if (runs.size() > 1) shown.push_back(&runs.back().front());
  add_attention(page, pretrained, shown, task);
  boft.adapters()->merge_and_unload(true);
  nn::save_pretrained(boft.model(), task.new_classes.class_names(), options.out / "merged");

  results.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  page.environment.push_back({"running time", seconds_text(results.seconds)});
  write_file_atomically(options.out / "results.json", to_json(results));
  write_file_atomically(options.out / "report.html", report::render(page));
  if (options.json) {
    std::fputs(to_json(results).c_str(), stdout);
  } else {
    print_results(results, page, hyperparameters, options.out);
  }
  return results.interrupted ? interrupted(runs.size(), options.out) : 0;
}

}  // namespace papilio::demo
