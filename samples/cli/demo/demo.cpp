#include "samples/cli/demo/demo.h"

#include <chrono>
#include <cstdio>
#include <limits>

#include "boft/checkpoint.h"
#include "boft/energy.h"
#include "kernels/threads.h"
#include "nn/models/pretrained.h"
#include "nn/train/progress.h"
#include "samples/cli/demo/pictures.h"
#include "samples/cli/demo/results.h"
#include "samples/cli/digits.h"
#include "tensor/atomic_file.h"
#include "tensor/random.h"

namespace papilio::demo {

namespace {

using Clock = std::chrono::steady_clock;

// The layer that the pictures of one layer show.
constexpr const char* kPictureLayer = "vit.encoder.layer.3.attention.attention.query";

Schedule schedule_of(const DemoOptions& options) {
  Schedule schedule;
  schedule.seeds = options.seeds;
  if (options.quick) schedule.pretrain_epochs = schedule.adapt_epochs = 2;
  return schedule;
}

OnStep progress_of(nn::Progress& progress) {
  return [&progress](int64_t step, int64_t, double loss, int64_t images) {
    char detail[32];
    std::snprintf(detail, sizeof detail, "loss %.3f", loss);
    progress.update(step, images, detail);
  };
}

Pretrained pretrained_model(const Task& task, const Schedule& schedule, uint64_t seed) {
  const int64_t batches =
      (task.old_digits.train.size() + schedule.batch_size - 1) / schedule.batch_size;
  nn::Progress progress(stderr, "pretrain on digits 0-4", schedule.pretrain_epochs * batches);
  return pretrain(task, schedule, seed, progress_of(progress));
}

std::vector<Run> adapt(const Pretrained& pretrained, const Method& method, const Task& task,
                       const Schedule& schedule) {
  std::vector<Run> runs;
  const int64_t batches =
      (task.new_digits.train.size() + schedule.batch_size - 1) / schedule.batch_size;
  const int64_t steps = schedule.adapt_epochs * batches;
  nn::Progress progress(stderr, method.label, schedule.seeds * steps);
  for (int64_t seed = 0; seed < schedule.seeds; ++seed) {
    runs.emplace_back(pretrained, method, uint64_t(seed));
    const OnStep show = progress_of(progress);
    runs.back().train(task, schedule, std::max<int64_t>(1, steps / 8),
                      [&](int64_t step, int64_t total, double loss, int64_t images) {
                        show(seed * steps + step, total, loss, images);
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

// Largest difference of merged and unmerged logits on the new test digits.
double merge_difference(Run& run, const Task& task) {
  const std::vector<double> unmerged = run.logits(task.new_digits.test.images).to_vector<double>();
  run.adapters()->merge(true);
  const std::vector<double> merged = run.logits(task.new_digits.test.images).to_vector<double>();
  run.adapters()->unmerge();
  double worst = 0;
  for (size_t i = 0; i < merged.size(); ++i)
    worst = std::max(worst, std::abs(merged[i] - unmerged[i]));
  return worst;
}

// Every method with every rate on the validation digits: how the rates in methods.cpp were found.
int tune(const DemoOptions& options, const Task& task, const Pretrained& pretrained) {
  const Schedule schedule = schedule_of(options);
  std::printf("%s\n\n%-18s", kRateRule, "validation loss");
  for (double lr : kRates) std::printf(" %15.0e", lr);
  std::printf("     best\n");
  for (Method method : methods()) {
    double best = std::numeric_limits<double>::infinity(), best_lr = 0;
    std::printf("%-18s", method.label.c_str());
    for (double lr : kRates) {
      method.lr = lr;
      Run run(pretrained, method, kTuneSeed);
      run.train(task, schedule, std::numeric_limits<int64_t>::max(), nullptr);
      const nn::Evaluation e = run.evaluate_new(task.new_digits.validation);
      if (e.loss < best) best = e.loss, best_lr = lr;
      std::printf(" %6.4f (%5.1f%%)", e.loss, 100 * e.accuracy);
      std::fflush(stdout);
    }
    std::printf(" %8.0e\n", best_lr);
  }
  return 0;
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

// What the report says about the run beside its figures.
void describe(report::DemoReport& page, const Schedule& schedule, const DemoOptions& options) {
  const nn::ViTConfig c = model_config();
  const nn::Augmentation a = augmentation();
  page.data_note =
      "1,797 handwritten digits of 8x8 pixels: E. Alpaydin and C. Kaynak, Optical Recognition of "
      "Handwritten "
      "Digits, UCI Machine Learning Repository, CC BY 4.0. Of every ten digits of a class seven "
      "train, one validates, two test.";
  page.model_note =
      str("Vision transformer: ", c.num_hidden_layers, " layers, width ", c.hidden_size, ", ",
          c.num_attention_heads, " heads, MLP width ", c.intermediate_size, ", patches of ",
          c.patch_size, "x", c.patch_size, " pixels.");
  page.seeds = int(schedule.seeds);
  page.learning_rate_rule = kRateRule;
  page.settings = {
      {"optimiser", str("AdamW, cosine schedule with 5 % warm-up, gradient norm at most 1")},
      {"batch", str(schedule.batch_size)},
      {"epochs",
       str(schedule.pretrain_epochs, " pretraining, ", schedule.adapt_epochs, " adapting")},
      {"pretraining rate", str(schedule.pretrain_lr)},
      {"label smoothing", str(schedule.label_smoothing)},
      {"weight decay", str(schedule.weight_decay, " on layer weights, 0 on adapters")},
      {"augmentation", str("shift up to ", a.shift_pixels, " pixel, rotation up to ",
                           a.rotation_degrees, " degrees")}};
  page.environment = {
      {"threads", str(num_threads())},
      {"compiler", __VERSION__},
      {"seeds", str("pretraining ", options.seed, ", adapting 0 to ", schedule.seeds - 1)},
      {"command", options.quick ? "papilio demo --quick" : "papilio demo"}};
}

}  // namespace

int run(const DemoOptions& options) {
  const auto begin = Clock::now();
  const Schedule schedule = schedule_of(options);
  const Task task = make_task(cli::all_digits());
  const Pretrained pretrained = pretrained_model(task, schedule, options.seed);
  if (options.tune) return tune(options, task, pretrained);

  Results results{.pretrain_accuracy = pretrained.accuracy};
  report::DemoReport page;
  describe(page, schedule, options);
  page.pretrain_accuracy = pretrained.accuracy;
  const double energy_before = [&] {
    Run base(pretrained, {"base", "base", Method::Kind::probe, {}, 0}, 0);
    page.row_angles_layer = kPictureLayer;
    page.base_row_angles = row_angles(base.weights().at(kPictureLayer));
    page.model_parameters = nn::count_parameters(base.model()).all;
    nn::save_pretrained(base.model(), task.old_digits.test.class_names, options.out / "pretrained");
    return total_energy(base.weights());
  }();

  std::vector<std::vector<Run>> runs;
  for (const Method& method : methods()) {
    runs.push_back(adapt(pretrained, method, task, schedule));
    MethodResult result = measure(runs.back(), energy_before);
    const StepTime time = time_step(pretrained, method, task, schedule, options.quick ? 3 : 40);
    result.step_seconds = time.seconds;
    result.step_ratio = time.ratio;
    results.methods.push_back(result);
    page.methods.push_back(method_report(result, size_t(schedule.seeds)));
    add_curves(page.methods.back(), runs.back());
    add_inside(page.methods.back(), runs.back().front(), task, kPictureLayer);
  }

  Run& boft = runs.front().front();
  const std::filesystem::path adapter =
      boft::save_adapter(*boft.adapters(), options.out / "adapter");
  results.merge_max_difference = merge_difference(boft, task);
  page.merge_max_difference = results.merge_max_difference;
  page.merge_images = task.new_digits.test.size();
  page.adapter_folder = adapter.string();
  add_rotation(page, boft, kPictureLayer);
  add_attention(page, pretrained, {&boft, &runs.back().front()}, task);
  boft.adapters()->merge_and_unload(true);
  nn::save_pretrained(boft.model(), task.new_digits.test.class_names, options.out / "merged");

  results.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  page.environment.push_back({"running time", seconds_text(results.seconds)});
  write_file_atomically(options.out / "results.json", to_json(results));
  write_file_atomically(options.out / "report.html", report::render(page));

  if (options.json) {
    std::fputs(to_json(results).c_str(), stdout);
    return 0;
  }
  std::printf(
      "\npretrained on digits 0-4: %.1f %% of the test digits; then adapted to 5-9, %lld seed%s "
      "each\n\n%s\n",
      100 * results.pretrain_accuracy, (long long)schedule.seeds, schedule.seeds == 1 ? "" : "s",
      table(results).c_str());
  std::printf(
      "old digits: the adapted backbone under the pretrained head. energy: change of the adapted "
      "layers' "
      "hyperspherical energy.\nx frozen: a training step against the same with adapters off, "
      "gradients "
      "still flowing through the backbone.\n\n");
  std::printf("merged against unmerged logits: largest difference %.1e\n",
              results.merge_max_difference);
  std::printf("%s: the BOFT adapter in PEFT's format, for the model in %s; merged: %s\n",
              adapter.c_str(), (options.out / "pretrained").c_str(),
              (options.out / "merged").c_str());
  std::printf("%s: pictures of all this; %s: the figures (%s)\n",
              (options.out / "report.html").c_str(), (options.out / "results.json").c_str(),
              seconds_text(results.seconds).c_str());
  return 0;
}

}  // namespace papilio::demo
