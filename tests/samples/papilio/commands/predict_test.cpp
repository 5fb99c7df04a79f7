// papilio predict: built-in digits, CSV files and folders of pictures.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "samples/papilio/output/predictions_file.h"
#include "tensor/files/safetensors.h"
#include "tests/nn/data/files.h"
#include "tests/paths.h"
#include "tests/samples/papilio/program.h"
#include "tests/samples/papilio/run/two_classes.h"

using namespace papilio;
using test::Outcome;
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

TEST_CASE(
    "predict: a folder is one row a picture; CSV and JSON files say the same; other formats are "
    "named") {
  const Workplace at;
  for (const char* name : {"blue", "red"}) {
    std::filesystem::create_directories(at / "photos" / name);
    for (int i = 0; i < 6; ++i) {
      const auto shade = [&](char of) { return *name == of ? 200 + i : 10 + i; };
      test::write_bytes(at / "photos" / name / (std::to_string(i) + ".png"),
                        test::plain_png(8, 8, shade('r'), 20, shade('b')));
    }
  }
  at.json(
      words("train --data photos --crop none --image-size 8 --patch-size 4 --hidden-size 16 "
            "--layers 1 --heads 2 "
            "--epochs 2 --batch-size 4 --out m"));
  const auto all = at.json(words("predict m photos --top 2 --out all.csv"))["predictions"];
  REQUIRE(all.size() == 12);
  CHECK(all[0]["image"] == "photos/blue/0.png");
  CHECK(all[11]["image"] == "photos/red/5.png");
  const auto one = at.json(words("predict m photos/red/5.png"))["predictions"][0];
  CHECK(one["class"] == all[11]["class"]);
  CHECK(one["probability"].get<double>() ==
        doctest::Approx(all[11]["probability"].get<double>()).epsilon(1e-5));
  const std::string csv = at.bytes("all.csv");
  CHECK(csv.starts_with("image,class,probability,class_2,probability_2\nphotos/blue/0.png,"));
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 13);
  const Outcome said = at.run(words("predict m photos --quiet --out all.json"));
  CHECK(said.out == "all.json: 12 images\n");
  const auto json = nlohmann::json::parse(at.bytes("all.json"))["predictions"];
  REQUIRE(json.size() == 12);
  CHECK(json[3]["class"] == all[3]["class"]);
  // What systems add is passed over; pictures of other formats are named, by their bytes.
  std::filesystem::create_directories(at / "photos/@eaDir/x");
  test::write_bytes(at / "photos/@eaDir/x/thumb.png", "x");
  test::write_bytes(at / "photos/.DS_Store", "x");
  test::write_bytes(at / "photos/notes.txt", "mine");
  test::write_bytes(at / "photos/phone.heic",
                    std::string("\0\0\0\x18", 4) + "ftypheic" + std::string(20, '\0'));
  std::filesystem::copy_file(at / "photos/red/0.png", at / "photos/without_ending");
  const Outcome mixed = at.run(words("predict m photos --json"));
  CHECK(mixed.code == 0);
  CHECK(nlohmann::json::parse(mixed.out)["predictions"].size() == 13);
  CHECK_MESSAGE(
      mixed.err.find(
          "left out: photos/phone.heic: is a HEIC picture; pictures are JPEG or PNG files\n") !=
          std::string::npos,
      mixed.err);
  CHECK(mixed.err.find("left out: 1 file that is no picture in photos\n") != std::string::npos);
  // A broken one ends the work, or stays out of it.
  test::write_bytes(at / "photos/red/9.png", "broken");
  CHECK(at.run(words("predict m photos --quiet")).code == 1);
  const Outcome skipped = at.run(words("predict m photos/red --corrupt skip --json --quiet"));
  CHECK(nlohmann::json::parse(skipped.out)["predictions"].size() == 6);
  CHECK(skipped.err.find("left out: photos/red/9.png: expected a JPEG or PNG picture") !=
        std::string::npos);
}

TEST_CASE("predictions as CSV: fields with commas, quotes and line ends are quoted") {
  const std::string csv =
      cli::predictions_csv({{"a,b.png", "", {{"say \"x\"", 0.75}}}, {"c.png", "", {{"y\nz", 1}}}});
  CHECK(csv == "image,class,probability\n\"a,b.png\",\"say \"\"x\"\"\",0.75\nc.png,\"y\nz\",1\n");
  CHECK(cli::predictions_csv({{"a", "l", {{"x", 0.5}, {"y", 0.25}}}}) ==
        "image,label,class,probability,class_2,probability_2\na,l,x,0.5,y,0.25\n");
}

