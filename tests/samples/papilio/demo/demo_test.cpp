// papilio demo: its folder, and what Ctrl-C leaves.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/samples/papilio/program.h"

using namespace papilio;
using test::words;
using test::Workplace;

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
