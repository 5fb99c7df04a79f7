#include "samples/papilio/demo/generation_figures.h"

#include <cstddef>

#include "samples/report/svg/grids.h"
#include "samples/report/svg/palette.h"

namespace papilio::demo {

namespace {

constexpr const char* kDrift = "drift of other prompts' pictures (lower: kept more)";
constexpr const char* kLikeness = "likeness to the subject (higher: learned more)";

std::vector<int> slots_of(const std::vector<Runs>& methods) {
  std::vector<std::string> names;
  names.reserve(methods.size());
  for (const Runs& runs : methods) names.push_back(runs.front()->method);
  return report::method_slots(names);
}

// Each method's first run, from the base model on.
std::vector<report::Series> along(const std::vector<Runs>& methods,
                                  double (*x)(const GenerationPoint&), double GenerationPoint::*y) {
  const std::vector<int> slots = slots_of(methods);
  std::vector<report::Series> all;
  for (size_t i = 0; i < methods.size(); ++i) {
    const GenerationRun& run = *methods[i].front();
    report::Series series{.label = run.label, .slot = slots[i]};
    const auto add = [&](const GenerationPoint& point) {
      series.x.push_back(x(point));
      series.y.push_back(point.*y);
    };
    add(run.base);
    for (const GenerationPoint& point : run.points) add(point);
    all.push_back(series);
  }
  return all;
}

}  // namespace

std::string pictures_figure(const std::string& title, const std::vector<nn::Image>& images,
                            int columns, double side) {
  report::ImageGrid grid{.title = title, .columns = columns, .tile = side, .framed = true};
  for (const nn::Image& image : images) {
    const double aspect = double(image.width) / double(image.height);
    grid.tiles.emplace_back(
        report::Picture{.png = nn::encode_png(image), .aspect = aspect, .smooth = false},
        report::Matrix(), "");
  }
  return report::render(grid);
}

Estimate at_base(const Runs& runs, double GenerationPoint::*field) {
  std::vector<double> values;
  for (const GenerationRun* run : runs) values.push_back(run->base.*field);
  return estimate(values);
}

Estimate at_end(const Runs& runs, double GenerationPoint::*field) {
  std::vector<double> values;
  for (const GenerationRun* run : runs) values.push_back(run->points.back().*field);
  return estimate(values);
}

report::LineChart forgetting_chart(const std::vector<Runs>& methods) {
  return {
      .title = "Likeness against drift",
      .x = {.label = kDrift},
      .y = {.label = kLikeness},
      .series = along(
          methods, [](const GenerationPoint& p) { return p.drift; }, &GenerationPoint::likeness),
      .width = 560,
      .height = 400};
}

report::LineChart steps_chart(const std::vector<Runs>& methods, double GenerationPoint::*field,
                              const std::string& title, const std::string& label) {
  return {.title = title,
          .x = {.label = "steps of training"},
          .y = {.label = label},
          .series = along(
              methods, [](const GenerationPoint& p) { return double(p.steps); }, field)};
}

report::ScatterChart ends_chart(const std::vector<Runs>& methods) {
  report::ScatterChart chart{.title = "At the end of the training",
                             .x = {.label = kDrift},
                             .y = {.label = kLikeness},
                             .width = 560,
                             .height = 400};
  if (methods.empty()) return chart;
  const std::vector<int> slots = slots_of(methods);
  const auto error = [](const Runs& runs, const Estimate& e) {
    return runs.size() > 1 ? e.std : report::kUnset;
  };
  const Runs& first = methods.front();
  const Estimate base = at_base(first, &GenerationPoint::likeness);
  chart.points.push_back(
      {.label = "pretrained", .x = 0, .y = base.mean, .y_error = error(first, base)});
  for (size_t i = 0; i < methods.size(); ++i) {
    const Estimate drift = at_end(methods[i], &GenerationPoint::drift);
    const Estimate likeness = at_end(methods[i], &GenerationPoint::likeness);
    chart.points.push_back({.label = methods[i].front()->label,
                            .slot = slots[i],
                            .x = drift.mean,
                            .y = likeness.mean,
                            .x_error = error(methods[i], drift),
                            .y_error = error(methods[i], likeness)});
  }
  return chart;
}

}  // namespace papilio::demo