TEST_CASE("predict: names of columns and row numbers of a CSV file are no pixels") {
  const Workplace at;
  train_base(at);
  std::string names, values, plain;
  for (int i = 0; i < 64; ++i)
    names += ",p" + std::to_string(i), values += "," + std::to_string(i % 17);
  for (int row = 0; row < 2; ++row) plain += values.substr(1) + ",7\n";
  test::write_bytes(at / "plain.csv", plain);
  test::write_bytes(at / "pandas.csv", names + ",label\n0" + values + ",7\n1" + values + ",7\n");
  test::write_bytes(at / "index.csv", "0" + values + "\n1" + values + "\n");
  test::write_bytes(at / "first.csv", "Label" + names + "\n7" + values + "\n7" + values + "\n");
  test::write_bytes(at / "twice.csv",
                    "Unnamed: 0,target" + names + "\n5,7" + values + "\n6,7" + values + "\n");
  test::write_bytes(at / "quoted.csv", "\"\",\"y\"" + names + "\n\"1\",\"7\"" + values +
                                           "\n\"2\",\"7\"" + values + "\n");
  const auto want = at.json(words("predict base plain.csv"))["predictions"];
  REQUIRE(want.size() == 2);
  for (const std::string name :
       {"pandas.csv", "index.csv", "first.csv", "twice.csv", "quoted.csv"}) {
    CAPTURE(name);
    const auto got = at.json(words("predict base " + name))["predictions"];
    REQUIRE(got.size() == 2);
    for (size_t i = 0; i < 2; ++i) CHECK(got[i]["top"] == want[i]["top"]);
    CHECK(got[0]["label"].is_null() == (name == "index.csv"));
    if (name != "index.csv") CHECK(got[1]["label"] == "7");
  }
  test::write_bytes(at / "unnamed.csv", "p" + names + "\n7" + values + "\n");
  const auto refused = at.run(words("predict base unnamed.csv"));
  CHECK(refused.code == 1);
  CHECK(refused.err ==
        "papilio predict: unnamed.csv, line 1: expected names of 64 pixels, and \"label\" if there "
        "is one, got 65 names of pixels\n");
}

TEST_CASE("predict: a first line that is nearly all numbers is a picture, not names of columns") {
  const Workplace at;
  train_base(at);
  std::string row, counted;
  for (int i = 0; i < 63; ++i) row += "," + std::to_string(i % 17);
  for (int i = 0; i < 64; ++i) counted += std::to_string(i) + ",";
  for (const std::string bad : {"nan", "-3", "", "x", "17", "1e2"}) {
    for (const std::string label : {"", ",7"}) {
      CAPTURE(bad + label);
      test::write_bytes(at / "u.csv", bad + row + label + "\n1" + row + label + "\n");
      const auto refused = at.run(words("predict base u.csv"));
      CHECK(refused.code == 1);
      CHECK(refused.err ==
            "papilio predict: u.csv, line 1, column 1: expected pixels from 0 to 16, "
            "got '" +
                bad + "'\n");
    }
  }
  std::string missing = "NA";
  for (int i = 1; i < 64; ++i) missing += ",NA";
  test::write_bytes(at / "u.csv", missing + "\n1" + row + "\n");
  CHECK(at.run(words("predict base u.csv")).err.find("u.csv, line 1, column 1: ") !=
        std::string::npos);
  // DataFrame(images).to_csv counts the columns.
  test::write_bytes(at / "plain.csv", "3" + row + ",7\n");
  const auto want = at.json(words("predict base plain.csv"))["predictions"];
  for (const std::string& text :
       {counted + "label\n3" + row + ",7\n", "," + counted + "label\n0,3" + row + ",7\n"}) {
    test::write_bytes(at / "counted.csv", text);
    const auto got = at.json(words("predict base counted.csv"))["predictions"];
    REQUIRE(got.size() == 1);
    CHECK(got[0]["top"] == want[0]["top"]);
    CHECK(got[0]["label"] == "7");
  }
  test::write_bytes(at / "empty", "");
  CHECK(at.run(words("predict base empty")).err == "papilio predict: empty: is empty\n");
}

TEST_CASE("predict: multi-label models and single outputs by the sigmoid, regression as it is") {
  const Workplace at;
  train_base(at);
  const auto top = [&](const std::string& problem) {
    auto config = nlohmann::json::parse(at.bytes("base/config.json"));
    config["problem_type"] = problem;
    test::write_bytes(at / "base/config.json", config.dump());
    const auto outcome = at.run(words("predict base --digit 0 --json"));
    REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
    return nlohmann::json::parse(outcome.out)["predictions"][0]["top"];
  };
  const auto values = top("regression"), each = top("multi_label_classification"),
             one = top("single_label_classification");
  double sum = 0;
  for (const auto& v : values) sum += std::exp(v["value"].get<double>());
  for (size_t i = 0; i < values.size(); ++i) {
    const double x = values[i]["value"].get<double>();
    CHECK(each[i]["probability"].get<double>() == doctest::Approx(1 / (1 + std::exp(-x))));
    CHECK(one[i]["probability"].get<double>() == doctest::Approx(std::exp(x) / sum));
  }
  CHECK(values.size() == 2);
  top("multi_label_classification");
  CHECK(at.run(words("evaluate base")).code == 0);
  top("regression");
  const auto refused = at.run(words("evaluate base"));
  CHECK(refused.code == 2);
  CHECK(refused.err.find("its outputs are numbers, not classes") != std::string::npos);
}

