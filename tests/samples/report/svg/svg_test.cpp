// Pictures: markup that is well formed whatever the figures and labels are.
#include "samples/report/svg/svg.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "tests/samples/report/markup.h"

namespace papilio::test {

using namespace report;

TEST_CASE("the checker of these tests finds broken markup") {
  CHECK(complaint("<p>a<br>b</p>").empty());
  CHECK_FALSE(complaint("<p><b></p></b>").empty());
  CHECK_FALSE(complaint("<p>").empty());
  CHECK_FALSE(complaint("<p class=\"x>a</p>").empty());
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

TEST_CASE("svg: a line without a label is drawn, and has no key in the legend") {
  const auto count = [](const std::string& label, const std::string& word) {
    const Series named{.label = "one", .slot = 0, .x = {0, 1}, .y = {0, 1}};
    const Series other{.label = label, .slot = 0, .x = {0, 1}, .y = {1, 2}};
    const std::string svg = render(LineChart{.series = {named, other}});
    int found = 0;
    for (auto at = svg.find(word); at != svg.npos; at = svg.find(word, at + 1)) ++found;
    return found;
  };
  CHECK(count("two", ">two<") > count("", ">two<"));
  CHECK(count("two", "<text") == count("", "<text") + 1);
  CHECK(count("two", "<polyline") + count("two", "<path") >= 2);
  CHECK(count("", "<polyline") + count("", "<path") >= 2);
}

}  // namespace papilio::test
