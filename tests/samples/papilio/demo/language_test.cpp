// `papilio demo language` in few steps: everything runs, and says what it found.
#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <string>

#include "tests/samples/papilio/program.h"

using namespace papilio;
using test::words;
using test::Workplace;

TEST_CASE("demo language: every method, with both authors before and after") {
  const Workplace at;
  const auto r = at.json(words("demo language --quick --out d --quiet"));
  CHECK(r["parameters"].get<int>() > 300000);
  CHECK(r["vocabulary"] == 768);
  std::set<std::string> methods;
  for (const auto& run : r["runs"]) {
    methods.insert(run["method"].get<std::string>());
    REQUIRE(run["points"].size() == 3);
    CHECK(run["points"][2]["steps"] == r["adapt_steps"]);
    for (const auto& point : run["points"]) {
      for (const char* part : {"learned", "kept"}) {
        const auto& e = point[part];
        CHECK(e["tokens"].get<int>() > 1000);
        CHECK(e["perplexity"].get<double>() == doctest::Approx(std::exp(e["loss"].get<double>())));
        CHECK(e["bits_per_byte"].get<double>() > 1);
      }
    }
    CHECK(run["sample"].get<std::string>().size() > 10);
    CHECK(run["validation_loss"].get<double>() > 0);
  }
  CHECK(methods == std::set<std::string>{"boft", "oft", "hra", "lora", "full"});
  CHECK(r["runs"].size() == 5);
  // Even three steps of full finetuning at the highest rate teach something.
  CHECK(r["runs"][4]["points"][2]["learned"]["loss"].get<double>() <
        r["base"]["learned"]["loss"].get<double>());
  CHECK(nlohmann::json::parse(at.bytes("d/results.json"))["runs"] == r["runs"]);
  const std::string page = at.bytes("d/report.html");
  CHECK(page.find("Learned against kept") != std::string::npos);
  CHECK(page.find("<script") == std::string::npos);
  // The pretrained model is a folder like any other.
  CHECK(at.json({"predict", "d/base", "And it came"})["predictions"].size() == 1);
  CHECK(at.run(words("demo language --curve")).code == 2);
}
