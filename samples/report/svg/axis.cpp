#include "samples/report/svg/axis.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "samples/report/svg/palette.h"
#include "samples/report/svg/text.h"

namespace papilio::report {
namespace {

constexpr double kLegendRow = 19;
constexpr double kLegendKey = 30;

// The step 1, 2 or 5 x 10^k next above range / count.
double nice_step(double range, int count) {
  const double raw = range / std::max(1, count);
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (double factor : {1.0, 2.0, 5.0}) {
    if (raw <= factor * power * (1 + 1e-9)) return factor * power;
  }
  return 10 * power;
}

std::string linear_label(double value, double step) {
  if (std::abs(value) < step * 1e-6) return "0";
  if (std::abs(value) >= 1e7 || step < 1e-4) return significant(value, 3);
  if (step >= 1) return grouped(std::llround(value));
  return fixed(value, int(std::ceil(-std::log10(step) - 1e-9)));
}

std::string log_label(double value) {
  return value >= 1000 && value < 1e12 ? compact(value) : significant(value, 1);
}

double legend_width(const LegendEntry& entry) {
  return kLegendKey + text_width(entry.label, 12) + 16;
}

size_t legend_rows(const std::vector<LegendEntry>& entries, double width) {
  size_t rows = entries.empty() ? 0 : 1;
  double used = 0;
  for (const LegendEntry& entry : entries) {
    if (used > 0 && used + legend_width(entry) > width) {
      ++rows;
      used = 0;
    }
    used += legend_width(entry);
  }
  return rows;
}

}  // namespace

void Extent::add(double value) {
  if (!std::isfinite(value) || (positive_only && value <= 0)) return;
  low = std::min(low, value);
  high = std::max(high, value);
}

std::vector<Tick> linear_ticks(double low, double high, int count) {
  std::vector<Tick> ticks;
  if (!(high > low) || !std::isfinite(high - low)) return ticks;
  const double step = nice_step(high - low, count);
  const double first = std::ceil(low / step - 1e-9);
  const double last = std::floor(high / step + 1e-9);
  for (double k = first; k <= last && ticks.size() < 100; ++k) {
    ticks.push_back({k * step, linear_label(k * step, step)});
  }
  return ticks;
}

std::vector<Tick> log_ticks(double low, double high, int count) {
  std::vector<Tick> ticks;
  if (!(high > low) || !(low > 0) || !std::isfinite(high)) return ticks;
  if (high / low < 5) return linear_ticks(low, high, count);
  const double decades = std::log10(high / low);
  const int every = std::max(1, int(std::ceil(decades / count)));
  const int first = int(std::floor(std::log10(low)));
  const int last = int(std::ceil(std::log10(high)));
  for (int power = first; power <= last; power += every) {
    for (double factor : {1.0, 2.0, 5.0}) {
      if (factor != 1.0 && decades >= 2) break;
      const double value = factor * std::pow(10.0, power);
      if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) {
        ticks.push_back({value, log_label(value)});
      }
    }
  }
  return ticks;
}

Scale::Scale(const Axis& axis, const Extent& extent, double padding) : log_(axis.log) {
  const auto usable = [&](double value) { return std::isfinite(value) && (!log_ || value > 0); };
  low_ = usable(axis.min) ? axis.min : extent.empty() ? (log_ ? 0.1 : 0.0) : extent.low;
  high_ = usable(axis.max) ? axis.max : extent.empty() ? std::max(low_, 1.0) : extent.high;
  if (high_ < low_) std::swap(low_, high_);
  if (log_) {
    low_ = std::log10(low_);
    high_ = std::log10(high_);
  }
  if (high_ - low_ <= 1e-12 * std::max(std::abs(low_), std::abs(high_))) {
    const double half = log_ ? 0.3 : low_ != 0 ? 0.05 * std::abs(low_) : 1e-3;
    const bool from = usable(axis.min), to = usable(axis.max);
    if (!from || to) low_ -= half;  // an end that is given stays, if the other is free to move
    if (!to || from) high_ += half;
  }
  const double pad = padding * (high_ - low_);
  if (!usable(axis.min)) low_ -= pad;
  if (!usable(axis.max)) high_ += pad;
}

void Scale::place(double from, double to) {
  from_ = from;
  to_ = to;
}

bool Scale::shows(double value) const {
  return std::isfinite(value) && (!log_ || value > 0);
}

