#include "samples/report/svg/bars.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "samples/report/svg/canvas.h"
#include "samples/report/svg/text.h"

namespace papilio::report {
namespace {

constexpr double kFontSize = 12;
constexpr size_t kMostDots = 300;  // a lane; beyond it evenly spaced order statistics are shown

std::vector<double> finite_sorted(const std::vector<double>& values) {
  std::vector<double> kept;
  for (double value : values) {
    if (std::isfinite(value)) kept.push_back(value);
  }
  std::sort(kept.begin(), kept.end());
  return kept;
}

// Percent of the sample's finite values in each of `bins` equal bins over [low, high].
std::vector<double> shares(const std::vector<double>& values, double low, double high, int bins) {
  std::vector<double> percent(size_t(bins), 0.0);
  double total = 0;
  for (double value : values) {
    if (!std::isfinite(value)) continue;
    const double position = (value - low) / (high - low) * bins;
    const int bin = std::clamp(int(position), 0, bins - 1);
    percent[size_t(bin)] += 1;
    total += 1;
  }
  for (double& share : percent) share *= total > 0 ? 100 / total : 0;
  return percent;
}

void draw_median(Canvas& canvas, const Scale& x, const std::vector<double>& sorted, double lane,
                 double half) {
  const size_t n = sorted.size();
  const double median = n % 2 == 1 ? sorted[n / 2] : 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]);
  canvas.path("M" + at(x(median), lane - half) + "V" + coordinate(lane + half), "class=\"line\"",
              "median " + significant(median, 3));
}

void draw_dots(Canvas& canvas, const Scale& x, const std::vector<double>& sorted, double lane,
               double half) {
  const size_t shown = std::min(sorted.size(), kMostDots);
  std::string data;
  for (size_t k = 0; k < shown; ++k) {
    const size_t i = shown == 1 ? 0 : k * (sorted.size() - 1) / (shown - 1);
    // The golden ratio spreads neighbours over the lane's width without repeating.
    const double spread = std::fmod(0.6180339887 * double(k + 1), 1.0) - 0.5;
    data += "M" + at(x(sorted[i]), lane + 2 * half * spread) + "h0";
  }
  canvas.path(data, "class=\"dots\"");
}

}  // namespace

std::string render(const BarChart& chart) {
  constexpr double kRow = 30;
  double label_width = 0;
  double text_room = 0;
  Extent extent;
  extent.add(0);
  std::vector<std::string> texts;
  for (const Bar& bar : chart.bars) {
    label_width = std::max(label_width, text_width(bar.label, kFontSize));
    texts.push_back(bar.text.empty() ? significant(bar.value, 3) : bar.text);
    text_room = std::max(text_room, text_width(texts.back(), kFontSize) + 10);
    const double error = std::isfinite(bar.error) ? bar.error : 0;
    extent.add(bar.value - error);
    extent.add(bar.value + error);
  }
  const double top = chart.title.empty() ? 8 : 32;
  const double bottom = top + kRow * double(chart.bars.size());
  Canvas canvas(chart.width, bottom + 44, chart.title + ": " + chart.value.label);
  canvas.text(2, 16, chart.title, "start", "title");

  const double left = label_width + 16 + (extent.low < 0 ? text_room : 0);
  const double right = chart.width - 10 - text_room;
  Scale x(chart.value, extent, 0);
  x.place(left, std::max(right, left + 40));
  for (const Tick& tick : x.ticks(int((right - left) / 70))) {
    canvas.line(x(tick.value), top, x(tick.value), bottom, "grid");
    canvas.text(x(tick.value), bottom + 17, tick.label, "middle");
  }
  canvas.text((left + right) / 2, bottom + 36, chart.value.label, "middle");

  for (size_t i = 0; i < chart.bars.size(); ++i) {
    const Bar& bar = chart.bars[i];
    const double y = top + kRow * (double(i) + 0.5);
    canvas.text(label_width + 2, y + 4, bar.label, "end", "name");
    if (!std::isfinite(bar.value)) {
      canvas.text(x(0) + 8, y + 4, texts[i]);
      continue;
    }
    const double end = x(bar.value);
    canvas.open_group("class=\"" + slot_class(bar.slot) + "\"");
    canvas.rect(std::min(x(0), end), y - 8, std::abs(end - x(0)), 16, "class=\"bar\"");
    const double error = std::isfinite(bar.error) ? bar.error : 0;
    if (error > 0) {
      canvas.open_group("class=\"mi\"");
      canvas.line(x(bar.value - error), y, x(bar.value + error), y, "thin");
      canvas.close_group();
    }
    canvas.close_group();
    const bool leftward = bar.value < 0;
    const double text_at = leftward ? x(bar.value - error) - 7 : x(bar.value + error) + 7;
    canvas.text(text_at, y + 4, texts[i], leftward ? "end" : "start", "name");
  }
  canvas.line(x(0), top, x(0), bottom, "axis");
  return canvas.finish();
}