TEST_CASE("models of one output and of several labels: what they say, measure, and become") {
  const Workplace at;
  const auto golden = std::filesystem::path(test::source_root) / "tests/golden";
  // Warned of problem_type, or not.
  const auto object = [&](std::vector<std::string> line) {
    line.insert(line.end(), {"--json", "--quiet"});
    const Outcome outcome = at.run(line);
    REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
    return nlohmann::json::parse(outcome.out);
  };
  for (const std::string name : {"one_output", "several_labels"}) {
    CAPTURE(name);
    std::filesystem::copy(golden / "models" / name, at / name);
    // As Transformers' pipeline says it of this picture.
    const auto said = object(
        {"predict", name, (golden / "images/rgb.png").string(), "--top", "3"})["predictions"][0];
    const auto scores = load_safetensors(at / (name + "/answers.safetensors"))
                            .tensors.at("scores")
                            .to_vector<double>();
    REQUIRE(said["top"].size() == scores.size());
    for (const auto& guess : said["top"]) {
      const std::string label = guess["class"];
      const auto output = std::stoul(label.substr(std::string("LABEL_").size()));
      CHECK(guess["probability"].get<double>() == doctest::Approx(scores[output]).epsilon(1e-5));
    }
  }
  // One output tells no classes apart.
  test::write_pictures(at / "photos", 6);
  std::filesystem::create_directories(at / "one/LABEL_0");
  std::filesystem::copy(at / "photos/dark/0.png", at / "one/LABEL_0/0.png");
  const Outcome refused = at.run(words("evaluate one_output --data one --split all"));
  CHECK(refused.code == 2);
  CHECK_MESSAGE(
      refused.err.find("one_output: has one output, which tells no classes apart, so that "
                       "there is no accuracy; predict says what it answers\n") != std::string::npos,
      refused.err);
  // With a head for other classes both are classifiers as any: answers add up to one.
  for (const std::string name : {"one_output", "several_labels"}) {
    CAPTURE(name);
    object(words("finetune " + name +
                 " --data photos --test-share 0.2 --epochs 1 --batch-size 4 "
                 "-t query -b 4 -m 1 --out a_" +
                 name));
    object(words("merge " + name + " a_" + name + " --out m_" + name));
    CHECK(object(words("evaluate m_" + name + " --data photos"))["classes"] ==
          std::vector<std::string>{"dark", "light"});
    const auto config = nlohmann::json::parse(at.bytes("m_" + name + "/config.json"));
    CHECK_FALSE(config.contains("problem_type"));
    CHECK(config["id2label"].size() == 2);
    for (const std::string& model : {"m_" + name, name + " --adapter a_" + name}) {
      const auto all = object(words("predict " + model + " photos/dark"))["predictions"];
      for (const auto& one : all) {
        CHECK(one["top"][0]["probability"].get<double>() +
                  one["top"][1]["probability"].get<double>() ==
              doctest::Approx(1));
      }
    }
  }
}

TEST_CASE("predict: the work of more than a moment says how far it is") {
  const Workplace at;
  test::write_pictures(at / "photos", 17);
  at.json(
      words("train --data photos --crop none --image-size 8 --patch-size 4 --hidden-size 16 "
            "--layers 1 --heads 2 --epochs 1 --batch-size 8 --out m"));
  const Outcome many = at.run(words("predict m photos"));
  CHECK(many.code == 0);
  CHECK_MESSAGE(many.err.find("predict 34/34  ") != std::string::npos, many.err);
  CHECK(many.err.find("photos/light/9.png") != std::string::npos);
  CHECK(std::count(many.out.begin(), many.out.end(), '\n') == 35);
  // Pictures that are left out count as done.
  test::write_bytes(at / "photos/dark/0.png", "broken");
  const Outcome some = at.run(words("predict m photos --corrupt skip --json"));
  CHECK_MESSAGE(some.err.find("predict 34/34  ") != std::string::npos, some.err);
  CHECK(nlohmann::json::parse(some.out)["predictions"].size() == 33);
  CHECK(at.run(words("predict m photos/light --quiet")).err.empty());
  CHECK(at.run(words("predict m photos/light")).err.empty());  // 17
}
