#include <algorithm>
#include <cmath>

#include "demo_sections.h"
#include "text.h"

namespace papilio::report {
namespace {

std::string code(const std::string& text) {
  return "<code>" + escape(text) + "</code>";
}

std::string of_layer(const std::string& layer) {
  return layer.empty() ? "of one adapted layer" : "of " + code(layer);
}

Matrix minus_identity(Matrix m) {
  for (int k = 0; k < std::min(m.rows, m.cols); ++k) {
    m.values[static_cast<std::size_t>(k) * static_cast<std::size_t>(m.cols) +
             static_cast<std::size_t>(k)] -= 1;
  }
  return m;
}

// Root mean square of the change over the pairs that are finite before and after.
double rms_change(const std::vector<double>& before, const std::vector<double>& after) {
  double sum = 0;
  double count = 0;
  for (std::size_t i = 0; i < std::min(before.size(), after.size()); ++i) {
    const double change = after[i] - before[i];
    if (!std::isfinite(change)) continue;
    sum += change * change;
    count += 1;
  }
  return count > 0 ? std::sqrt(sum / count) : kUnset;
}

// Below a tenth of a thousandth of a degree the number shows rounding, not the method.
std::string degrees(double value) {
  if (!std::isfinite(value)) return fixed(value, 2);
  return value < 1e-4 ? "< 0.0001\u00B0" : significant(value, 2) + "\u00B0";
}

}  // namespace

void add_rotation(Document& page, const DemoView& view) {
  const DemoReport& data = view.data;
  const ButterflyShape& shape = data.butterfly;
  if (shape.d <= 0 && !data.rotation.valid()) return;
  page.section("rotation", "The rotation");
  if (shape.d > 0) {
    page.paragraph(
        "Each factor turns pairs of half-blocks, in every pair by its own small rotation "
        "<i class=\"v\">Q</i> = (<i class=\"v\">I</i> \u2212 <i class=\"v\">S</i>)(<i "
        "class=\"v\">I</i> + "
        "<i class=\"v\">S</i>)<sup>\u22121</sup> with a skew-symmetric <i class=\"v\">S</i>. "
        "Factor by factor "
        "the partners lie twice as far apart, so a few small rotations let far coordinates meet.");
    const std::string reach = std::to_string(static_cast<long long>(shape.b) << (shape.m - 1));
    page.figure(
        {draw_butterfly(shape)},
        "A weight row <i class=\"v\">w</i> passes the factors from left to right; boxes are "
        "half-blocks of coordinates, and the lines between two columns show which "
        "of them a factor mixes. Strong: what the first half-block reaches, in the end " +
            reach + " coordinates.");
  }
  if (!data.rotation.valid()) return;
  HeatMap whole{.title = "R", .matrix = data.rotation};
  whole.title = "R, the whole rotation";
  whole.block = shape.d == data.rotation.rows && shape.m > 0 ? shape.b << (shape.m - 1) : 0;
  whole.size = 390;
  HeatMap moved = whole;
  moved.title = "R \u2212 I, what it changes";
  moved.matrix = minus_identity(data.rotation);
  page.figure(
      {render(whole), render(moved)},
      "The trained rotation " + of_layer(data.rotation_layer) +
          ", blue positive and orange negative, colour by the square root of the size; rows and "
          "columns are coordinates. Nothing leaves the squares of coordinates that the butterfly "
          "joins; on the right the identity is taken away, so that small turns show.");
}

void add_rotation_angles(Document& page, const DemoView& view) {
  std::vector<std::string> layers;
  for (const MethodReport& method : view.data.methods) {
    for (const LayerAngles& angles : method.rotation_angles) {
      if (std::find(layers.begin(), layers.end(), angles.layer) == layers.end()) {
        layers.push_back(angles.layer);
      }
    }
  }
  if (layers.empty()) return;
  StripChart chart{.title = "Rotation angles by layer"};
  chart.x.label = "angle of a rotation plane (degrees)";
  chart.x.min = 0;
  chart.rows = short_layer_names(layers);
  for (std::size_t i = 0; i < view.data.methods.size(); ++i) {
    const MethodReport& method = view.data.methods[i];
    if (method.rotation_angles.empty()) continue;
    StripSeries series{method.label, view.slots[i], {}};
    series.rows.resize(layers.size());
    for (const LayerAngles& angles : method.rotation_angles) {
      const auto row = std::find(layers.begin(), layers.end(), angles.layer) - layers.begin();
      series.rows[static_cast<std::size_t>(row)] = angles.degrees;
    }
    chart.series.push_back(std::move(series));
  }
  page.section("angles", "How far each layer turned");
  page.figure(
      {render(chart)},
      "Every dot is one plane of one small rotation, the bar their median. A plane that stayed "
      "at 0\u00B0 learned nothing; look which layers turn most, and whether the methods agree.");
}

void add_row_angles(Document& page, const DemoView& view) {
  const DemoReport& data = view.data;
  if (data.base_row_angles.empty()) return;
  Extent range;
  for (const double angle : data.base_row_angles) range.add(angle);
  for (const MethodReport& method : data.methods) {
    for (const double angle : method.row_angles) range.add(angle);
  }
  if (range.empty()) return;
  std::vector<std::string> histograms;
  std::vector<std::string> dots;
  for (std::size_t i = 0; i < data.methods.size(); ++i) {
    const MethodReport& method = data.methods[i];
    if (method.row_angles.empty()) continue;
    Histogram histogram{.title = method.label};
    histogram.x = {
        .label = "angle between two rows (degrees)", .min = range.low, .max = range.high};
    histogram.samples = {{"before", kInk, data.base_row_angles, true},
                         {"after", view.slots[i], method.row_angles, false}};
    histogram.width = 318;
    histogram.height = 250;
    histogram.bins = 36;
    histograms.push_back(render(histogram));
    DotChart pairs{.title = method.label};
    pairs.x.label = "before (degrees)";
    pairs.y.label = "after (degrees); rms change " +
                    degrees(rms_change(data.base_row_angles, method.row_angles));
    pairs.slot = view.slots[i];
    pairs.before = data.base_row_angles;
    pairs.after = method.row_angles;
    pairs.low = range.low;
    pairs.high = range.high;
    pairs.size = 318;
    dots.push_back(render(pairs));
  }
  if (histograms.empty()) return;
  page.section("rows", "What a rotation keeps");
  page.paragraph(
      "Turning all rows of a weight together leaves every angle between two of them as it was; "
      "adding to "
      "the weight does not. This is the idea behind orthogonal finetuning.");
  page.figure(histograms,
              "Angles between all pairs of rows " + of_layer(data.row_angles_layer) +
                  ", grey before adapting and coloured after. Where the outline follows the grey "
                  "area exactly, the neurons kept their arrangement.");
  page.figure(
      dots,
      "The same pairs one by one (a sample where there are many): a dot on the dashed line is an "
      "angle that did not change. Look for the width of the cloud.");
}

}  // namespace papilio::report