std::string render(const Histogram& chart) {
  PlotSpec spec{.title = chart.title, .x_axis = chart.x};
  spec.y_axis.label = "share (%)";
  spec.y_axis.min = 0;
  spec.y_axis.max = chart.y_max;
  spec.width = chart.width;
  spec.height = chart.height;
  spec.x_padding = 0;
  Extent data;
  for (const Sample& sample : chart.samples) {
    spec.legend.push_back({sample.label, sample.slot,
                           sample.filled ? LegendEntry::Kind::area : LegendEntry::Kind::line});
    for (double value : sample.values) data.add(value);
  }
  double low = std::isfinite(chart.x.min) ? chart.x.min : data.low;
  double high = std::isfinite(chart.x.max) ? chart.x.max : data.high;
  const int bins = std::max(1, chart.bins);
  std::vector<std::vector<double>> heights;
  if (!data.empty()) {
    if (!(high > low)) {  // one value: a bin around it
      const double half = std::max(0.5, 0.05 * std::abs(low));
      low -= half;
      high = low + 2 * half;
    }
    spec.x_extent.add(low);
    spec.x_extent.add(high);
    for (const Sample& sample : chart.samples) {
      heights.push_back(shares(sample.values, low, high, bins));
      for (double share : heights.back()) spec.y_extent.add(share);
    }
  }
  Plot plot = begin_plot(spec);
  for (size_t s = 0; s < heights.size(); ++s) {
    const Sample& sample = chart.samples[s];
    std::string outline = "M" + at(plot.x(low), plot.bottom);
    for (int bin = 0; bin < bins; ++bin) {
      const double y = plot.y(heights[s][size_t(bin)]);
      outline += "V" + coordinate(y);
      outline += "H" + coordinate(plot.x(low + (high - low) * (bin + 1) / bins));
    }
    outline += "V" + coordinate(plot.bottom);
    plot.canvas.open_group("class=\"" + slot_class(sample.slot) + "\"");
    plot.canvas.path(outline, sample.filled ? "class=\"under\"" : "class=\"line\"", sample.label);
    plot.canvas.close_group();
  }
  return plot.canvas.finish();
}

std::string render(const StripChart& chart) {
  constexpr double kLane = 15;
  Extent extent;
  double label_width = 20;
  std::vector<LegendEntry> legend;
  for (const std::string& row : chart.rows) {
    label_width = std::max(label_width, text_width(row, kFontSize));
  }
  for (const StripSeries& series : chart.series) {
    legend.push_back({series.label, series.slot, LegendEntry::Kind::marker});
    for (const auto& row : series.rows) {
      for (double value : row) extent.add(value);
    }
  }
  const double lanes = double(std::max<size_t>(1, chart.series.size()));
  const double row_height = kLane * lanes + 8;
  const double top = 52;
  const double bottom = top + row_height * double(chart.rows.size());
  Canvas canvas(chart.width, bottom + 46, chart.title + ": " + chart.x.label);
  canvas.text(2, 16, chart.title, "start", "title");
  draw_legend(canvas, legend, 2, 38, chart.width);
  const double left = label_width + 14;
  const double right = chart.width - 16;
  Scale x(chart.x, extent, 0.02);
  x.place(left, right);

  for (size_t r = 0; r < chart.rows.size(); ++r) {
    const double y = top + row_height * double(r);
    canvas.line(2, y, right, y, "grid");
    canvas.text(left - 12, y + row_height / 2 + 4, chart.rows[r], "end", "name");
  }
  for (const Tick& tick : x.ticks(int((right - left) / 70))) {
    canvas.line(x(tick.value), top, x(tick.value), bottom, "grid");
    canvas.text(x(tick.value), bottom + 19, tick.label, "middle");
  }
  canvas.line(left, bottom, right, bottom, "axis");
  canvas.text((left + right) / 2, bottom + 38, chart.x.label, "middle");
  if (extent.empty()) canvas.text((left + right) / 2, (top + bottom) / 2 + 4, "no data", "middle");

  for (size_t s = 0; s < chart.series.size(); ++s) {
    const StripSeries& series = chart.series[s];
    canvas.open_group("class=\"" + slot_class(series.slot) + "\"");
    for (size_t r = 0; r < std::min(series.rows.size(), chart.rows.size()); ++r) {
      const auto sorted = finite_sorted(series.rows[r]);
      if (sorted.empty()) continue;
      const double lane = top + row_height * double(r) + 4 + kLane * (double(s) + 0.5);
      draw_dots(canvas, x, sorted, lane, 3.5);
      draw_median(canvas, x, sorted, lane, 6);
    }
    canvas.close_group();
  }
  return canvas.finish();
}

}  // namespace papilio::report
