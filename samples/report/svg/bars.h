// Pictures of how values are distributed: bars, histograms, strips of dots.
#pragma once

#include <string>
#include <vector>

#include "samples/report/svg/axis.h"
#include "samples/report/svg/palette.h"

namespace papilio::report {

struct Bar {
  std::string label = {};
  int slot = kInk;
  double value = kUnset;
  double error = kUnset;  // half length of the error bar
  std::string text = {};  // beside the bar, instead of the value
};

// Horizontal bars from zero, one a row.
struct BarChart {
  std::string title = {};
  Axis value = {};
  std::vector<Bar> bars = {};
  double width = 480;
};

struct Sample {
  std::string label = {};
  int slot = kInk;
  std::vector<double> values = {};
  bool filled = false;  // an area instead of an outline
};

// Shares of each sample in common bins.
struct Histogram {
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
  // Values of each row; there may be fewer rows than in StripChart::rows.
  std::vector<std::vector<double>> rows = {};
};

// Every value is a dot, the median a bar; in each row one lane for each series.
struct StripChart {
  std::string title = {};
  Axis x = {};
  std::vector<std::string> rows = {};
  std::vector<StripSeries> series = {};
  double width = 760;
};

std::string render(const BarChart& chart);
std::string render(const Histogram& chart);
std::string render(const StripChart& chart);

}  // namespace papilio::report
