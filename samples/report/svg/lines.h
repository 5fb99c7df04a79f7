// Pictures of y against x: curves with bands, labelled points, pairs around the line y = x.
#pragma once

#include <string>
#include <vector>

#include "samples/report/svg/axis.h"
#include "samples/report/svg/palette.h"

namespace papilio::report {

struct Series {
  std::string label = {};  // in the legend; empty: not there
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

// after against before on one common range, with the line y = x.
struct DotChart {
  std::string title = {};
  Axis x = {}, y = {};  // labels only
  int slot = kInk;
  std::vector<double> before = {}, after = {};
  double low = kUnset, high = kUnset;
  double size = 300;
};

std::string render(const LineChart& chart);
std::string render(const ScatterChart& chart);
std::string render(const DotChart& chart);

}  // namespace papilio::report
