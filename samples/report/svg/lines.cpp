#include "samples/report/svg/lines.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "samples/report/svg/canvas.h"
#include "samples/report/svg/text.h"

namespace papilio::report {
namespace {

constexpr double kFontSize = 12;

double value_at(const std::vector<double>& values, size_t i) {
  return i < values.size() ? values[i] : kUnset;
}

std::string line_data(const Plot& plot, const Series& series) {
  std::string data;
  bool pen_down = false;
  for (size_t i = 0; i < series.x.size(); ++i) {
    const double y = value_at(series.y, i);
    if (!plot.x.shows(series.x[i]) || !plot.y.shows(y)) {
      pen_down = false;
      continue;
    }
    data += (pen_down ? "L" : "M") + at(plot.x(series.x[i]), plot.y(y));
    pen_down = true;
  }
  return data;
}

// One closed polygon for each unbroken run of finite bounds.
std::string band_data(const Plot& plot, const Series& series) {
  std::string data;
  std::string way_there;
  std::string way_back;
  const auto close = [&] {
    if (!way_there.empty()) data += "M" + way_there + way_back + "Z";
    way_there.clear();
    way_back.clear();
  };
  for (size_t i = 0; i < series.x.size(); ++i) {
    const double low = value_at(series.low, i);
    const double high = value_at(series.high, i);
    if (!plot.x.shows(series.x[i]) || !plot.y.shows(low) || !plot.y.shows(high)) {
      close();
      continue;
    }
    const double x = plot.x(series.x[i]);
    way_there += (way_there.empty() ? "" : "L") + at(x, plot.y(high));
    way_back.insert(0, "L" + at(x, plot.y(low)));
  }
  close();
  return data;
}

// A few markers along the line, shifted from series to series so that they do not coincide. If
// `alone` and short, the line has one at every point.
void draw_markers(Plot& plot, const Series& series, size_t index, bool alone) {
  const double count = double(series.x.size());
  const double markers = alone && count <= 12 ? count : 5;
  const double spacing = std::max(1.0, count / markers);
  const double shift = spacing * (0.25 + 0.13 * double(index % 6));
  for (double p = std::min(shift, count - 1); p < count && p >= 0; p += spacing) {
    const size_t i = size_t(p);
    const double y = value_at(series.y, i);
    if (!plot.x.shows(series.x[i]) || !plot.y.shows(y)) continue;
    plot.canvas.path(marker_path(series.slot, plot.x(series.x[i]), plot.y(y), 3.8),
                     "class=\"mark\"");
  }
}

struct Box {
  double x1, y1, x2, y2;
};

bool overlap(const Box& a, const Box& b) {
  return a.x1 < b.x2 && b.x1 < a.x2 && a.y1 < b.y2 && b.y1 < a.y2;
}

// Labels stand where they cover least: eight directions, three distances.
class LabelPlacer {
 public:
  explicit LabelPlacer(Box area) : area_(area) {}

  void avoid(const Box& box) { taken_.push_back(box); }

  void place(Canvas& canvas, double x, double y, const std::string& label) {
    const double width = text_width(label, kFontSize);
    static constexpr std::array<std::pair<double, double>, 8> kDirections{
        {{1, 0}, {-1, 0}, {0, -1}, {0, 1}, {1, -1}, {1, 1}, {-1, -1}, {-1, 1}}};
    double best_cost = 1e9;
    Box best{};
    double best_distance = 0;
    for (double distance : {9.0, 22.0, 38.0}) {
      for (const auto& [dx, dy] : kDirections) {
        const double centre_x = x + dx * (distance + width / 2);
        const double centre_y = y + dy * (dx == 0 ? distance + 6 : distance);
        const Box box{centre_x - width / 2, centre_y - 7, centre_x + width / 2, centre_y + 7};
        const double cost = distance / 100 + overlaps(box);
        if (cost < best_cost) {
          best_cost = cost;
          best = box;
          best_distance = distance;
        }
      }
    }
    if (best_distance > 10) {
      canvas.line(x, y, std::clamp(x, best.x1, best.x2), std::clamp(y, best.y1, best.y2), "leader");
    }
    canvas.text(best.x1, best.y2 - 3, label, "start", "name");
    avoid(best);
  }

 private:
  double overlaps(const Box& box) const {
    double count = 0;
    for (const Box& other : taken_) count += overlap(box, other) ? 1 : 0;
    const bool outside =
        box.x1 < area_.x1 || box.x2 > area_.x2 || box.y1 < area_.y1 || box.y2 > area_.y2;
    return count + (outside ? 10 : 0);
  }

