#include "samples/report/svg/confusion.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "samples/report/svg/axis.h"
#include "samples/report/svg/canvas.h"
#include "samples/report/svg/text.h"

namespace papilio::report {
namespace {

constexpr double kFontSize = 12;
constexpr double kSide = 520;         // of many classes' matrix
constexpr double kLongestName = 128;  // user units
constexpr size_t kMostCells = 160;    // a side; more classes share cells
constexpr double kNumbersFrom = 24;   // a cell's side that has room for its count

using Counts = std::vector<std::vector<int64_t>>;

Counts square(const Counts& counts) {
  Counts kept = counts;
  for (auto& row : kept) row.resize(counts.size());
  return kept;
}

// Sums of k x k squares.
Counts pooled(const Counts& counts, size_t k) {
  const size_t n = (counts.size() + k - 1) / k;
  Counts sums(n, std::vector<int64_t>(n, 0));
  for (size_t r = 0; r < counts.size(); ++r) {
    for (size_t c = 0; c < counts.size(); ++c) sums[r / k][c / k] += counts[r][c];
  }
  return sums;
}

// Square root: one image in a hundred still shows a tenth of the colour.
double strength(double share) {
  return std::sqrt(std::clamp(share, 0.0, 1.0));
}

std::string fill(bool right, double opacity) {
  return std::string("class=\"cell ") + (right ? "plus" : "minus") + "\" fill-opacity=\"" +
         coordinate(opacity) + "\"";
}

struct Layout {
  double left, top, cell, side;
  size_t pool;
};

std::string square_path(const Layout& layout, size_t row, size_t column) {
  const std::string side = coordinate(layout.cell);
  return "M" +
         at(layout.left + layout.cell * double(column), layout.top + layout.cell * double(row)) +
         "h" + side + "v" + side + "h-" + side + "z";
}

// Each cell by itself, with a tooltip and, if there is room, its count.
void draw_named_cells(Canvas& canvas, const ConfusionChart& chart, const Counts& counts,
                      const Layout& layout) {
  for (size_t r = 0; r < counts.size(); ++r) {
    const auto all = std::accumulate(counts[r].begin(), counts[r].end(), int64_t(0));
    for (size_t c = 0; c < counts.size(); ++c) {
      const int64_t count = counts[r][c];
      if (count <= 0) continue;
      const double shade = strength(double(count) / double(all));
      const std::string what =
          r == c ? " recognised" : " taken for " + (c < chart.names.size() ? chart.names[c] : "");
      canvas.path(square_path(layout, r, c), fill(r == c, shade),
                  (r < chart.names.size() ? chart.names[r] : "") + what + ": " + grouped(count) +
                      " of " + grouped(all));
      const std::string text = grouped(count);
      const double font = text_width(text, kFontSize) < layout.cell - 4 ? kFontSize : 10.5;
      if (layout.cell < kNumbersFrom || text_width(text, font) > layout.cell) continue;
      canvas.text(layout.left + layout.cell * (double(c) + 0.5),
                  layout.top + layout.cell * (double(r) + 0.5) + 4, text, "middle",
                  std::string(shade > 0.6 ? "on" : "name") + (font < kFontSize ? " small" : ""));
    }
  }
}

// One path for each of 20 shades.
void draw_many_cells(Canvas& canvas, const Counts& counts, const Layout& layout) {
  constexpr double kLevels = 20;
  std::map<std::pair<bool, int>, std::string> paths;
  for (size_t r = 0; r < counts.size(); ++r) {
    const auto all = std::accumulate(counts[r].begin(), counts[r].end(), int64_t(0));
    for (size_t c = 0; c < counts.size(); ++c) {
      if (counts[r][c] <= 0) continue;
      const double share = double(counts[r][c]) / double(all);
      const int level = std::max(3, int(std::lround(strength(share) * kLevels)));
      paths[{r == c, level}] += square_path(layout, r, c);
    }
  }
  for (const auto& [key, data] : paths) canvas.path(data, fill(key.first, key.second / kLevels));
}

// Beside the matrix: the share of each class that is recognised.
void draw_recall(Canvas& canvas, const Counts& counts, const Layout& layout, bool small) {
  const double x = layout.left + layout.side + 10;
  canvas.text(x, layout.top - 8, "right", "start");
  for (size_t r = 0; r < counts.size(); ++r) {
    const auto all = std::accumulate(counts[r].begin(), counts[r].end(), int64_t(0));
    const double share = all > 0 ? double(counts[r][r]) / double(all) : kUnset;
    canvas.text(x, layout.top + layout.cell * (double(r) + 0.5) + 4, percent(share, 0), "start",
                small ? "small" : "");
  }
}

void draw_numbers(Canvas& canvas, const Layout& layout, size_t classes) {
  const double cell = layout.cell / double(layout.pool);
  for (const Tick& tick : linear_ticks(0, double(classes) - 0.5, 8)) {
    if (tick.value != std::floor(tick.value)) continue;
    const double offset = (tick.value + 0.5) * cell;
    canvas.text(layout.left + offset, layout.top - 7, tick.label, "middle");
    canvas.text(layout.left - 7, layout.top + offset + 4, tick.label, "end");
  }
}

// What the colours mean, as two columns with one scale.
void draw_scale(Canvas& canvas, double x, double y, double height) {
  constexpr int kSteps = 30;
  for (int k = 0; k < kSteps; ++k) {
    const double shade = 1 - (k + 0.5) / kSteps;
    canvas.rect(x, y + height * k / kSteps, 11, height / kSteps, fill(true, shade));
    canvas.rect(x + 13, y + height * k / kSteps, 11, height / kSteps, fill(false, shade));
  }
  canvas.rect(x, y, 11, height, "class=\"frame\"");
  canvas.rect(x + 13, y, 11, height, "class=\"frame\"");
  for (double share : {1.0, 0.5, 0.25, 0.1, 0.01}) {
    const double mark_y = y + height * (1 - strength(share));
    canvas.line(x + 24, mark_y, x + 28, mark_y, "axis");
    canvas.text(x + 32, mark_y + 4, percent(share, 0));
  }
}

}  // namespace

size_t classes_a_cell(size_t classes) {
  return std::max<size_t>(1, (classes + kMostCells - 1) / kMostCells);
}

std::string render(const ConfusionChart& chart) {
  const size_t classes = chart.counts.size();
  const bool named = classes <= kMostNamed;
  const size_t pool = classes_a_cell(classes);
  const Counts counts = pool > 1 ? pooled(square(chart.counts), pool) : square(chart.counts);
  const double n = double(std::max<size_t>(counts.size(), 1));
  Layout layout{};
  layout.pool = pool;
  layout.cell = std::clamp(std::floor(kSide / n), 3.0, 76.0);
  layout.side = layout.cell * n;

  const bool small = layout.cell < 15;
  const double font = small ? 10.5 : kFontSize;
  std::vector<std::string> names(classes);
  double widest = 0;
  for (size_t i = 0; i < classes; ++i) {
    names[i] =
        shortened(i < chart.names.size() ? chart.names[i] : std::to_string(i), kLongestName, font);
    widest = std::max(widest, text_width(names[i], font));
  }
  const bool upright = named && widest > layout.cell - 4;  // names of the columns
  const double above = !named ? 20 : upright ? widest + 10 : 20;
  layout.left = 24 + (named ? widest + 10 : 34);
  layout.top = (chart.title.empty() ? 0 : 26) + 22 + above;
  const double beside = named ? 50 : 10;
  const double scale_height = std::min(layout.side, 170.0);
  Canvas canvas(layout.left + layout.side + beside + 90, layout.top + layout.side + 12,
                chart.title.empty() ? "confusion matrix" : chart.title);
  canvas.text(2, 16, chart.title, "start", "title");
  canvas.text(layout.left + layout.side / 2, layout.top - above - 6, "predicted class", "middle");
  canvas.text(14, layout.top + layout.side / 2, "true class", "middle", "", true);

  canvas.rect(layout.left, layout.top, layout.side, layout.side, "class=\"sheet\"");
  if (named) {
    draw_named_cells(canvas, chart, counts, layout);
    const std::string css = small ? "name small" : "name";
    for (size_t i = 0; i < classes; ++i) {
      const double centre = layout.cell * (double(i) + 0.5);
      canvas.text(layout.left - 8, layout.top + centre + 4, names[i], "end", css);
      if (upright) {
        canvas.text(layout.left + centre + 4, layout.top - 8, names[i], "start", css, true);
      } else {
        canvas.text(layout.left + centre, layout.top - 8, names[i], "middle", css);
      }
    }
    draw_recall(canvas, counts, layout, small);
  } else {
    draw_many_cells(canvas, counts, layout);
    draw_numbers(canvas, layout, classes);
  }
  canvas.rect(layout.left, layout.top, layout.side, layout.side, "class=\"frame\"");
  draw_scale(canvas, layout.left + layout.side + beside, layout.top, scale_height);
  if (classes == 0) {
    canvas.text(layout.left + layout.side / 2, layout.top + layout.side / 2, "no data", "middle");
  }
  return canvas.finish();
}

}  // namespace papilio::report
