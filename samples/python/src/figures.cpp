// Pictures as SVG: the charts of samples/report/svg, each a text that stands alone.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nn/data/formats/image.h"
#include "nn/data/formats/pixels.h"
#include "samples/python/src/bindings.h"
#include "samples/report/svg/bars.h"
#include "samples/report/svg/confusion.h"
#include "samples/report/svg/grids.h"
#include "samples/report/svg/lines.h"
#include "samples/report/svg/palette.h"
#include "samples/report/svg/svg.h"
#include "tensor/error.h"

namespace papilio::python {

namespace {

using Numbers = std::vector<double>;
using Names = std::vector<std::string>;

// With its colours and its own paper, so that the file is whole.
std::string alone(std::string svg) {
  const std::string begin = "<style>" + report::picture_css() +
                            "</style>\n<rect width=\"100%\" height=\"100%\" "
                            "fill=\"var(--paper)\"/>\n";
  return svg.insert(svg.find('>') + 1, "\n" + begin);
}

// A method keeps its colour: "BOFT, m = 2" is blue in every picture.
std::vector<int> slots_of(Names labels) {
  for (std::string& label : labels)
    std::transform(label.begin(), label.end(), label.begin(),
                   [](unsigned char c) { return char(std::tolower(c)); });
  return report::method_slots(labels);
}

void check_lengths(const char* chart, size_t labels, size_t values) {
  check(labels == values, chart, ": expected values for ", labels, " labels, got ", values);
}

report::Matrix matrix_of(const char* chart, const Tensor& x) {
  check(x.dim() == 2, chart, ": expected a matrix, got shape ", x.shape());
  return {int(x.size(0)), int(x.size(1)), x.to_vector<double>()};
}

std::string line_chart(const Names& labels, const std::vector<Numbers>& x,
                       const std::vector<Numbers>& y, const std::string& title,
                       const std::string& x_label, const std::string& y_label, bool log_x,
                       bool log_y, double width, double height) {
  check_lengths("line_chart", labels.size(), x.size());
  check_lengths("line_chart", labels.size(), y.size());
  report::LineChart chart{.title = title,
                          .x = {.label = x_label, .log = log_x},
                          .y = {.label = y_label, .log = log_y},
                          .width = width,
                          .height = height};
  const std::vector<int> slots = slots_of(labels);
  for (size_t i = 0; i < labels.size(); ++i) {
    check(x[i].size() == y[i].size(), "line_chart: ", labels[i], ": expected as many x as y, got ",
          x[i].size(), " and ", y[i].size());
    chart.series.push_back({.label = labels[i], .slot = slots[i], .x = x[i], .y = y[i]});
  }
  return alone(render(chart));
}

std::string bar_chart(const Names& labels, const Numbers& values, const std::string& title,
                      const std::string& label, double width) {
  check_lengths("bar_chart", labels.size(), values.size());
  report::BarChart chart{.title = title, .value = {.label = label}, .width = width};
  const std::vector<int> slots = slots_of(labels);
  for (size_t i = 0; i < labels.size(); ++i)
    chart.bars.push_back({.label = labels[i], .slot = slots[i], .value = values[i]});
  return alone(render(chart));
}

std::string histogram(const Names& labels, const std::vector<Numbers>& samples,
                      const std::string& title, const std::string& label, int bins, double width) {
  check_lengths("histogram", labels.size(), samples.size());
  check(bins >= 1, "histogram: expected 1 bin or more, got ", bins);
  report::Histogram chart{.title = title, .x = {.label = label}, .bins = bins, .width = width};
  const std::vector<int> slots = slots_of(labels);
  for (size_t i = 0; i < labels.size(); ++i)
    chart.samples.push_back({.label = labels[i], .slot = slots[i], .values = samples[i]});
  return alone(render(chart));
}

std::string heat_map(const Tensor& matrix, const std::string& title, int block,
                     std::optional<double> range, double size) {
  return alone(render(report::HeatMap{.title = title,
                                      .matrix = matrix_of("heat_map", matrix),
                                      .range = range.value_or(report::kUnset),
                                      .block = block,
                                      .size = size}));
}

void check_no_nan(const std::string& what, const Numbers& values) {
  const auto nan = std::find_if(values.begin(), values.end(), [](double v) { return v != v; });
  check(nan == values.end(), "image_grid: ", what, ": expected numbers, got NaN at element ",
        nan - values.begin());
}

report::Matrix sheet_of(const std::string& what, const Tensor& x) {
  report::Matrix m = matrix_of("image_grid", x);
  check_no_nan(what, m.values);
  return m;
}

// (H, W) in [0, 1] is ink on paper; (3, H, W) is a picture of its own colours.
report::Picture picture_of(const std::string& what, const Tensor& x) {
  if (x.dim() == 2) return {.ink = sheet_of(what, x)};
  check(x.dim() == 3 && x.size(0) == 3, "image_grid: expected (H, W) or (3, H, W), got shape ",
        x.shape());
  const auto height = int(x.size(1)), width = int(x.size(2));
  const std::vector<double> values = x.to_vector<double>();
  check_no_nan(what, values);
  const size_t plane = size_t(height) * size_t(width);
  nn::Image image{.width = width, .height = height, .channels = 3, .pixels = nn::Pixels(3 * plane)};
  for (size_t i = 0; i < plane; ++i)
    for (size_t c = 0; c < 3; ++c)
      image.pixels[3 * i + c] = uint8_t(255 * std::clamp(values[c * plane + i], 0.0, 1.0) + 0.5);
  return {.png = nn::encode_png(image), .aspect = double(width) / double(height), .smooth = false};
}

std::string image_grid(const std::vector<Tensor>& pictures, const Names& captions,
                       const std::vector<Tensor>& overlays, const std::string& title, int columns,
                       double tile) {
  check(captions.size() <= pictures.size(), "image_grid: expected at most ", pictures.size(),
        " captions, one for a picture, got ", captions.size());
  check(overlays.size() <= pictures.size(), "image_grid: expected at most ", pictures.size(),
        " overlays, one for a picture, got ", overlays.size());
  report::ImageGrid grid{.title = title, .columns = columns, .tile = tile};
  for (size_t i = 0; i < pictures.size(); ++i)
    grid.tiles.emplace_back(
        picture_of(str("picture ", i), pictures[i]),
        i < overlays.size() ? sheet_of(str("overlay ", i), overlays[i]) : report::Matrix(),
        i < captions.size() ? captions[i] : std::string());
  return alone(render(grid));
}

std::string confusion_chart(const std::vector<std::vector<int64_t>>& counts, const Names& names,
                            const std::string& title) {
  check_lengths("confusion_matrix", names.size(), counts.size());
  for (const auto& row : counts) check_lengths("confusion_matrix", names.size(), row.size());
  return alone(render(report::ConfusionChart{.title = title, .names = names, .counts = counts}));
}

}  // namespace

void bind_figures(nb::module_& m) {
  m.def("_line_chart_svg", line_chart, nb::arg("labels"), nb::arg("x"), nb::arg("y"),
        nb::arg("title"), nb::arg("x_label"), nb::arg("y_label"), nb::arg("log_x"),
        nb::arg("log_y"), nb::arg("width"), nb::arg("height"), Unlocked());
  m.def("_bar_chart_svg", bar_chart, nb::arg("labels"), nb::arg("values"), nb::arg("title"),
        nb::arg("label"), nb::arg("width"), Unlocked());
  m.def("_histogram_svg", histogram, nb::arg("labels"), nb::arg("samples"), nb::arg("title"),
        nb::arg("label"), nb::arg("bins"), nb::arg("width"), Unlocked());
  m.def("_heat_map_svg", heat_map, nb::arg("matrix"), nb::arg("title"), nb::arg("block"),
        nb::arg("range").none(), nb::arg("size"), Unlocked());
  m.def("_image_grid_svg", image_grid, nb::arg("pictures"), nb::arg("captions"),
        nb::arg("overlays"), nb::arg("title"), nb::arg("columns"), nb::arg("tile"), Unlocked());
  m.def("_confusion_matrix_svg", confusion_chart, nb::arg("counts"), nb::arg("names"),
        nb::arg("title"), Unlocked());
}

}  // namespace papilio::python
