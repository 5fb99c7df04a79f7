#include "samples/papilio/run/report_training.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "samples/papilio/output/shell.h"
#include "samples/papilio/run/run_logs.h"

namespace papilio::cli {

namespace fs = std::filesystem;

namespace {

// Means of `group` neighbours, against the epoch in which they lie.
std::vector<report::CurvePoint> grouped_means(const std::vector<double>& steps,
                                              const std::vector<double>& values, size_t group,
                                              double per_epoch) {
  std::vector<report::CurvePoint> points;
  for (size_t from = 0; from < std::min(steps.size(), values.size()); from += group) {
    const size_t to = std::min({from + group, steps.size(), values.size()});
    double step = 0, value = 0, count = 0;
    for (size_t i = from; i < to; ++i) {
      if (!std::isfinite(values[i])) continue;  // of a step without an image
      step += steps[i], value += values[i];
      ++count;
    }
    if (count > 0) points.push_back({step / count / per_epoch, value / count});
  }
  return points;
}

}  // namespace

void report_training(report::RunReport& page, const fs::path& out, const TrainingEnd& end) {
  constexpr size_t kMostPoints = 75;
  page.steps = end.steps;
  page.total_steps = end.total_steps;
  const auto per_epoch = double(std::max<int64_t>(end.steps_per_epoch, 1));
  auto steps = read_log(out / "steps.csv");
  const size_t count = steps["step"].size();
  const size_t group = std::max<size_t>(1, (count + kMostPoints - 1) / kMostPoints);
  const auto curve = [&](const char* column) {
    return grouped_means(steps["step"], steps[column], group, per_epoch);
  };
  page.curves.steps_a_point = int64_t(group);
  page.curves.train_loss = curve("loss");
  page.curves.learning_rate = curve("lr");
  page.curves.gradient_norm = curve("gradient_norm");
  double seconds = 0, images = 0;
  for (double s : steps["seconds"]) seconds += s;
  for (double n : steps["images"]) images += n;
  if (seconds > 0) {
    page.seconds = seconds;
    page.images_per_second = images / seconds;
  }
  auto epochs = read_log(out / "log.csv");
  const std::vector<double>& at = epochs["step"];
  for (size_t i = 0; i < at.size(); ++i) {
    const auto add = [&](std::vector<report::CurvePoint>& to, const char* column) {
      const std::vector<double>& values = epochs[column];
      if (i < values.size() && std::isfinite(values[i]))
        to.push_back({at[i] / per_epoch, values[i]});
    };
    add(page.curves.validation_loss, "validation_loss");
    add(page.curves.validation_accuracy, "validation_accuracy");
  }
  if (end.outcome == Outcome::interrupted) {
    page.stopped = str("Interrupted after step ", end.steps, " of ", end.total_steps,
                       ": this is the model as it was then.");
  } else if (end.ran_out_of_patience) {
    page.stopped = str("Stopped after step ", end.steps, " of ", end.total_steps,
                       ": the validation had not become better for some epochs (--patience).");
  } else if (end.outcome != Outcome::finished) {
    page.stopped = "The training failed: " + end.failure() + '.';
  }
  if (!page.stopped.empty() && end.resumable() && !end.ran_out_of_patience)
    page.resume_command = resume_command(page.command, out);
  page.command_lines.push_back("# the same once more, into another folder");
  page.command_lines.push_back(run_command(page.command, out) + " --out " +
                               shell_quoted(out.string() + "-again"));
}

}  // namespace papilio::cli
