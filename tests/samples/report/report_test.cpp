// The report: markup that is well formed whatever the figures and labels are.
#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "samples/report/pages/butterfly.h"
#include "samples/report/pages/demo_report.h"
#include "samples/report/svg/axis.h"
#include "samples/report/svg/svg.h"
#include "samples/report/svg/text.h"
#include "tests/samples/report/markup.h"

namespace papilio::test {

using namespace report;

TEST_CASE("the checker of these tests finds broken markup") {
  CHECK(complaint("<p>a<br>b</p>").empty());
  CHECK_FALSE(complaint("<p><b></p></b>").empty());
  CHECK_FALSE(complaint("<p>").empty());
  CHECK_FALSE(complaint("<p class=\"x>a</p>").empty());
}

TEST_CASE("text is escaped, numbers are short and never NaN") {
  CHECK(escape("a < b & \"c\"") == "a &lt; b &amp; &quot;c&quot;");
  CHECK(grouped(21061) == "21,061");
  CHECK(grouped(-1234567) == "−1,234,567");
  CHECK(fixed(1.5, 2) == "1.50");
  CHECK(percent(0.963, 1).starts_with("96.3"));
  CHECK_FALSE(shows_nan(fixed(std::nan(""), 2)));
}

TEST_CASE("an axis whose data is one value: the end that is given stays") {
  Extent extent;
  extent.add(100);
  Scale to_100({.label = "%", .max = 100}, extent, 0.05);
  to_100.place(0, 1);
  CHECK(to_100(100) == doctest::Approx(1));
  CHECK(to_100(97) < 0.99);
  Scale from_100({.label = "%", .min = 100}, extent, 0.05);
  from_100.place(0, 1);
  CHECK(from_100(100) == doctest::Approx(0));
  Scale free({.label = "%"}, extent, 0.05);
  free.place(0, 1);
  CHECK(free(100) == doctest::Approx(0.5));
}

TEST_CASE("ticks are round numbers inside the range") {
  for (const auto& [low, high] : {std::pair{0.0, 1.0}, {-3.0, 7.0}, {1e-6, 3e-6}, {98.2, 99.1}}) {
    const std::vector<Tick> ticks = linear_ticks(low, high, 5);
    CHECK(ticks.size() >= 3);
    CHECK(ticks.size() <= 11);
    for (const Tick& tick : ticks) {
      CHECK(tick.value >= low - 1e-12);
      CHECK(tick.value <= high + 1e-12);
    }
  }
  CHECK(log_ticks(100, 1e6, 5).size() >= 3);
}

TEST_CASE(
    "charts are well formed: of good data, of nothing, of NaN and infinity, with hostile labels") {
  const std::string hostile = "<script>\"&'";
  const std::vector<double> bad{1, std::nan(""), INFINITY, 3, -INFINITY};
  for (const std::vector<double>& y :
       {std::vector<double>{}, std::vector<double>{2}, bad, {1, 2, 3, 4, 5}}) {
    LineChart line{hostile, {hostile}, {}, {{hostile, 0, {1, 2, 3, 4, 5}, y, {}, {}}}};
    line.series[0].x.resize(y.size());
    ScatterChart scatter{hostile, {.label = hostile, .log = true}, {}, {}};
    BarChart bars{hostile, {}, {}};
    for (double v : y) {
      scatter.points.push_back({hostile, 1, v, v, v, v});
      bars.bars.push_back({hostile, 2, v, v, ""});
    }
    Histogram histogram{hostile, {}, {{hostile, 0, y}}};
    HeatMap map{hostile, {1, int(y.size()), y}};
    ImageGrid grid{hostile, {}, 2, {hostile}};
    grid.tiles.emplace_back(Picture{.ink = {1, int(y.size()), y}}, Matrix(), hostile);
    grid.tiles.emplace_back(Picture{.png = hostile}, Matrix{1, int(y.size()), y}, hostile);
    StripChart strip{hostile, {}, {hostile}, {{hostile, 0, {y}}}};
    for (const std::string& svg : {render(line), render(scatter), render(bars), render(histogram),
                                   render(map), render(grid), render(strip)}) {
      CHECK_MESSAGE(complaint(svg).empty(), complaint(svg));
      CHECK(svg.find("<script>") == std::string::npos);
      CHECK_FALSE(shows_nan(svg));
    }
  }
}

TEST_CASE("the butterfly joins half-blocks that lie 2^i apart") {
  CHECK(lower_half_block(5, 0) == 10);
  CHECK(lower_half_block(5, 1) == 9);
  CHECK(lower_half_block(5, 2) == 9);
  CHECK(lower_half_block(3, 3) == 3);
  for (const ButterflyShape& shape :
       {ButterflyShape{32, 4, 4}, {64, 8, 2}, {21, 3, 1}, {768, 8, 2}}) {
    CHECK_MESSAGE(complaint(draw_butterfly(shape)).empty(), complaint(draw_butterfly(shape)));
  }
  CHECK_THROWS_AS(draw_butterfly({24, 4, 4}), std::invalid_argument);
}

TEST_CASE(
    "the page: well formed when everything is missing and when everything is there; nothing from "
    "elsewhere") {
  DemoReport page;
  CHECK_MESSAGE(complaint(render(page)).empty(), complaint(render(page)));
  page.methods = {{.name = "boft", .label = "BOFT <b>", .trainable_parameters = 21061}};
  page.methods[0].accuracy_new = {0.95, 0.01};
  page.methods[0].loss = {{1, 2}, {{2, 1}, {3, std::nan("")}}};
  page.methods[0].rotation_angles = {{"encoder.layer.0.query", {1, 2, 3}}};
  page.methods[0].row_angles = page.base_row_angles = {10, 20, 90};
  page.butterfly = {16, 4, 2};
  page.rotation = {2, 2, {0, -1, 1, 0}};
  page.seeds = 3;
  const std::string html = render(page);
  CHECK_MESSAGE(complaint(html).empty(), complaint(html));
  CHECK(html.find("21,061") != std::string::npos);
  CHECK(html.find("BOFT &lt;b&gt;") != std::string::npos);
  CHECK_FALSE(shows_nan(html));
  for (const char* outside : {"src=\"http", "href=\"http", "url(http", "<script"}) {
    CHECK(html.find(outside) == std::string::npos);
  }
}

}  // namespace papilio::test
