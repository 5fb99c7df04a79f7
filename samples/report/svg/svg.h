#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "samples/report/svg/axis.h"
#include "samples/report/svg/palette.h"

// Pictures as SVG text. Colours come from CSS variables (picture_css), so that one picture serves
// light and dark pages. Values that are not finite are left out, never drawn.
namespace papilio::report {

struct Series {
  std::string label = {};
  int slot = kInk;
  std::vector<double> x = {}, y = {};
  std::vector<double> low = {}, high = {};  // band around y; empty: none
};

struct LineChart {
  std::string title = {};
  Axis x = {}, y = {};
  std::vector<Series> series = {};
  double width = 455, height = 320;
};

struct ScatterPoint {
  std::string label = {};
  int slot = kInk;
  double x = kUnset, y = kUnset;
  double x_error = kUnset, y_error = kUnset;  // half lengths of the error bars
};

struct ScatterChart {
  std::string title = {};
  Axis x = {}, y = {};
  std::vector<ScatterPoint> points = {};
  double width = 455, height = 340;
};

struct DotChart {  // y against x on one common range, with the line y = x
  std::string title = {};
  Axis x = {}, y = {};  // labels only
  int slot = kInk;
  std::vector<double> before = {}, after = {};
  double low = kUnset, high = kUnset;
  double size = 300;
};

struct Bar {
  std::string label = {};
  int slot = kInk;
  double value = kUnset;
  double error = kUnset;  // half length of the error bar
  std::string text = {};  // beside the bar, instead of the value
};

struct BarChart {  // horizontal bars from zero, one a row
  std::string title = {};
  Axis value = {};
  std::vector<Bar> bars = {};
  double width = 480;
};

struct Sample {
  std::string label = {};
  int slot = kInk;
  std::vector<double> values = {};
  bool filled = false;  // area instead of an outline
};

struct Histogram {  // shares of each sample in common bins
  std::string title = {};
  Axis x = {};
  std::vector<Sample> samples = {};
  int bins = 40;
  double y_max = kUnset;  // percent; the same in every panel of a row makes them comparable
  double width = 480, height = 260;
};

struct StripSeries {
  std::string label = {};
  int slot = kInk;
  std::vector<std::vector<double>>
      rows;  // values of each row; may be shorter than StripChart::rows
};

struct StripChart {  // every value a dot, the median a bar; one lane a series in each row
  std::string title = {};
  Axis x = {};
  std::vector<std::string> rows = {};
  std::vector<StripSeries> series = {};
  double width = 760;
};

struct Matrix {
  int rows = 0, cols = 0;
  std::vector<double> values = {};  // row-major

  bool valid() const;  // sizes agree and at least one entry
  double operator()(int row, int col) const;
};

struct HeatMap {
  std::string title = {};
  Matrix matrix = {};
  double range = kUnset;  // colour is full at |value| = range; unset: the largest |value|
  int block = 0;          // lines every so many rows and columns; 0: none
  double size = 400;      // side of the coloured area in user units
};

struct Picture {         // of an image; drawn where `ink` is given, else the PNG
  Matrix ink = {};       // 0 paper .. 1 ink, in the page's colours
  std::string png = {};  // a file's bytes
  double aspect = 1;     // width / height of the PNG
  bool smooth = true;    // enlarged smoothly, not as squares
};

struct Tile {
  Tile(const Picture& picture_, const Matrix& overlay_, std::string caption_)
      : picture(picture_), overlay(overlay_), caption(std::move(caption_)) {}

  Picture picture;
  // May be empty; any grid stretched over the picture. Under ink: full colour at its maximum. Over
  // a PNG: a veil, clear at its maximum and full at its minimum.
  Matrix overlay;
  std::string caption;
};

struct ImageGrid {
  std::string title = {};
  std::vector<Tile> tiles = {};  // row by row
  int columns = 1;
  std::vector<std::string> column_titles = {};
  double tile = 64;
};

struct ConfusionChart {
  std::string title = {};
  std::vector<std::string> names = {};
  std::vector<std::vector<int64_t>> counts = {};  // [true class][predicted class]
};

std::string render(const LineChart& chart);
std::string render(const ScatterChart& chart);
std::string render(const DotChart& chart);
std::string render(const BarChart& chart);
std::string render(const Histogram& chart);
std::string render(const StripChart& chart);
std::string render(const HeatMap& map);
std::string render(const ImageGrid& grid);
// Rows are true classes, columns predicted ones; names up to kMostNamed classes, numbers beyond.
std::string render(const ConfusionChart& chart);
constexpr size_t kMostNamed = 40;
// Neighbouring classes that share a row, and a column, of that chart: 1 up to 160 classes.
size_t classes_a_cell(size_t classes);

}  // namespace papilio::report
