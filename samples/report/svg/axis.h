// Axes: their ranges, ticks and labels.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "samples/report/svg/canvas.h"

namespace papilio::report {

constexpr double kUnset = std::numeric_limits<double>::quiet_NaN();

// min and max that are not finite are taken from the data.
struct Axis {
  std::string label = {};  // with the unit
  bool log = false;
  double min = kUnset;
  double max = kUnset;
};

// Range of the finite values seen; positive_only leaves out what a log axis cannot show.
struct Extent {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  bool positive_only = false;

  void add(double value);
  bool empty() const { return low > high; }
};

struct Tick {
  double value;
  std::string label;
};

// Round numbers (1, 2 or 5 times a power of ten apart) inside [low, high], about `count` of them.
std::vector<Tick> linear_ticks(double low, double high, int count);
// Powers of ten; 1-2-5 steps under two decades; linear ticks under a factor of five.
std::vector<Tick> log_ticks(double low, double high, int count);

// Maps values to user units. The data range is padded by `padding` of its length on both sides
// and never has length zero; values outside are clamped.
class Scale {
 public:
  Scale(const Axis& axis, const Extent& extent, double padding);
  void place(double from, double to);  // user units of low and high
  bool shows(double value) const;      // finite, and positive on a log axis
  double operator()(double value) const;
  std::vector<Tick> ticks(int count) const;

 private:
  bool log_;
  double low_;
  double high_;
  double from_ = 0;
  double to_ = 1;
};

struct LegendEntry {
  std::string label;
  int slot;
  enum class Kind { line, marker, area } kind;
};

// The frame that every xy picture shares: title, legend, axes, grid.
struct Plot {
  Canvas canvas;
  Scale x;
  Scale y;
  double left, right, top, bottom;
};

struct PlotSpec {
  std::string title = {};
  Axis x_axis = {}, y_axis = {};
  Extent x_extent = {}, y_extent = {};
  double x_padding = 0.03, y_padding = 0.05;
  std::vector<LegendEntry> legend = {};
  double width = 480, height = 340;
  bool y_numbers = true;
};

Plot begin_plot(const PlotSpec& spec);

// Draws the entries from (x, y) on, wrapped at `right`; returns the baseline of the last row.
double draw_legend(Canvas& canvas, const std::vector<LegendEntry>& entries, double x, double y,
                   double right);

}  // namespace papilio::report