double Scale::operator()(double value) const {
  if (!shows(value)) return from_;
  const double t = ((log_ ? std::log10(value) : value) - low_) / (high_ - low_);
  return from_ + (to_ - from_) * std::clamp(t, 0.0, 1.0);
}

std::vector<Tick> Scale::ticks(int count) const {
  return log_ ? log_ticks(std::pow(10.0, low_), std::pow(10.0, high_), count)
              : linear_ticks(low_, high_, count);
}

double draw_legend(Canvas& canvas, const std::vector<LegendEntry>& entries, double x, double y,
                   double right) {
  double cursor = x;
  for (const LegendEntry& entry : entries) {
    const double width = legend_width(entry);
    if (cursor > x && cursor + width > right) {
      cursor = x;
      y += kLegendRow;
    }
    canvas.open_group("class=\"" + slot_class(entry.slot) + "\"");
    if (entry.kind == LegendEntry::Kind::area) {
      canvas.rect(cursor + 4, y - 9, 20, 10, "class=\"under\"");
      canvas.line(cursor + 4, y - 9, cursor + 24, y - 9, "thin");
    } else {
      if (entry.kind == LegendEntry::Kind::line) {
        canvas.line(cursor, y - 4, cursor + 24, y - 4, "line");
      }
      canvas.path(marker_path(entry.slot, cursor + 12, y - 4, 4.2), "class=\"mark\"");
    }
    canvas.close_group();
    canvas.text(cursor + kLegendKey, y, entry.label, "start", "name");
    cursor += width;
  }
  return y;
}

Plot begin_plot(const PlotSpec& spec) {
  Plot plot{Canvas(spec.width, spec.height,
                   spec.title + (spec.y_axis.label.empty() ? "" : ": " + spec.y_axis.label) +
                       (spec.x_axis.label.empty() ? "" : " over " + spec.x_axis.label)),
            Scale(spec.x_axis, spec.x_extent, spec.x_padding),
            Scale(spec.y_axis, spec.y_extent, spec.y_padding),
            0,
            spec.width - 14,
            10,
            spec.height - 46};
  Canvas& canvas = plot.canvas;
  if (!spec.title.empty()) {
    canvas.text(2, 16, spec.title, "start", "title");
    plot.top = 28;
  }
  if (!spec.legend.empty()) {
    draw_legend(canvas, spec.legend, 2, plot.top + 12, spec.width);
    plot.top += kLegendRow * double(legend_rows(spec.legend, spec.width - 2)) + 6;
  }
  if (!spec.y_axis.label.empty()) {
    canvas.text(2, plot.top + 12, spec.y_axis.label);
    plot.top += 22;
  }
  plot.top += 4;

  const auto y_ticks = plot.y.ticks(int((plot.bottom - plot.top) / 42));
  double widest = spec.y_numbers ? 12 : 0;
  for (const Tick& tick : y_ticks) widest = std::max(widest, text_width(tick.label, 12));
  plot.left = spec.y_numbers ? widest + 14 : 4;
  plot.x.place(plot.left, plot.right);
  plot.y.place(plot.bottom, plot.top);

  if (spec.y_numbers) {
    for (const Tick& tick : y_ticks) {
      const double y = plot.y(tick.value);
      canvas.line(plot.left, y, plot.right, y, "grid");
      canvas.text(plot.left - 8, y + 4, tick.label, "end");
    }
  }
  canvas.line(plot.left, plot.bottom, plot.right, plot.bottom, "axis");
  double free_from = -1e9;
  for (const Tick& tick : plot.x.ticks(int((plot.right - plot.left) / 62))) {
    const double x = plot.x(tick.value);
    canvas.line(x, plot.bottom, x, plot.bottom + 5, "axis");
    const double half = text_width(tick.label, 12) / 2;
    if (x - half < free_from) continue;
    canvas.text(x, plot.bottom + 19, tick.label, "middle");
    free_from = x + half + 8;
  }
  canvas.text((plot.left + plot.right) / 2, plot.bottom + 38, spec.x_axis.label, "middle");
  if (spec.x_extent.empty() || spec.y_extent.empty()) {
    canvas.text((plot.left + plot.right) / 2, (plot.top + plot.bottom) / 2, "no data", "middle");
  }
  return plot;
}

}  // namespace papilio::report
