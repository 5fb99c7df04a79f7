#include "samples/report/svg/grids.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <string>

#include "samples/report/svg/canvas.h"
#include "samples/report/svg/text.h"

namespace papilio::report {
namespace {

constexpr int kLevels = 20;      // shades of one colour
constexpr int kMostCells = 128;  // a side; larger matrices are pooled
constexpr double kFontSize = 12;

// Square root: entries a tenth of the largest still show a third of its colour.
int level_of(double value, double range, bool root) {
  if (!std::isfinite(value) || !(range > 0)) return 0;
  const double t = std::min(1.0, std::abs(value) / range);
  return int(std::lround((root ? std::sqrt(t) : t) * kLevels));
}

std::string opacity(double level) {
  return "fill-opacity=\"" + coordinate(level / kLevels) + "\"";
}

// One path for each shade; neighbours of equal shade in a row become one rectangle.
std::map<int, std::string> shade_paths(const Matrix& m, double range, bool root, double x, double y,
                                       double cell_width, double cell_height) {
  std::map<int, std::string> paths;
  for (int r = 0; r < m.rows; ++r) {
    for (int c = 0; c < m.cols;) {
      const auto signed_level = [&](int col) {
        const double v = m(r, col);
        return v < 0 ? -level_of(v, range, root) : level_of(v, range, root);
      };
      const int level = signed_level(c);
      int end = c + 1;
      while (end < m.cols && signed_level(end) == level) ++end;
      if (level != 0) {
        const std::string width = coordinate((end - c) * cell_width);
        paths[level] += "M" + at(x + c * cell_width, y + r * cell_height) + "h" + width + "v" +
                        coordinate(cell_height) + "h-" + width + "z";
      }
      c = end;
    }
  }
  return paths;
}

// Keeps of each k x k square the entry of largest modulus, so that no single bright entry is lost.
Matrix pooled(const Matrix& m, int k) {
  Matrix out{(m.rows + k - 1) / k, (m.cols + k - 1) / k, {}};
  out.values.assign(size_t(out.rows) * size_t(out.cols), 0.0);
  for (int r = 0; r < m.rows; ++r) {
    for (int c = 0; c < m.cols; ++c) {
      double& kept = out.values[size_t(r / k) * size_t(out.cols) + size_t(c / k)];
      const double value = m(r, c);
      if (std::isfinite(value) && std::abs(value) > std::abs(kept)) kept = value;
    }
  }
  return out;
}

double largest(const Matrix& m) {
  double most = 0;
  for (double value : m.values) {
    if (std::isfinite(value)) most = std::max(most, std::abs(value));
  }
  return most;
}

// Vertical bar of the colours from +range over 0 to -range (or to 0 if nothing is negative).
void draw_colour_bar(Canvas& canvas, double x, double y, double height, double range,
                     bool negatives) {
  constexpr int kSteps = 40;
  const double low = negatives ? -range : 0;
  for (int k = 0; k < kSteps; ++k) {
    const double value = range + (low - range) * (k + 0.5) / kSteps;
    const std::string shade = value < 0 ? "minus" : "plus";
    canvas.rect(x, y + height * k / kSteps, 12, height / kSteps,
                "class=\"cell " + shade + "\" " + opacity(level_of(value, range, true)));
  }
  canvas.rect(x, y, 12, height, "class=\"frame\"");
  for (double value : {range, range / 4, 0.0, -range / 4, -range}) {
    if (value < low) continue;
    const double mark_y = y + height * (range - value) / (range - low);
    canvas.line(x + 12, mark_y, x + 16, mark_y, "axis");
    canvas.text(x + 20, mark_y + 4, significant(value, 2));
  }
}

// The picture as large as the box holds it; a dark veil lies on it wherever the overlay is small.
void draw_photograph(Canvas& canvas, const Tile& tile, double x, double y, double width,
                     double height) {
  constexpr double kVeil = 0.82;
  const double aspect = tile.picture.aspect > 0 ? tile.picture.aspect : 1;
  const double shown_width = std::min(width, height * aspect);
  const double shown_height = std::min(height, width / aspect);
  x += (width - shown_width) / 2;
  y += (height - shown_height) / 2;
  canvas.image(x, y, shown_width, shown_height, tile.picture.png, tile.picture.smooth);
  Extent range;
  for (double value : tile.overlay.values) range.add(value);
  if (!tile.overlay.valid() || !(range.high > range.low)) return;
  Matrix veil = tile.overlay;
  for (double& value : veil.values) {
    value = std::isfinite(value) ? (range.high - value) / (range.high - range.low) : 1;
  }
  for (const auto& [level, data] :
       shade_paths(veil, 1, false, x, y, shown_width / veil.cols, shown_height / veil.rows)) {
    canvas.path(data, "class=\"cell veil\" " + opacity(kVeil * level));
  }
}

void draw_picture(Canvas& canvas, const Tile& tile, double x, double y, double width,
                  double height) {
  if (!tile.picture.png.empty()) return draw_photograph(canvas, tile, x, y, width, height);
  canvas.rect(x, y, width, height, "class=\"sheet\"");
  if (tile.overlay.valid()) {
    const Matrix& m = tile.overlay;
    for (const auto& [level, data] :
         shade_paths(m, largest(m), false, x, y, width / m.cols, height / m.rows)) {
      if (level > 0) canvas.path(data, "class=\"cell heat\" " + opacity(0.9 * level));
    }
  }
  if (tile.picture.ink.valid()) {
    const Matrix& m = tile.picture.ink;
    const double strength = tile.overlay.valid() ? 0.62 : 0.9;
    for (const auto& [level, data] :
         shade_paths(m, 1.0, false, x, y, width / m.cols, height / m.rows)) {
      if (level > 0) canvas.path(data, "class=\"cell pixel\" " + opacity(strength * level));
    }
  }
}

}  // namespace

bool Matrix::valid() const {
  return rows > 0 && cols > 0 && values.size() == size_t(rows) * size_t(cols);
}

double Matrix::operator()(int row, int col) const {
  return values[size_t(row) * size_t(cols) + size_t(col)];
}

std::string render(const HeatMap& map) {
  const bool valid = map.matrix.valid();
  const int longest = std::max(map.matrix.rows, map.matrix.cols);
  const int pool = valid ? (longest + kMostCells - 1) / kMostCells : 1;
  const Matrix shown = !valid     ? Matrix{1, 1, {0.0}}
                       : pool > 1 ? pooled(map.matrix, pool)
                                  : map.matrix;
  // Whole units a cell keep all cells equally large.
  const double fit = map.size / std::max(shown.rows, shown.cols);
  const double cell = fit >= 1 ? std::floor(fit) : fit;
  const double width = cell * shown.cols;
  const double height = cell * shown.rows;
  const double left = 34;
  const double top = map.title.empty() ? 24 : 48;
  Canvas canvas(left + width + 86, top + height + (pool > 1 ? 28 : 12), map.title);
  canvas.text(2, 16, map.title, "start", "title");

  const double largest_value = largest(shown);
  const double range = std::isfinite(map.range) && map.range > 0 ? map.range : largest_value;
  bool negatives = false;
  for (const auto& [level, data] : shade_paths(shown, range, true, left, top, cell, cell)) {
    negatives = negatives || level < 0;
    const std::string shade = level < 0 ? "minus" : "plus";
    canvas.path(data, "class=\"cell " + shade + "\" " + opacity(std::abs(level)));
  }
  if (map.block > 0 && valid) {
    std::string lines;
    for (int k = map.block; k < map.matrix.cols; k += map.block) {
      lines += "M" + at(left + k * cell / pool, top) + "v" + coordinate(height);
    }
    for (int k = map.block; k < map.matrix.rows; k += map.block) {
      lines += "M" + at(left, top + k * cell / pool) + "h" + coordinate(width);
    }
    canvas.path(lines, "class=\"grid\"");
  }
  canvas.rect(left, top, width, height, "class=\"frame\"");
  if (!valid) {
    canvas.text(left + width / 2, top + height / 2, "no data", "middle");
    return canvas.finish();
  }
  for (const Tick& tick : linear_ticks(0, map.matrix.cols - 0.5, 6)) {
    if (tick.value != std::floor(tick.value)) continue;
    canvas.text(left + (tick.value + 0.5) * cell / pool, top - 6, tick.label, "middle");
  }
  for (const Tick& tick : linear_ticks(0, map.matrix.rows - 0.5, 6)) {
    if (tick.value != std::floor(tick.value)) continue;
    canvas.text(left - 6, top + (tick.value + 0.5) * cell / pool + 4, tick.label, "end");
  }
  if (range > 0) {
    draw_colour_bar(canvas, left + width + 14, top, std::min(height, 180.0), range, negatives);
  }
  if (pool > 1) {
    const std::string k = std::to_string(pool);
    canvas.text(left, top + height + 18, "each cell: the largest of " + k + " \u00D7 " + k);
  }
  return canvas.finish();
}

std::string render(const ImageGrid& grid) {
  const int columns = std::max(1, grid.columns);
  const int count = int(grid.tiles.size());
  const int rows = (count + columns - 1) / columns;
  bool captions = false;
  double caption_width = 0;
  for (const Tile& tile : grid.tiles) {
    captions = captions || !tile.caption.empty();
    caption_width = std::max(caption_width, text_width(tile.caption, kFontSize));
  }
  for (const std::string& title : grid.column_titles) {
    caption_width = std::max(caption_width, text_width(title, kFontSize));
  }
  const double step_x = std::max(grid.tile, caption_width) + 14;
  const double step_y = grid.tile + (captions ? 30 : 12);
  double top = grid.title.empty() ? 4 : 30;
  if (!grid.column_titles.empty()) top += 20;
  const double width = std::max(step_x * columns, text_width(grid.title, 15) + 4);
  Canvas canvas(width, top + step_y * std::max(rows, 1),
                grid.title.empty() ? "pictures" : grid.title);
  canvas.text(2, 16, grid.title, "start", "title");
  const auto centre = [&](int column) { return step_x * (column + 0.5); };
  for (int c = 0; c < std::min<int>(columns, int(grid.column_titles.size())); ++c) {
    canvas.text(centre(c), top - 7, grid.column_titles[size_t(c)], "middle", "name");
  }
  if (count == 0) canvas.text(2, top + 16, "none");
  for (int i = 0; i < count; ++i) {
    const Tile& tile = grid.tiles[size_t(i)];
    const double x = centre(i % columns) - grid.tile / 2;
    const double y = top + step_y * (i / columns);
    draw_picture(canvas, tile, x, y, grid.tile, grid.tile);
    if (grid.framed) canvas.rect(x, y, grid.tile, grid.tile, "class=\"frame\"");
    canvas.text(centre(i % columns), y + grid.tile + 15, tile.caption, "middle", "name");
  }
  return canvas.finish();
}

}  // namespace papilio::report
