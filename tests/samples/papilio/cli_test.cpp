// The papilio program: help, predictions, the demo.
#include <doctest/doctest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <sstream>
#include <string>
#include <thread>

#include "tests/samples/papilio/program.h"

using namespace papilio;
using test::train_base;
using test::words;
using test::Workplace;

TEST_CASE("predict: built-in digits and CSV files") {
  const Workplace at;
  train_base(at);
  const auto two = at.json(words("predict base --digit 0,10-11 --top 1"));
  REQUIRE(two["predictions"].size() == 3);
  CHECK(two["predictions"][0]["label"] == "0");
  CHECK(two["predictions"][0]["top"].size() == 1);
  std::string line, values;
  for (int i = 0; i < 64; ++i) values += (i > 0 ? "," : "") + std::to_string(i % 17);
  test::write_bytes(at / "mine.csv", values + "\r\n" + values + ",7\n");
  const auto mine = at.json(words("predict base mine.csv"));
  REQUIRE(mine["predictions"].size() == 2);
  CHECK(mine["predictions"][0]["label"].is_null());
  CHECK(mine["predictions"][1]["label"] == "7");
  // sgemm may round a row differently at another place of its batch.
  CHECK(mine["predictions"][0]["probability"].get<double>() ==
        doctest::Approx(mine["predictions"][1]["probability"].get<double>()).epsilon(1e-5));
  CHECK(at.run(words("predict base mine.csv")).out.find("mine.csv, line 2  7") !=
        std::string::npos);
  // Several files, and a spreadsheet's byte order mark.
  test::write_bytes(at / "sheet.csv", "\xef\xbb\xbf" + values + '\n');
  const auto both = at.json(words("predict base sheet.csv mine.csv --digit 3"));
  REQUIRE(both["predictions"].size() == 4);
  CHECK(both["predictions"][0]["image"] == "sheet.csv, line 1");
  CHECK(both["predictions"][2]["image"] == "mine.csv, line 2");
}

TEST_CASE("help, version, and the help of every command") {
  const Workplace at;
  CHECK(at.run({}).code == 2);
  CHECK(at.run({"--help"}).code == 0);
  CHECK(at.run({"help", "train"}).out == at.run({"train", "--help"}).out);
  CHECK(at.run({"help", "tarin"}).code == 2);
  CHECK(at.run({"--version"}).out.starts_with("papilio 0."));
  CHECK(at.run({"train", "--help"}).out.find("adamw: decoupled; sgd: added") != std::string::npos);
  for (const char* command :
       {"train", "finetune", "evaluate", "merge", "predict", "inspect", "demo"}) {
    CAPTURE(command);
    const auto help = at.run({command, "--help"});
    CHECK(help.code == 0);
    CHECK(help.err == "");
    CHECK(help.out.starts_with(std::string("papilio ") + command));
    CHECK(help.out.find("Examples\n") != std::string::npos);
    std::istringstream lines(help.out);
    for (std::string line; std::getline(lines, line);) CHECK_MESSAGE(line.size() <= 100, line);
  }
}

TEST_CASE("demo: its folder is made first; Ctrl-C says what there is") {
  const Workplace at;
  test::write_bytes(at / "file", "");
  const auto refused = at.run(words("demo --quick --out file"));
  CHECK(refused.code == 1);
  CHECK(refused.err == "papilio demo: file: cannot be made: Not a directory\n");
  const auto early = at.run(words("demo --quiet --out d"), [&](int process) {
    using namespace std::chrono_literals;
    for (int i = 0; i < 1000 && !std::filesystem::exists(at / "d"); ++i)
      std::this_thread::sleep_for(10ms);
    kill(process, SIGINT);
  });
  CHECK(early.code == 130);
  CHECK(early.err == "papilio demo: interrupted; no method was finished, nothing is written\n");
}
