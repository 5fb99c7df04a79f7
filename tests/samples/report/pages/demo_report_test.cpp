// The main job's page.
#include "samples/report/pages/demo_report.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <string>

#include "tests/samples/report/markup.h"

namespace papilio::test {

using namespace report;

TEST_CASE("the main job's page: well formed when all is missing, and when all is there") {
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

TEST_CASE("the main job's page: a difference that the seeds do not show is none") {
  DemoReport page;
  page.methods = {{.name = "boft", .label = "BOFT"}, {.name = "full", .label = "full finetuning"}};
  page.methods[0].accuracy_new = {0.975, 0.009};
  const auto lead = [&](const Estimate& full) {
    page.methods[1].accuracy_new = full;
    std::string html = render(page);
    for (size_t at; (at = html.find("\u00A0")) != html.npos;) html.replace(at, 2, " ");
    return html;
  };
  const auto says = [&](const Estimate& full, const std::string& words) {
    return lead(full).find(words) != std::string::npos;
  };
  CHECK(says({0.966, 0.006}, "recognises <b>97.5 ± 0.9 %</b> of the new digits"));
  CHECK(
      says({0.966, 0.006}, ", as far as the seeds tell as many as full finetuning (96.6 ± 0.6 %"));
  CHECK(
      says({0.966, 0.001}, ", as far as the seeds tell as many as full finetuning (96.6 ± 0.1 %"));
  CHECK(says({0.955, 0.006}, ", 2.0 points more than full finetuning (95.5 ± 0.6 %"));
  CHECK(says({0.990, 0.001}, ", 1.5 points fewer than full finetuning (99.0 ± 0.1 %"));
  // One seed has no deviation.
  CHECK(says({0.966}, ", 0.9 points more than full finetuning (96.6 %"));
}

}  // namespace papilio::test
