#include "samples/report/pages/curve_report.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "samples/report/svg/lines.h"
#include "samples/report/svg/palette.h"
#include "samples/report/svg/text.h"

namespace papilio::report {

namespace {

std::string chart_of(const std::string& title, const std::vector<CurveLine>& lines) {
  std::vector<std::string> names;
  names.reserve(lines.size());
  for (const CurveLine& line : lines) names.push_back(line.name);
  const std::vector<int> slots = method_slots(names);
  LineChart chart{.title = title};
  chart.x = {.label = "accuracy on the new classes (%)"};
  chart.y = {.label = "kept under the old head (%)"};
  chart.width = 560;
  chart.height = 400;
  for (size_t i = 0; i < lines.size(); ++i) {
    Series series{.label = lines[i].label, .slot = slots[i]};
    for (const double v : lines[i].learned) series.x.push_back(100 * v);
    for (const double v : lines[i].kept) series.y.push_back(100 * v);
    chart.series.push_back(std::move(series));
  }
  return render(chart);
}

}  // namespace

void add_curves(Document& page, const CurveReport& report) {
  if (report.pictures.empty()) return;
  page.section("curves", "Learned against kept");
  std::vector<std::string> pictures, back;
  for (const CurvePicture& picture : report.pictures) {
    pictures.push_back(chart_of(picture.title, picture.lines));
    if (!picture.back.empty()) back.push_back(chart_of(picture.title, picture.back));
  }
  page.figure(pictures,
              "Every point is a method at one rate (COFT: at one bound), " + report.pretrainings +
                  "; a line joins a method's rates from the lowest to the highest. A single rate "
                  "picks one point of a line, so methods are to be compared where they have "
                  "learned equally much.");
  if (!back.empty()) {
    page.figure(back,
                "The way back: the furthest model of each method, with its rotations' angles (or "
                "its difference to the base) times 1, 0.75, 0.5 and 0.25, under the head that it "
                "learned.");
  }
  if (!report.levels.rows.empty()) {
    page.table(
        report.levels,
        "Old classes kept (%) where so many new pictures are right, read off the lines; mean "
        "\u00B1 standard deviation over the pretrainings that reach the level (how many, "
        "where not all). \u2265: its first point has learned more already. Fresh head: the "
        "old classes under a head fitted anew to the adapted features, least to most.");
  }
  if (!report.correlations.empty()) {
    page.paragraph("Rank correlation with what is kept, over all points:");
    page.definitions(report.correlations);
  }
}

std::string render(const CurveReport& report) {
  Document page("Learned against kept");
  page.lead(
      "A small vision transformer, pretrained on " + escape(report.old_classes) + ", learns " +
      escape(report.new_classes) +
      " by every method. What it still makes of the old classes under its <em>old head</em> falls "
      "as its features move away from that head; a head fitted afresh says what they could "
      "still tell apart.");
  add_curves(page, report);
  if (!report.environment.empty()) {
    page.section("making", "How this was made");
    page.definitions(report.environment);
  }
  return page.finish();
}

}  // namespace papilio::report
