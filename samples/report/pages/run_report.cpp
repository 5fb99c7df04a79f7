#include "samples/report/pages/run_report.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "samples/report/pages/run_adapter.h"
#include "samples/report/pages/run_classes.h"
#include "samples/report/svg/axis.h"
#include "samples/report/svg/grids.h"
#include "samples/report/svg/lines.h"
#include "samples/report/svg/text.h"
#include "tensor/text.h"

namespace papilio::report {
namespace {

// Seconds as people say them.
std::string duration(double seconds) {
  if (!std::isfinite(seconds)) return fixed(seconds, 0);
  if (seconds < 100) return significant(seconds, 2) + "\u00A0s";
  const int64_t minutes = int64_t(std::lround(seconds / 60));
  if (minutes < 100) return std::to_string(minutes) + "\u00A0min";
  return std::to_string(minutes / 60) + "\u00A0h " + std::to_string(minutes % 60) + "\u00A0min";
}

void add_summary(Document& page, const RunReport& run) {
  std::string text = escape(run.subject);
  if (!run.part.empty() && std::isfinite(run.accuracy)) {
    text += " It recognises <b>" + percent(run.accuracy, 1) + "</b> of the " + grouped(run.images) +
            " " + escape(run.part) + " images.";
  }
  const bool kept = run.kept_images > 0 && std::isfinite(run.kept_after);
  if (kept) {
    text += " Read with the head it had before, it still names <b>" + percent(run.kept_after, 1) +
            "</b> of " + grouped(run.kept_images) + " test images of its old classes rightly (" +
            percent(run.kept_before, 1) +
            " before): this falls as the features move away from that head, and does not say what "
            "a new head could tell apart.";
  }
  if (!text.empty()) page.lead(text);
  if (!run.stopped.empty()) {
    page.note(escape(run.stopped) +
              (run.resume_command.empty() ? "" : " Go on with " + code(run.resume_command)));
  }

  std::vector<std::pair<std::string, std::string>> merit;
  if (std::isfinite(run.accuracy)) {
    merit.emplace_back(percent(run.accuracy, 1), "of the " + run.part + " images right");
  }
  if (std::isfinite(run.top5) && run.class_names.size() > 5) {
    merit.emplace_back(percent(run.top5, 1), "have it among the five likeliest classes");
  }
  if (std::isfinite(run.loss)) {
    merit.emplace_back(significant(run.loss, 3),
                       std::isfinite(run.accuracy)
                           ? "cross-entropy on them (nats)"
                           : "cross-entropy on the " + run.part + " part (nats)");
  }
  if (kept) merit.emplace_back(percent(run.kept_after, 1), "kept of the old classes");
  if (run.parameters > 0) {
    const bool all = run.trainable < 0 || run.trainable == run.parameters;
    merit.emplace_back(grouped(all ? run.parameters : run.trainable),
                       all ? "parameters" + std::string(run.trainable < 0 ? "" : ", all trained")
                           : "of " + grouped(run.parameters) + " parameters trained");
  }
  if (std::isfinite(run.seconds)) {
    merit.emplace_back(duration(run.seconds),
                       "in " + grouped(run.steps) + " training steps" +
                           (run.steps < run.total_steps ? " of " + grouped(run.total_steps) : ""));
  }
  if (std::isfinite(run.images_per_second)) {
    merit.emplace_back(significant(run.images_per_second, 3),
                       "training " + run.samples + " a second");
  }
  if (!merit.empty()) page.figures_of_merit(merit);
}

Series series_of(const std::string& label, int slot, const std::vector<CurvePoint>& points,
                 double factor = 1) {
  Series series{.label = label, .slot = slot};
  for (const CurvePoint& point : points) {
    series.x.push_back(point.epoch);
    series.y.push_back(factor * point.value);
  }
  return series;
}

void add_curves(Document& page, const RunReport& run) {
  const RunCurves& curves = run.curves;
  constexpr int kTraining = 0, kValidation = 3;
  std::vector<std::string> pictures;
  const auto add = [&](const std::string& title, const Axis& y, std::vector<Series> series) {
    std::erase_if(series, [](const Series& s) { return s.x.empty(); });
    if (series.empty()) return;
    LineChart chart;
    chart.title = title;
    chart.x.label = "epoch";
    chart.y = y;
    chart.series = std::move(series);
    chart.x.min = 0;
    chart.width = 455;
    chart.height = 300;
    pictures.push_back(render(chart));
  };
  add("Loss",
      {.label = run.cross_entropy ? "cross-entropy (nats), log scale" : "log scale", .log = true},
      {series_of("training", kTraining, curves.train_loss),
       series_of("validation", kValidation, curves.validation_loss)});
  add("Accuracy", {.label = "validation " + run.samples + " right (%)", .max = 100},
      {series_of("validation", kValidation, curves.validation_accuracy, 100)});
  add("Learning rate", {.label = "highest of all layers"},
      {series_of("rate", kTraining, curves.learning_rate)});
  add("Gradient", {.label = "norm before clipping, log scale", .log = true},
      {series_of("norm", kTraining, curves.gradient_norm)});
  if (pictures.empty()) return;
  page.section("learning", "Learning, epoch by epoch");
  std::string caption = "One epoch is one pass over the training " + run.samples + ".";
  if (curves.steps_a_point > 1) {
    caption += " A point of the training loss and of the gradient is the mean of " +
               grouped(curves.steps_a_point) + " steps.";
  }
  if (!curves.validation_loss.empty()) {
    caption +=
        " Watch the distance between the two losses: while both fall the model learns what holds "
        "for new " +
        run.samples + " too; once validation turns upwards it learns the training " + run.samples +
        " by heart.";
    if (run.training_is_harder)
      caption += " Augmentation and label smoothing raise the training loss, so it may lie above.";
  }
  page.figure(pictures, caption);
}

void add_texts(Document& page, const std::vector<TextReport>& texts) {
  if (texts.empty()) return;
  page.section("texts", "What it writes");
  for (const TextReport& text : texts) {
    page.paragraph(escape(text.title));
    page.code_block(text.text);
  }
}

void add_pictures(Document& page, const std::vector<PicturesReport>& all) {
  if (all.empty()) return;
  page.section("pictures", "What it makes, step by step");
  constexpr size_t kColumns = 4;
  std::vector<std::string> steps;
  for (const PicturesReport& one : all) {
    ImageGrid grid{.title = one.title,
                   .columns = int(std::min(kColumns, one.pictures.size())),
                   .tile = 96,
                   .framed = true};
    for (const Picture& picture : one.pictures) grid.tiles.emplace_back(picture, Matrix(), "");
    steps.push_back(render(grid));
  }
  page.figure(steps, "Pictures of \u201c" + escape(all.back().note) +
                         "\u201d. A step\u2019s first picture begins with the same noise as every "
                         "other step\u2019s first one, and so on: what differs was learned.");
}

void add_making(Document& page, const RunReport& run) {
  if (run.command_lines.empty() && run.settings.empty() && run.environment.empty()) return;
  page.section("making", "How this was made");
  if (!run.model_note.empty()) page.paragraph(escape(run.model_note));
  if (!run.data_note.empty()) page.paragraph(escape(run.data_note));
  if (!run.command_lines.empty()) page.code_block(joined(run.command_lines, "\n"));
  page.definitions(run.environment);
  if (!run.settings.empty()) page.paragraph("Every setting, resolved:");
  page.definitions(run.settings, true);
}

}  // namespace

std::string render(const RunReport& run) {
  Document page(run.title);
  add_summary(page, run);
  add_curves(page, run);
  add_texts(page, run.texts);
  add_pictures(page, run.pictures);
  add_classes(page, run);
  add_worst(page, run);
  add_attention(page, run);
  add_adapter(page, run);
  add_making(page, run);
  return page.finish();
}

}  // namespace papilio::report