  Box area_;
  std::vector<Box> taken_;
};

void draw_error_bars(Plot& plot, const ScatterPoint& point, LabelPlacer& labels) {
  const double x = plot.x(point.x);
  const double y = plot.y(point.y);
  if (std::isfinite(point.x_error) && point.x_error > 0) {
    const double left = plot.x(point.x - point.x_error);
    const double right = plot.x(point.x + point.x_error);
    plot.canvas.line(left, y, right, y, "thin");
    labels.avoid({left, y - 2, right, y + 2});
  }
  if (std::isfinite(point.y_error) && point.y_error > 0) {
    const double top = plot.y(point.y + point.y_error);
    const double bottom = plot.y(point.y - point.y_error);
    plot.canvas.line(x, top, x, bottom, "thin");
    labels.avoid({x - 2, top, x + 2, bottom});
  }
}

}  // namespace

std::string render(const LineChart& chart) {
  PlotSpec spec{.title = chart.title, .x_axis = chart.x, .y_axis = chart.y};
  spec.width = chart.width;
  spec.height = chart.height;
  spec.x_extent.positive_only = chart.x.log;
  spec.y_extent.positive_only = chart.y.log;
  for (const Series& series : chart.series) {
    if (!series.label.empty())
      spec.legend.push_back({series.label, series.slot, LegendEntry::Kind::line});
    for (double x : series.x) spec.x_extent.add(x);
    for (const auto* values : {&series.y, &series.low, &series.high}) {
      for (double y : *values) spec.y_extent.add(y);
    }
  }
  Plot plot = begin_plot(spec);
  for (const Series& series : chart.series) {
    plot.canvas.open_group("class=\"" + slot_class(series.slot) + "\"");
    plot.canvas.path(band_data(plot, series), "class=\"band\"");
    plot.canvas.close_group();
  }
  for (size_t i = 0; i < chart.series.size(); ++i) {
    const Series& series = chart.series[i];
    plot.canvas.open_group("class=\"" + slot_class(series.slot) + "\"");
    plot.canvas.path(line_data(plot, series), "class=\"line\"", series.label);
    draw_markers(plot, series, i, chart.series.size() <= 2);
    plot.canvas.close_group();
  }
  return plot.canvas.finish();
}

std::string render(const ScatterChart& chart) {
  PlotSpec spec{.title = chart.title, .x_axis = chart.x, .y_axis = chart.y};
  spec.width = chart.width;
  spec.height = chart.height;
  spec.x_padding = spec.y_padding = 0.12;
  spec.x_extent.positive_only = chart.x.log;
  spec.y_extent.positive_only = chart.y.log;
  for (const ScatterPoint& point : chart.points) {
    for (double sign : {-1.0, 0.0, 1.0}) {
      const auto reach = [&](double error) { return std::isfinite(error) ? sign * error : 0.0; };
      spec.x_extent.add(point.x + reach(point.x_error));
      spec.y_extent.add(point.y + reach(point.y_error));
    }
  }
  Plot plot = begin_plot(spec);
  LabelPlacer labels({plot.left, plot.top - 6, spec.width, plot.bottom});
  std::vector<const ScatterPoint*> shown;
  for (const ScatterPoint& point : chart.points) {
    if (!plot.x.shows(point.x) || !plot.y.shows(point.y)) continue;
    shown.push_back(&point);
    const double x = plot.x(point.x);
    const double y = plot.y(point.y);
    labels.avoid({x - 6, y - 6, x + 6, y + 6});
    plot.canvas.open_group("class=\"" + slot_class(point.slot) + "\"");
    draw_error_bars(plot, point, labels);
    plot.canvas.path(marker_path(point.slot, x, y, 6), "class=\"mark\"",
                     point.label + ": " + significant(point.x, 4) + ", " + significant(point.y, 4));
    plot.canvas.close_group();
  }
  for (const ScatterPoint* point : shown) {
    labels.place(plot.canvas, plot.x(point->x), plot.y(point->y), point->label);
  }
  return plot.canvas.finish();
}

std::string render(const DotChart& chart) {
  constexpr size_t kMostDots = 700;
  PlotSpec spec{.title = chart.title, .x_axis = chart.x, .y_axis = chart.y};
  spec.width = chart.size;
  spec.height = chart.size + 60;
  const size_t pairs = std::min(chart.before.size(), chart.after.size());
  Extent both;
  for (size_t i = 0; i < pairs; ++i) {
    if (!std::isfinite(chart.before[i]) || !std::isfinite(chart.after[i])) continue;
    both.add(chart.before[i]);
    both.add(chart.after[i]);
  }
  if (!both.empty()) {
    both.add(chart.low);
    both.add(chart.high);
  }
  spec.x_extent = spec.y_extent = both;
  spec.x_padding = spec.y_padding = 0.03;
  Plot plot = begin_plot(spec);
  if (both.empty()) return plot.canvas.finish();
  plot.canvas.line(plot.x(both.low), plot.y(both.low), plot.x(both.high), plot.y(both.high),
                   "reference");
  const size_t stride = (pairs + kMostDots - 1) / kMostDots;
  std::string dots;
  for (size_t i = 0; i < pairs; i += stride) {
    if (!std::isfinite(chart.before[i]) || !std::isfinite(chart.after[i])) continue;
    dots += "M" + at(plot.x(chart.before[i]), plot.y(chart.after[i])) + "h0";
  }
  plot.canvas.open_group("class=\"" + slot_class(chart.slot) + "\"");
  plot.canvas.path(dots, "class=\"dots\"");
  plot.canvas.close_group();
  return plot.canvas.finish();
}

}  // namespace papilio::report
