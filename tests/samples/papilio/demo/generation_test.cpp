// `papilio demo generation` in few steps: everything runs, says what it found, and keeps what it
// pretrained; so it does when it is interrupted.
#include <doctest/doctest.h>
#include <signal.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <set>
#include <string>
#include <thread>

#include "tests/samples/papilio/program.h"

using namespace papilio;
using test::words;
using test::Workplace;

namespace {

void check_point(const nlohmann::json& point) {
  CHECK(point["likeness"].get<double>() >= -1);
  CHECK(point["likeness"].get<double>() <= 1);
  CHECK(point["fidelity"].get<double>() >= 0);
  CHECK(point["fidelity"].get<double>() <= 1);
  CHECK(point["drift"].get<double>() >= 0);
  CHECK(point["drift"].get<double>() <= 1);
}

// For Workplace::run: Ctrl-C as soon as the program has begun with the folder.
auto interrupt_in(const std::filesystem::path& folder) {
  return [folder](int process) {
    using namespace std::chrono_literals;
    for (int i = 0; i < 3000 && !std::filesystem::exists(folder / ".lock"); ++i)
      std::this_thread::sleep_for(10ms);
    kill(process, SIGINT);
  };
}

}  // namespace

TEST_CASE("demo generation: two subjects by every method, silhouettes, and folders to go on with") {
  const Workplace at;
  const auto r = at.json(words("demo generation --quick --seeds 2 --out d --quiet"));
  CHECK(r["unet_parameters"].get<int>() > 100000);
  CHECK(r["cached"] == false);
  REQUIRE(r["subjects"].size() == 2);
  for (const auto& subject : r["subjects"]) {
    CHECK(subject["pictures"] == 5);
    REQUIRE(subject["runs"].size() == 8);
    std::set<std::string> methods;
    for (const auto& run : subject["runs"]) {
      methods.insert(run["method"].get<std::string>());
      REQUIRE(!run["points"].empty());
      CHECK(run["points"].back()["steps"] == r["adapt_steps"]);
      for (const auto& point : run["points"]) check_point(point);
      check_point(run["base"]);
      CHECK(run["base"]["drift"].get<double>() == doctest::Approx(0).epsilon(1e-5));
    }
    CHECK(methods == std::set<std::string>{"boft", "oft", "lora", "full"});
  }
  // The second subject takes the rates that were found with the first.
  CHECK(r["subjects"][0]["tried"].size() == 4);
  CHECK(r["subjects"][1]["tried"].empty());
  for (size_t i = 0; i < 8; ++i)
    CHECK(r["subjects"][0]["runs"][i]["lr"] == r["subjects"][1]["runs"][i]["lr"]);
  REQUIRE(r["control"]["ways"].size() == 3);
  for (const auto& way : r["control"]["ways"]) {
    CHECK(way["iou"].get<double>() >= 0);
    CHECK(way["iou"].get<double>() <= 1);
  }
  CHECK(nlohmann::json::parse(at.bytes("d/results.json"))["subjects"] == r["subjects"]);
  const std::string page = at.bytes("d/report.html");
  CHECK(page.find("<script") == std::string::npos);

  // The pipeline is one like any other, and so are the adapters.
  for (const char* adapter : {"d/ring/boft", "d/five/lora"}) {
    const auto made =
        at.json({"generate", "d/pipeline", "--prompt", "a sks ring on black", "--steps", "2",
                 "--adapter", adapter, "--out", "made", "--overwrite"});
    CHECK(made["pictures"].size() == 1);
  }
  CHECK(at.json(words("inspect d/control/unet"))["config"]["peft_type"] == "BOFT");

  // The same settings: the pipeline is not trained again, and everything behind it comes out alike.
  const auto again = at.json(words("demo generation --quick --seeds 2 --out d --quiet"));
  CHECK(again["cached"] == true);
  CHECK(again["pretrain_seconds"] == r["pretrain_seconds"]);
  CHECK(again["subjects"] == r["subjects"]);
  CHECK(again["control"] == r["control"]);
  // Ctrl-C ends it with one line; a whole run's results are not replaced by parts.
  const std::string results = at.bytes("d/results.json"), report = at.bytes("d/report.html");
  const auto ended =
      at.run(words("demo generation --quick --seeds 2 --out d --quiet"), interrupt_in(at / "d"));
  CHECK(ended.code == 130);
  CHECK(ended.out == "");
  CHECK(ended.err ==
        "papilio demo: interrupted; d/results.json is still that of a whole run, and the same "
        "command goes on with the pipeline\n");
  CHECK(at.bytes("d/results.json") == results);
  CHECK(at.bytes("d/report.html") == report);
  const auto other = at.json(words("demo generation --quick --seeds 1 --seed 1 --out d --quiet"));
  CHECK(other["cached"] == false);
  CHECK(at.run(words("demo generation --curve")).code == 2);
}

TEST_CASE("demo generation: Ctrl-C in the pretraining says that nothing is written") {
  const Workplace at;
  const auto early = at.run(words("demo generation --out e --quiet"), interrupt_in(at / "e"));
  CHECK(early.code == 130);
  CHECK(early.out == "");
  CHECK(early.err == "papilio demo: interrupted in the pretraining, nothing is written\n");
}
