// Learned against kept: what is read off the points, and the file that keeps them.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <regex>
#include <string>
#include <vector>

#include "samples/papilio/demo/curve_points.h"
#include "samples/papilio/demo/curve_table.h"
#include "tensor/error.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

using demo::CurvePoint;

namespace {

CurvePoint point(const std::string& method, int64_t order, uint64_t pretraining, double learned,
                 double kept, double change = 0.1) {
  CurvePoint p{.method = method,
               .label = method,
               .setting = std::to_string(order),
               .order = order,
               .pretraining = pretraining,
               .epochs = 20,
               .learned = learned,
               .kept = kept,
               .probed = 0.96,
               .energy_change = 0,
               .weight_change = change};
  return p;
}

}  // namespace

TEST_CASE("kept_at: a straight line between the points around a level; the first, or nothing") {
  const std::vector<CurvePoint> path{point("m", 0, 0, 0.80, 1.00), point("m", 1, 0, 0.90, 0.90),
                                     point("m", 2, 0, 0.94, 0.50)};
  CHECK(demo::kept_at(path, 0.85)->kept == doctest::Approx(0.95));
  CHECK(demo::kept_at(path, 0.93)->kept == doctest::Approx(0.60));
  CHECK(!demo::kept_at(path, 0.93)->above);
  CHECK(demo::kept_at(path, 0.70)->kept == 1.00);
  CHECK(demo::kept_at(path, 0.70)->above);
  CHECK(!demo::kept_at(path, 0.95));
  // The first crossing counts, not one behind a point that learned less again.
  const std::vector<CurvePoint> back{path[1], point("m", 2, 0, 0.85, 0.7), path[2]};
  CHECK(demo::kept_at(back, 0.89)->kept == 0.90);
}

TEST_CASE(
    "levels: mean and deviation over the pretrainings that reach them, seeds averaged first") {
  std::vector<CurvePoint> points;
  for (const uint64_t pretraining : {0, 1})
    for (const uint64_t seed : {0, 1}) {
      const double kept = pretraining == 0 ? 0.8 : 0.6;
      for (CurvePoint p :
           {point("a", 0, pretraining, 0.88, 1), point("a", 1, pretraining, 0.92, kept),
            point("a", 2, pretraining, pretraining == 0 ? 0.96 : 0.94, kept - 0.2)}) {
        p.seed = seed;
        p.learned += seed == 0 ? 0.01 : -0.01;  // whose mean is the figure above
        points.push_back(p);
      }
    }
  CurvePoint half = points.front();
  half.strength = 0.5, half.kept = 0;
  points.push_back(half);  // not a whole run
  points.push_back(point("b", 0, 0, 0.91, 0.5));
  const auto rows = demo::read_levels(points);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].method == "a");
  REQUIRE(rows[0].levels.size() == 3);  // 90, 93 and 95 %
  const auto& [learned, kept, reached, above, of] = rows[0].levels[0];
  CHECK(learned == 0.90);
  CHECK(of == 2);
  CHECK(reached == 2);
  CHECK(above == 0);
  CHECK(kept.mean == doctest::Approx(0.85));  // halfway: 0.9 and 0.8
  CHECK(kept.std == doctest::Approx(std::sqrt(0.005)));
  CHECK(rows[0].levels[2].reached == 1);
  CHECK(rows[0].levels[2].kept.mean == doctest::Approx(0.65));
  CHECK(rows[1].levels[0].above == 1);
  CHECK(rows[1].levels[1].reached == 0);
  const std::string text = demo::curve_text(points);
  CHECK(text.find(">= 50.0") != std::string::npos);
  CHECK(text.find("85.0 ± 7.1") != std::string::npos);
  CHECK(text.find("65.0 (1/2)") != std::string::npos);
  // Means of each setting, with the part of the way beside the whole.
  CHECK(text.find("at 0.5\n") != std::string::npos);
  CHECK(
      std::regex_search(text, std::regex("\na +20 +drawn +0 +88.0 / 100.0 +96.0 % +89.0 / 0.0\n")));
  CHECK(std::regex_search(text, std::regex("\na +20 +drawn +1 +92.0 / 70.0 +96.0 %")));
  CHECK(demo::means(points).size() == 5);
}

