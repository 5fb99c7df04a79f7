// papilio predict: built-in digits and CSV files.
#include <doctest/doctest.h>

#include <string>

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
