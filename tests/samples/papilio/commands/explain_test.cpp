// papilio explain: the page of a shape and of an adapter, and what it counts.
#include <doctest/doctest.h>

#include <string>

#include "tests/samples/papilio/program.h"

using namespace papilio;
using test::train_base;
using test::words;
using test::Workplace;

TEST_CASE("explain -d -b -m: factors, who is reached, the way back; counted") {
  const Workplace at;
  const auto said = at.json(words("explain -d 64 -b 4 -m 3"));
  CHECK(said["facts"]["coordinates reached"] == "16");
  CHECK(said["facts"]["edges m d b, of d²"] == "768 of 4096");
  CHECK(said["facts"]["angles m d (b − 1) / 2, of all"] == "288 of 2016");
  const std::string page = at.bytes("explain.html");
  for (const char* text : {"R = B_2 B_1 B_0", "Who meets whom", "From the identity to R",
                           "4 of 16 blocks of one factor", "Rotation angles of R"})
    CHECK_MESSAGE(page.find(text) != std::string::npos, text);
  CHECK(page.find("Singular values") == std::string::npos);
  at.json(words("explain -d 15 -b 5 -m 1 --dropout 0 --out odd.html"));
  CHECK(at.bytes("odd.html").find("What multiplicative dropout removes") == std::string::npos);
  CHECK(at.bytes("odd.html") != page);
}

TEST_CASE("explain ADAPTER: the layer that turned most, or the one that is named") {
  const Workplace at;
  train_base(at);
  const std::string common = "finetune base --classes 2-4 --epochs 1 --lr 0.1 --out ";
  at.json(words(common + "a -t query,value"));
  at.json(words(common + "l -t query --method lora"));
  const auto most = at.json(words("explain a base --out most.html"));
  const std::string layer = most["layer"];
  CHECK(layer.starts_with("vit.encoder.layer.0.attention.attention."));
  CHECK(at.bytes("a/report.html").find("of <code>" + layer + "</code>, which turned most") !=
        std::string::npos);
  CHECK(at.bytes("most.html").find("Singular values of the weight") != std::string::npos);
  const std::string other = layer.ends_with("query") ? "value" : "query";
  const std::string path = "vit.encoder.layer.0.attention.attention." + other;
  CHECK(at.json(words("explain a --layer " + path))["layer"] == path);
  test::check_refused(
      at, {{"explain a --layer x", 2, "--layer: the adapter has no layer x"},
           {"explain l", 2, "l: LORA does not rotate in blocks, so there are none to draw"},
           {"explain a -d 8", 2, "--coordinates: has a meaning only with no ADAPTER"},
           {"explain -d 10 -b 4", 2, "explain: "}});
}