TEST_CASE("levels of other data: between the probe and the method that learns least at its best") {
  std::vector<CurvePoint> points{point("probe", 0, 0, 0.500, 1), point("a", 0, 0, 0.30, 1),
                                 point("a", 1, 0, 0.816, 0.8), point("b", 0, 0, 0.90, 0.9),
                                 point("b", 1, 0, 0.70, 0.1)};
  CurvePoint half = point("c", 0, 0, 0.1, 1);
  half.strength = 0.5;
  points.push_back(half);
  CHECK(demo::levels_of(points) == std::vector<double>{0.90, 0.93, 0.95});
  CHECK(demo::levels_of({}) == std::vector<double>{0.90, 0.93, 0.95});
  for (CurvePoint& p : points) p.data = "photographs/";
  CHECK(demo::levels_of(points) == std::vector<double>{0.60, 0.71, 0.81});
  CHECK(demo::read_levels(points)[1].levels[2].learned == 0.81);
  CHECK(demo::curve_text(points).find("kept at 71.0 %") != std::string::npos);
  // The least of all settings, and the best probe among them.
  points.push_back(points[2]);
  points.back().fitted_head = true, points.back().learned = 0.62;
  points.push_back(points[0]);
  points.back().fitted_head = true, points.back().learned = 0.59;
  CHECK(demo::levels_of(points) == std::vector<double>{0.60, 0.61, 0.62});
  // A probe that learns more than one method does, than all do, and none yet.
  points[0].learned = 0.82;
  CHECK(demo::levels_of(points) == std::vector<double>{0.84, 0.87, 0.90});
  points[0].learned = 0.95;
  CHECK(demo::levels_of(points).empty());
  CHECK(demo::levels_of({points[2]}).empty());
  CHECK(demo::levels_of({points[0]}).empty());
  CHECK(demo::curve_text({points[2]}).find("kept at") == std::string::npos);
}

TEST_CASE("correlation is of ranks, over whole runs and finite measures") {
  std::vector<CurvePoint> points;
  for (int i = 0; i < 5; ++i) points.push_back(point("a", i, 0, 0.9, 1 - 0.1 * i * i, std::exp(i)));
  CurvePoint half = points.back();
  half.strength = 0.5, half.kept = 1;
  points.push_back(half);
  for (const demo::Correlation& c : demo::correlations(points)) {
    CHECK(c.points == 5);
    CHECK(c.measure != "median angle");  // no method here turns in blocks
    if (c.measure == "|W' - W| / |W|") CHECK(c.rho == doctest::Approx(-1));
  }
  for (CurvePoint& p : points) p.kept = 0.5;  // the same everywhere: it goes with nothing
  CHECK(demo::correlations(points).empty());
  CHECK(demo::curve_text(points).find("what is kept: none\n") != std::string::npos);
}

TEST_CASE(
    "points.jsonl: what was added is found again, half a line is cut off, others are refused") {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "points.jsonl";
  const CurvePoint whole = point("a", 1, 2, 0.9, 0.8);
  CurvePoint half = whole;
  half.strength = 0.5;
  {
    demo::PointFile file(path);
    CHECK(file.find(whole).empty());
    file.add({whole, half});
  }
  const std::string bytes = read_bytes(path);
  write_bytes(path, bytes + "{\"method\": \"b");
  demo::PointFile file(path);
  const auto found = file.find(whole);
  REQUIRE(found.size() == 2);
  CHECK(found[0].kept == 0.8);
  CHECK(std::isnan(found[0].angle));
  CHECK(found[1].strength == 0.5);
  CHECK(file.find(point("a", 2, 2, 0, 0)).empty());
  CurvePoint newer = whole;
  newer.version = "another";
  CHECK(file.find(newer).empty());
  CurvePoint elsewhere = whole;
  elsewhere.data = "cifar";
  CHECK(file.find(elsewhere).empty());
  CHECK(read_bytes(path) == bytes);
  write_bytes(path, bytes + "{\"x\": 1}\n");
  CHECK_THROWS_WITH_AS(
      demo::PointFile{path},
      (path.string() + ": line 3 is no point of a curve (key 'version' not found); "
                       "move the file away to begin anew")
          .c_str(),
      FileError);
  write_bytes(path, "[1]\n");
  CHECK_THROWS_AS(demo::PointFile{path}, FileError);
}

}  // namespace papilio::test
