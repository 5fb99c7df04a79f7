// Figures of the demonstration of generation: means and bands over runs, pictures in their order.
#include "samples/papilio/demo/generation_figures.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "nn/data/formats/image.h"
#include "samples/papilio/demo/generation.h"
#include "samples/papilio/demo/results.h"
#include "samples/report/svg/lines.h"
#include "samples/report/svg/palette.h"
#include "samples/report/svg/text.h"
#include "tests/samples/report/markup.h"

namespace papilio::test {

using demo::Estimate;
using demo::GenerationPoint;
using demo::GenerationRun;

namespace {

GenerationRun run_of(const std::string& method, std::vector<GenerationPoint> points) {
  GenerationRun run;
  run.method = method, run.label = method + " label";
  run.base = {.likeness = 0.2, .fidelity = 1};
  run.points = std::move(points);
  return run;
}

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE("at_base, at_end: means and deviations over a method's runs") {
  const GenerationRun a =
      run_of("boft", {{.steps = 10, .likeness = 0.5}, {.steps = 20, .likeness = 0.9}});
  const GenerationRun b = run_of("boft", {{.steps = 20, .likeness = 0.7}});
  const Estimate base = demo::at_base({&a, &b}, &GenerationPoint::likeness);
  CHECK(base.mean == doctest::Approx(0.2));
  CHECK(base.std == doctest::Approx(0));
  const Estimate end = demo::at_end({&a, &b}, &GenerationPoint::likeness);
  CHECK(end.mean == doctest::Approx(0.8));
  CHECK(end.std == doctest::Approx(std::sqrt(0.02)));  // of a sample of two
}

TEST_CASE("forgetting_chart, steps_chart: the first runs from the base on; ends_chart: all runs") {
  const GenerationRun a = run_of("boft", {{.steps = 10, .likeness = 0.5, .drift = 0.1},
                                          {.steps = 20, .likeness = 0.9, .drift = 0.2}});
  const GenerationRun b = run_of("boft", {{.steps = 20, .likeness = 0.7, .drift = 0.4}});
  const GenerationRun full = run_of("full", {{.steps = 20, .likeness = 0.6, .drift = 0.5}});
  const std::vector<demo::Runs> methods{{&a, &b}, {&full}};
  const std::vector<int> slots = report::method_slots({"boft", "full"});
  const report::LineChart curve = demo::forgetting_chart(methods);
  REQUIRE(curve.series.size() == 2);
  CHECK(curve.series[0].label == "boft label");
  CHECK(curve.series[0].slot == slots[0]);
  CHECK(curve.series[1].slot == slots[1]);
  CHECK(curve.series[0].x == std::vector<double>{0, 0.1, 0.2});
  CHECK(curve.series[0].y == std::vector<double>{0.2, 0.5, 0.9});
  CHECK(curve.series[1].x == std::vector<double>{0, 0.5});
  CHECK(complaint(report::render(curve)) == "");

  const report::LineChart steps =
      demo::steps_chart(methods, &GenerationPoint::fidelity, "Fidelity", "share");
  CHECK(steps.series[0].x == std::vector<double>{0, 10, 20});
  CHECK(steps.series[0].y == std::vector<double>{1, 0, 0});
  CHECK(complaint(report::render(steps)) == "");

  const report::ScatterChart ends = demo::ends_chart(methods);
  REQUIRE(ends.points.size() == 3);
  CHECK(ends.points[0].label == "pretrained");
  CHECK(ends.points[0].slot == report::kInk);
  CHECK(ends.points[0].y == doctest::Approx(0.2));
  CHECK(ends.points[1].x == doctest::Approx(0.3));
  CHECK(ends.points[1].y == doctest::Approx(0.8));
  CHECK(ends.points[1].x_error == doctest::Approx(std::sqrt(0.02)));
  CHECK(ends.points[2].slot == slots[1]);
  CHECK(std::isnan(ends.points[2].y_error));  // one run has no deviation
  CHECK(complaint(report::render(ends)) == "");
  CHECK(complaint(report::render(demo::ends_chart({}))) == "");
}

TEST_CASE("pictures_figure: each picture as a PNG file inside, its pixels as squares") {
  const nn::Image red{2, 2, 3, {255, 0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0}};
  nn::Image wide = red;
  wide.width = 4, wide.height = 1;
  const std::string svg = demo::pictures_figure("<title>", {red, red, wide}, 2, 64);
  CHECK(complaint(svg) == "");
  CHECK(count(svg, "<image ") == 3);
  CHECK(count(svg, "class=\"pixelated\"") == 3);
  CHECK(count(svg, "class=\"frame\"") == 3);
  CHECK(count(svg, report::base64(nn::encode_png(red))) == 2);
  CHECK(count(svg, "width=\"64\" height=\"16\"") == 1);
  CHECK(svg.find("&lt;title&gt;") != std::string::npos);
  CHECK(demo::pictures_figure("", {}, 4, 64).find("none") != std::string::npos);
}

}  // namespace papilio::test
