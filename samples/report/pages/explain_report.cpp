#include "samples/report/pages/explain_report.h"

#include <cstddef>
#include <string>
#include <utility>

#include "samples/report/svg/bars.h"
#include "samples/report/svg/grids.h"
#include "samples/report/svg/lines.h"
#include "samples/report/svg/palette.h"
#include "samples/report/svg/text.h"

namespace papilio::report {

namespace {

std::string heat(const std::string& title, const Matrix& matrix, double size = 250) {
  HeatMap map{.title = title, .matrix = matrix};
  map.size = size;
  return render(map);
}

void add_factors(Document& page, const ExplainReport& r) {
  if (r.factors.empty()) return;
  page.section("factors", "Factors and their products");
  std::vector<std::string> factors, products;
  std::string name;
  for (size_t i = 0; i < r.factors.size(); ++i) {
    const std::string own = "B_" + std::to_string(i);
    name = i == 0 ? own : own + ' ' + name;
    factors.push_back(heat(own, r.factors[i]));
    products.push_back(heat(i + 1 == r.factors.size() ? "R = " + name : name, r.products[i]));
  }
  page.figure(factors,
              "The factors (BOFT, equation 1 in section 4, with blocks equation 3 in appendix F): "
              "b x b rotations between pairs of half-blocks that lie 1, 2, 4, ... apart. White is "
              "zero.");
  page.figure(products,
              "Their products. Factor by factor a row reaches twice as many coordinates; R is "
              "dense when b 2^(m - 1) = d.");
}

void add_spectrum(Document& page, const ExplainReport& r) {
  if (r.angles.empty() && r.singular_values_after.empty()) return;
  page.section("spectrum", "Spectrum");
  std::vector<std::string> pictures;
  if (!r.angles.empty()) {
    Histogram angles{.title = "Rotation angles of R"};
    angles.x = {.label = "angle of a plane (degrees)"};
    angles.samples = {{"R", 0, r.angles, true}};
    angles.bins = 30;
    pictures.push_back(render(angles));
  }
  if (!r.singular_values_after.empty()) {
    LineChart values{.title = "Singular values of the weight"};
    values.x = {.label = "number, the largest first"};
    values.y = {.label = "singular value"};
    Series before{.label = "before"}, after{.label = "after", .slot = 0};
    for (size_t i = 0; i < r.singular_values_after.size(); ++i) {
      before.x.push_back(double(i + 1)), after.x.push_back(double(i + 1));
      before.y.push_back(r.singular_values_before[i]),
          after.y.push_back(r.singular_values_after[i]);
    }
    values.series = {std::move(before), std::move(after)};
    pictures.push_back(render(values));
  }
  page.figure(
      pictures,
      "An orthogonal R has eigenvalues of size 1, e^(\u00B1i angle) for each plane it "
      "turns (the histogram), and all its singular values are 1, so that W R^T has those of W. A "
      "learned scale s is no part of R and moves them (BOFT, section 5).");
}

void add_way(Document& page, const ExplainReport& r) {
  if (r.strengths.empty()) return;
  page.section("way", "The way there, and back");
  LineChart chart{.title = "From the identity to R"};
  chart.x = {.label = "strength t: each factor's planes turn by t times their angle"};
  chart.y = {.label = "distance, over the square root of d"};
  chart.series = {{.label = "to R", .slot = 0, .x = r.strengths, .y = r.from_whole},
                  {.label = "to I", .slot = 3, .x = r.strengths, .y = r.from_identity}};
  page.figure({render(chart)},
              "R has a middle: with a part of every angle one gets a rotation between nothing and "
              "all (BOFT, figure 10, sets whole factors to I). papilio merge --strength t takes a "
              "model there.");
}

void add_dropout(Document& page, const ExplainReport& r) {
  if (!r.dropped.valid()) return;
  page.section("dropout", "What multiplicative dropout removes");
  Matrix difference = r.products.back();
  for (size_t i = 0; i < difference.values.size(); ++i) difference.values[i] -= r.dropped.values[i];
  page.figure({heat("R", r.products.back()), heat("R in one step of training", r.dropped),
               heat("what is missing", difference)},
              "In each step some blocks of one factor are the identity (here " +
                  escape(r.dropped_text) + "). The product is still a rotation (BOFT, section 4).");
}

}  // namespace

std::string render(const ExplainReport& r) {
  Document page(r.title);
  page.lead(escape(r.subject));
  if (!r.facts.empty()) page.definitions(r.facts);
  if (r.shape.d > 0) {
    page.section("rotation", "Who meets whom");
    show_rotation(page, r.shape, {}, "");
  }
  add_factors(page, r);
  add_spectrum(page, r);
  if (!r.layers.empty()) {
    page.section("angles", "How far each layer turned");
    page.figure({angles_chart({{"adapter", 0, r.layers}})},
                "Every dot is one plane of one small rotation, the bar their median.");
  }
  add_way(page, r);
  add_dropout(page, r);
  return page.finish();
}

}  // namespace papilio::report
