#include "samples/report/pages/geometry.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "samples/report/svg/bars.h"
#include "samples/report/svg/grids.h"
#include "samples/report/svg/lines.h"
#include "samples/report/svg/text.h"
#include "tensor/text.h"

namespace papilio::report {
namespace {

std::string of_layer(const std::string& layer) {
  return layer.empty() ? "of one adapted layer" : "of " + code(layer);
}

Matrix minus_identity(Matrix m) {
  for (int k = 0; k < std::min(m.rows, m.cols); ++k) {
    m.values[size_t(k) * size_t(m.cols) + size_t(k)] -= 1;
  }
  return m;
}

// Root mean square of the change over the pairs that are finite before and after.
double rms_change(const std::vector<double>& before, const std::vector<double>& after) {
  double sum = 0;
  double count = 0;
  for (size_t i = 0; i < std::min(before.size(), after.size()); ++i) {
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

std::string code(const std::string& text) {
  return "<code>" + escape(text) + "</code>";
}

std::vector<std::string> short_layer_names(const std::vector<std::string>& names) {
  if (names.empty()) return {};
  std::string common = names[0];
  for (const std::string& name : names) {
    const auto ends = std::mismatch(common.begin(), common.end(), name.begin(), name.end());
    common.erase(ends.first, common.end());
  }
  const size_t skip = common.rfind('.') == std::string::npos ? 0 : common.rfind('.') + 1;
  std::vector<std::string> shorter;
  for (const std::string& name : names) {
    std::vector<std::string> kept;
    std::string last;
    for (const std::string& part : split(name.substr(skip), '.')) {
      if (part != last && (part != "dense" || kept.empty())) kept.push_back(part);
      last = part;
    }
    const std::string out = joined(kept, ".");
    shorter.push_back(out.empty() ? name : out);
  }
  return shorter;
}

void show_rotation(Document& page, const ButterflyPicture& shape, const Matrix& rotation,
                   const std::string& which_html) {
  const int reach = shape.d > 0 ? shape.b << (shape.m - 1) : 0;
  if (shape.d > 0) {
    page.paragraph(
        "Each factor turns pairs of half-blocks, in every pair by its own small rotation <i "
        "class=\"v\">Q</i> = (<i class=\"v\">I</i> \u2212 <i class=\"v\">S</i>)(<i "
        "class=\"v\">I</i> + <i class=\"v\">S</i>)<sup>\u22121</sup> with a skew-symmetric <i "
        "class=\"v\">S</i>, or by a series that comes near it. " +
        std::string(shape.m > 1 ? "Factor by factor the partners lie twice as far apart, so a few "
                                  "small rotations let far coordinates meet."
                                : "With one factor, coordinates of different blocks never meet."));
    page.figure({draw_butterfly(shape)},
                "A weight row <i class=\"v\">w</i> passes the factors from left to right; boxes "
                "are half-blocks of coordinates, and the lines between two columns show which of "
                "them a factor mixes. Strong: what the first half-block reaches, in the end " +
                    std::to_string(reach) + " coordinates.");
  }
  if (!rotation.valid()) return;
  HeatMap whole{.title = "R, the whole rotation", .matrix = rotation};
  whole.block = shape.d > 0 && rotation.rows % reach == 0 ? reach : 0;
  whole.size = 330;
  HeatMap moved = whole;
  moved.title = "R \u2212 I, what it changes";
  moved.matrix = minus_identity(rotation);
  page.figure(
      {render(whole), render(moved)},
      "The trained rotation " + which_html +
          ", blue positive and orange negative, colour by the square root of the size; rows and "
          "columns are coordinates. Nothing leaves the squares of coordinates that the butterfly "
          "joins; on the right the identity is taken away, so that small turns show.");
}

void explain_energy(Document& page) {
  page.paragraph(
      "The energy \u2211<sub><i class=\"v\">i</i> \u2260 <i class=\"v\">j</i></sub> 1 / \u2016<i "
      "class=\"v\">\u0175<sub>i</sub></i> \u2212 <i class=\"v\">\u0175<sub>j</sub></i>\u2016 over "
      "the unit vectors <i class=\"v\">\u0175</i> along a weight\u2019s rows measures how evenly "
      "they spread over the sphere. A common rotation and a positive scale leave it as it is.");
}

std::string angles_chart(const std::vector<MethodAngles>& methods) {
  std::vector<std::string> layers;
  for (const MethodAngles& method : methods) {
    for (const LayerAngles& angles : method.layers) {
      if (std::find(layers.begin(), layers.end(), angles.layer) == layers.end()) {
        layers.push_back(angles.layer);
      }
    }
  }
  StripChart chart{.title = "Rotation angles by layer"};
  chart.x.label = "angle of a rotation plane (degrees)";
  chart.x.min = 0;
  chart.rows = short_layer_names(layers);
  for (const MethodAngles& method : methods) {
    if (method.layers.empty()) continue;
    StripSeries series{method.label, method.slot, {}};
    series.rows.resize(layers.size());
    for (const LayerAngles& angles : method.layers) {
      const auto row = std::find(layers.begin(), layers.end(), angles.layer) - layers.begin();
      series.rows[size_t(row)] = angles.degrees;
    }
    chart.series.push_back(std::move(series));
  }
  return render(chart);
}

void show_row_angles(Document& page, const std::vector<double>& before,
                     const std::vector<RowAngles>& after, const std::string& layer) {
  Extent range;
  for (double angle : before) range.add(angle);
  for (const RowAngles& method : after) {
    for (double angle : method.degrees) range.add(angle);
  }
  if (range.empty()) return;
  std::vector<std::string> histograms;
  std::vector<std::string> dots;
  for (const RowAngles& method : after) {
    if (method.degrees.empty()) continue;
    Histogram histogram{.title = method.label};
    histogram.x = {
        .label = "angle between two rows (degrees)", .min = range.low, .max = range.high};
    histogram.samples = {{"before", kInk, before, true},
                         {"after", method.slot, method.degrees, false}};
    histogram.width = 318;
    histogram.height = 250;
    histogram.bins = 36;
    histograms.push_back(render(histogram));
    DotChart pairs{.title = method.label};
    pairs.x.label = "before (degrees)";
    pairs.y.label = "after (degrees); rms change " + degrees(rms_change(before, method.degrees));
    pairs.slot = method.slot;
    pairs.before = before;
    pairs.after = method.degrees;
    pairs.low = range.low;
    pairs.high = range.high;
    pairs.size = 318;
    dots.push_back(render(pairs));
  }
  if (histograms.empty()) return;
  page.paragraph(
      "Turning all rows of a weight together leaves every angle between two of them as it was; "
      "adding to the weight does not. This is the idea behind orthogonal finetuning.");
  const std::string histogram_caption =
      "Angles between all pairs of rows " + of_layer(layer) +
      ", grey before adapting and coloured after. Where the outline follows the grey area exactly, "
      "the neurons kept their arrangement.";
  const std::string dots_caption =
      "The same pairs one by one (a sample where there are many): a dot on the dashed line is an "
      "angle that did not change. Look for the width of the cloud.";
  if (histograms.size() == 1) {
    page.figure({histograms[0], dots[0]}, histogram_caption + " " + dots_caption);
    return;
  }
  page.figure(histograms, histogram_caption);
  page.figure(dots, dots_caption);
}

}  // namespace papilio::report
