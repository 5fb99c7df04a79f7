// papilio demo: its folder, and what Ctrl-C leaves.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/nn/data/files.h"
#include "tests/samples/papilio/program.h"

using namespace papilio;
using test::words;
using test::Workplace;

namespace {

// Classes a, b, ... of one shade each, five pictures of each in a part.
void write_shades(const Workplace& at, const char* folder, int classes,
                  const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    for (int c = 0; c < classes; ++c) {
      const std::filesystem::path of = at / folder / part / std::string(1, char('a' + c));
      std::filesystem::create_directories(of);
      for (int i = 0; i < 5; ++i)
        test::write_bytes(of / (std::to_string(i) + ".png"), test::plain_png(32, 32, 60 * c, i, 9));
    }
}

}  // namespace

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

TEST_CASE("demo --curve goes on with the runs that are made; figures, table and page are of all") {
  const Workplace at;
  const std::vector<std::string> line =
      words("demo --curve --quick --seeds 1 --pretrainings 1 --curve-heads drawn --out c");
  const auto first = at.json(line);
  CHECK(first["rows"].size() == 6);  // BOFT, OFT, COFT, LoRA, full finetuning, the probe
  const std::string points = at.bytes("c/points.jsonl"), page = at.bytes("c/curve.html");
  CHECK(std::ranges::count(points, '\n') == 9 * 4 + 1);  // the probe has no way back
  CHECK(page.find("Learned against kept") != std::string::npos);
  // Interrupted within the fourth run's line.
  size_t cut = 0;
  for (int i = 0; i < 12; ++i) cut = points.find('\n', cut) + 1;
  test::write_bytes(at / "c/points.jsonl", points.substr(0, cut + 20));
  CHECK(at.json(line) == first);
  CHECK(at.bytes("c/points.jsonl") == points);
  CHECK(at.bytes("c/curve.html") == page);
  test::check_refused(at, {{"demo --curve-epochs 20", 2, "--curve-epochs: has a meaning only with"},
                           {"demo --curve --curve-epochs 7", 2, "--curve-epochs: "},
                           {"demo --data photos", 2, "--data: has a meaning only with --curve"},
                           {"demo --curve --data photos --curve-epochs 20", 2,
                            "--curve-epochs: has a meaning only with the digits"},
                           {"demo --curve --data photos", 1, "photos"}});
}

TEST_CASE("demo --curve --data: the first half of the classes first, levels of what was learned") {
  const Workplace at;
  write_shades(at, "shades", 4, {"train", "test"});
  const std::vector<std::string> line =
      words("demo --curve --quick --data shades --seeds 1 --pretrainings 1 --curve-heads drawn");
  const auto first = at.json(line);
  CHECK(first["rows"].size() == 6);
  for (const auto& row : first["rows"])
    for (const auto& level : row["levels"]) {
      const double learned = level["learned"];
      CHECK(learned * 100 == doctest::Approx(std::round(learned * 100)));
      if (row["method"] != "probe") CHECK(level["reached"] == 1);
    }
  const std::string points = at.bytes("demo/points.jsonl"), page = at.bytes("demo/curve.html");
  CHECK(std::ranges::count(points, '\n') == 9 * 4 + 1);
  CHECK(points.find("\"data\":\"shades/ ") != std::string::npos);
  CHECK(page.find("a, b") != std::string::npos);
  CHECK(page.find("c, d") != std::string::npos);
  CHECK(at.json(line) == first);  // from the points
  CHECK(at.bytes("demo/points.jsonl") == points);
}

TEST_CASE("demo --curve --data: what is refused before anything is trained") {
  const Workplace at;
  write_shades(at, "odd", 5, {"train", "test"});
  write_shades(at, "two", 2, {"train", "test"});
  write_shades(at, "half", 4, {"train"});
  write_shades(at, "half", 2, {"test"});
  const std::string line = "demo --curve --data ";
  test::check_refused(at,
                      {{line + "odd", 2, "their number is even, 4 at least; odd has 5"},
                       {line + "two", 2, "their number is even, 4 at least; two has 2"},
                       {line + "half", 2, "half: class c has no picture in the test part"},
                       {"demo --curve --data . --out runs", 2, "--out: runs lies in the data"},
                       {line + "odd --tune", 2, "--tune: has a meaning only with the main job"}});
  CHECK(!std::filesystem::exists(at / "demo"));
  write_shades(at, "torn", 4, {"train", "test"});
  for (const char* file : {"torn/test/d/2.png", "torn/test/d/3.png"})
    test::write_bytes(at / file, "torn");
  const auto torn = at.run(words(line + "torn --quiet"));
  CHECK(torn.code == 1);
  CHECK(torn.err ==
        "papilio demo: torn/test/d/2.png: expected a JPEG or PNG picture, got no picture, and 1 "
        "more that cannot be read\n");
  CHECK(!std::filesystem::exists(at / "demo/points.jsonl"));
}

TEST_CASE("demo --curve --data: other data under the same name are not taken for those before") {
  const Workplace at;
  write_shades(at, "one/shades", 4, {"train", "test"});
  write_shades(at, "two/shades", 6, {"train", "test"});
  const std::string line =
      " --curve --quick --seeds 1 --pretrainings 1 --curve-heads drawn --out curve";
  at.json(words("demo --data one/shades" + line));
  at.json(words("demo --data two/shades" + line));
  CHECK(std::ranges::count(at.bytes("curve/points.jsonl"), '\n') == 2 * (9 * 4 + 1));
}
