#include "samples/report/pages/demo_curves.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "samples/report/pages/demo_report.h"
#include "samples/report/svg/lines.h"

namespace papilio::report {
namespace {

constexpr size_t kMostPoints = 90;

double finite_mean(const std::vector<double>& values, size_t from, size_t to) {
  double sum = 0;
  double count = 0;
  for (size_t i = from; i < std::min(to, values.size()); ++i) {
    if (!std::isfinite(values[i])) continue;
    sum += values[i];
    count += 1;
  }
  return count > 0 ? sum / count : kUnset;
}

// Mean, least and largest over the seeds; runs of neighbouring steps are averaged first, so that a
// curve has at most kMostPoints points.
Series over_seeds(const SeedCurves& curves, double factor) {
  Series series;
  const size_t group = std::max<size_t>(1, (curves.steps.size() + kMostPoints - 1) / kMostPoints);
  for (size_t from = 0; from < curves.steps.size(); from += group) {
    std::vector<double> seeds;
    Extent extent;
    for (const auto& seed : curves.seeds) {
      const double value = factor * finite_mean(seed, from, from + group);
      seeds.push_back(value);
      extent.add(value);
    }
    series.x.push_back(
        finite_mean(curves.steps, from, std::min(from + group, curves.steps.size())));
    series.y.push_back(finite_mean(seeds, 0, seeds.size()));
    series.low.push_back(extent.empty() ? kUnset : extent.low);
    series.high.push_back(extent.empty() ? kUnset : extent.high);
  }
  return series;
}

LineChart curves_of(const DemoView& view, SeedCurves MethodReport::*which, double factor) {
  LineChart chart;
  chart.x.label = "step";
  for (size_t i = 0; i < view.data.methods.size(); ++i) {
    const MethodReport& method = view.data.methods[i];
    Series series = over_seeds(method.*which, factor);
    if (series.x.empty()) continue;
    series.label = method.label;
    series.slot = view.slots[i];
    chart.series.push_back(std::move(series));
  }
  return chart;
}

}  // namespace

void add_learning(Document& page, const DemoView& view) {
  std::vector<std::string> pictures;
  const auto add = [&](LineChart chart, const std::string& title, const std::string& y_label,
                       bool log) {
    if (chart.series.empty()) return;
    chart.title = title;
    chart.y.label = y_label;
    chart.y.log = log;
    pictures.push_back(render(chart));
  };
  add(curves_of(view, &MethodReport::loss, 1), "Training loss", "cross-entropy (nats), log scale",
      true);
  add(curves_of(view, &MethodReport::accuracy_new_curve, 100),
      "New digits " + view.data.new_classes, "accuracy (%)", false);
  add(curves_of(view, &MethodReport::accuracy_old_curve, 100),
      "Old digits " + view.data.old_classes, "accuracy with the old head (%)", false);
  if (pictures.empty()) return;
  page.section("learning", "Learning, step by step");
  page.figure(
      pictures,
      "Lines are means over the seeds, bands reach from the worst seed to the best. Compare how "
      "soon a method is good on the new digits with what its way there costs on the old ones.");
}

void add_forgetting(Document& page, const DemoView& view) {
  ScatterChart kept{.title = "Kept against trained parameters"};
  kept.x = {.label = "trained parameters, log scale", .log = true};
  kept.y = {.label = "accuracy on old digits " + view.data.old_classes + " (%)"};
  ScatterChart both{.title = "Kept against learned"};
  both.x = {.label = "accuracy on new digits " + view.data.new_classes + " (%)"};
  both.y = kept.y;
  for (size_t i = 0; i < view.data.methods.size(); ++i) {
    const MethodReport& m = view.data.methods[i];
    if (!std::isfinite(m.accuracy_old.mean)) continue;
    ScatterPoint point{.label = m.label, .slot = view.slots[i]};
    point.y = 100 * m.accuracy_old.mean;
    point.y_error = 100 * m.accuracy_old.std;
    point.x = double(m.trainable_parameters);
    kept.points.push_back(point);
    point.x = 100 * m.accuracy_new.mean;
    point.x_error = 100 * m.accuracy_new.std;
    both.points.push_back(point);
  }
  if (kept.points.empty()) return;
  page.section("forgetting", "What is learned and what is kept");
  page.figure({render(kept), render(both)},
              "Bars reach one standard deviation over the seeds to each side. First: is forgetting "
              "a matter of how many parameters move? Second: the upper right corner is the place "
              "to be, new digits learned and old ones kept. Each method stands at one rate, chosen "
              "for the new digits alone; another rate moves it along its own curve.");
}

}  // namespace papilio::report
