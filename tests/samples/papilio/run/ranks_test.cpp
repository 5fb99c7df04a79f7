// Runs in several processes learn what one does.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "tests/nn/data/files.h"
#include "tests/samples/papilio/run/several_ranks.h"
#include "tests/samples/papilio/run/two_classes.h"

namespace papilio::test {

namespace fs = std::filesystem;

TEST_CASE("ranks: several train as one does, and the first alone speaks and writes") {
  if (*mpirun == '\0') return;
  const Ranks at;
  const std::string line = "train " + kModel + "--epochs 3 --ema 0.9 --accumulate 2 --out ";
  const Workplace alone;
  const auto one = alone.json(words(line + "one"));
  for (const int n : {1, 2, 3}) {
    const std::string out = "n" + std::to_string(n);
    const auto many = at.json_of(n, line + out);
    CHECK(many["steps"] == one["steps"]);
    CHECK(double(many["train_loss"]) == doctest::Approx(double(one["train_loss"])).epsilon(1e-3));
    CHECK(double(many["validation_accuracy"]) ==
          doctest::Approx(double(one["validation_accuracy"])).epsilon(0.05));
    const auto log = at.bytes(out + "/log.csv"), want = alone.bytes("one/log.csv");
    CHECK(std::ranges::count(log, '\n') == std::ranges::count(want, '\n'));
    CHECK(fs::exists(at / (out + "/report.html")));
    CHECK(many["memory_plan"]["parts"].contains("exchange") == (n > 1));
  }
  const Outcome shown = at.run_ranks(2, "train " + kModel + "--epochs 1 --out shown");
  CHECK_MESSAGE(shown.code == 0, shown.err);
  CHECK(shown.out.find("2 ranks on 1 host (") != std::string::npos);
  CHECK(shown.out.find("1 thread each, Open MPI") != std::string::npos);
  CHECK(shown.out.find(" for each of 2 ranks): weights ") != std::string::npos);
  const size_t first = shown.out.find("images to train");
  CHECK(first != shown.out.npos);
  CHECK(shown.out.find("images to train", first + 1) == shown.out.npos);
}

TEST_CASE("ranks: --reproducible gives the same bits on any number of ranks, and when resumed") {
  if (*mpirun == '\0') return;
  const Ranks at;
  const std::string line =
      "train " + kModel + "--epochs 3 --mixup 0.2 --reproducible 4 --save best --out ";
  const Workplace alone;
  alone.json(words(line + "one"));
  for (const int n : {2, 3, 4}) {
    const std::string out = "n" + std::to_string(n);
    at.json_of(n, line + out);
    CHECK(at.bytes(out + "/model.safetensors") == alone.bytes("one/model.safetensors"));
    const auto without_speed = [](const std::string& log) {
      std::istringstream lines(log);
      std::string kept;
      for (std::string row; std::getline(lines, row);) kept += row.substr(0, row.rfind(',')) + '\n';
      return kept;
    };
    CHECK(without_speed(at.bytes(out + "/log.csv")) == without_speed(alone.bytes("one/log.csv")));
  }
}

TEST_CASE("ranks: GPUs without NCCL between them learn the same through the host's memory") {
  if (*mpirun == '\0' || *emulated_program == '\0') return;
  const Ranks at;
  const std::string line = " train " + kModel + "--epochs 1 --quiet --out ";
  const Outcome cpu = at.run(Ranks::line(2, line.substr(1) + "cpu"));
  REQUIRE_MESSAGE(cpu.code == 0, cpu.err);
  CHECK(cpu.out.find("gradients go") == std::string::npos);
  const Outcome gpu =
      at.run(words(std::string("-n 2 ") + emulated_program + line + "gpu --device cuda:0"));
  REQUIRE_MESSAGE(gpu.code == 0, gpu.err);
  const auto loss = [&](const std::string& out) {
    return double(nlohmann::json::parse(at.bytes(out + "/results.json"))["train_loss"]);
  };
  CHECK(loss("gpu") == doctest::Approx(loss("cpu")).epsilon(1e-3));
  const size_t why = gpu.out.find("; gradients go through the host's memory: rank 1 on ");
  REQUIRE_MESSAGE(why != std::string::npos, gpu.out);
  CHECK(gpu.out.find(": has the GPU of rank 0\n", why) != std::string::npos);
  for (const char* n : {"1", "2"}) {
    const Outcome bits = at.run(words("-n " + std::string(n) + ' ' + emulated_program + line +
                                      "bits" + n + " --device cuda:0 --reproducible 2"));
    REQUIRE_MESSAGE(bits.code == 0, bits.err);
  }
  CHECK(at.bytes("bits1/model.safetensors") == at.bytes("bits2/model.safetensors"));
}

TEST_CASE("ranks: SIGTERM to one: all stop after the same step, and another number goes on") {
  if (*mpirun == '\0') return;
  const Ranks at;
  const std::string line =
      "train " + kModel + "--epochs 400 --checkpoint-steps 5 --reproducible 3 --quiet --out ";
  const Outcome stopped = at.run(Ranks::line(3, line + "run"), [&](int launcher) {
    wait_for(at / "run/checkpoints");
    const std::vector<int> ids = ranks_of(launcher);
    REQUIRE(ids.size() == 3);
    ::kill(ids[1], SIGTERM);
  });
  CHECK_MESSAGE(stopped.code == 128 + SIGTERM, stopped.err);
  const auto said = own_lines(stopped.err);
  REQUIRE_MESSAGE(said.size() == 1, stopped.err);
  CHECK(said[0].starts_with("papilio train: interrupted after step "));
  const Outcome more = at.run_ranks(2, line + "run --resume");
  CHECK_MESSAGE(more.code == 0, more.err);
  const Outcome whole = at.run_ranks(2, line + "whole");
  CHECK_MESSAGE(whole.code == 0, whole.err);
  CHECK(at.bytes("run/model.safetensors") == at.bytes("whole/model.safetensors"));
}

TEST_CASE("ranks: as many go on to the same bits as if not stopped, other numbers to close ones") {
  if (*mpirun == '\0') return;
  const Ranks at;
  const std::string line = "train " + kModel + "--epochs 3 --mixup 0.2 --ema 0.9 ";
  for (const bool bits : {false, true}) {
    const std::string more = bits ? "--reproducible 3 " : "", out = bits ? "bits" : "run";
    const auto whole =
        at.json_of(3, line + more + "--checkpoint-steps 5 --keep-checkpoints 99 --out " + out);
    CHECK(whole["ranks"] == 3);
    CHECK((whole["gradient_messages"] > 0) == !bits);
    CHECK((whole["gradient_bytes"] > 4 * whole["parameters"].get<int64_t>()) == !bits);
    for (const int n : {3, 2}) {
      CAPTURE(n);
      const std::string part = out + std::to_string(n);
      fs::copy(at / out, at / part, fs::copy_options::recursive);
      // As if it had been killed behind step 5.
      fs::remove(at / (part + "/model.safetensors"));
      int kept = 0;
      for (const auto& entry : std::vector(fs::directory_iterator(at / (part + "/checkpoints")),
                                           fs::directory_iterator()))
        entry.path().filename() == "step-00000005.safetensors" ? ++kept : fs::remove(entry.path());
      REQUIRE(kept == 1);
      const auto resumed = at.json_of(n, line + more + "--resume --out " + part);
      CHECK(resumed["steps"] == whole["steps"]);
      if (bits || n == 3)
        CHECK(at.bytes(part + "/model.safetensors") == at.bytes(out + "/model.safetensors"));
      CHECK(double(resumed["train_loss"]) ==
            doctest::Approx(double(whole["train_loss"])).epsilon(1e-3));
    }
  }
}

namespace {

// A log's lines without their last field.
std::string without_speed(const std::string& log) {
  std::string lines;
  std::istringstream in(log);
  for (std::string line; std::getline(in, line);) lines += line.substr(0, line.rfind(',')) + '\n';
  return lines;
}

}  // namespace

TEST_CASE("ranks: text, and products in bfloat16, give what one process does, and the same bits") {
  if (*mpirun == '\0') return;
  const Ranks at;
  const Workplace alone;
  std::string text;
  for (int i = 0; i < 30; ++i) text += "The quick brown fox jumps over the lazy dog. ";
  for (const Workplace* place : {static_cast<const Workplace*>(&at), &alone})
    write_bytes(*place / "fox.txt", text);
  const std::string of_text =
      "train --model-type gpt2 --data fox.txt --hidden-size 16 --layers 1 --heads 2 --context 24 "
      "--vocab-size 300 --epochs 2 --batch-size 8 --dropout 0.1 ";
  const std::string of_pictures = "train " + kModel + "--epochs 2 ";
  for (const std::string& line : {of_text, of_pictures}) {
    for (const bool bfloat16 : {false, true}) {
      const std::string precision = bfloat16 ? "--precision bfloat16 " : "";
      const std::string out = (line == of_text ? "text" : "pictures") + std::to_string(bfloat16);
      CAPTURE(line + precision);
      const auto one = alone.json(words(line + precision + "--out " + out));
      const auto two = at.json_of(2, line + precision + "--out " + out);
      CHECK(two["steps"] == one["steps"]);
      CHECK(double(two["train_loss"]) ==
            doctest::Approx(double(one["train_loss"])).epsilon(bfloat16 ? 1e-2 : 1e-4));
      const std::string bits = precision + "--reproducible 2 --out " + out + "bits";
      alone.json(words(line + bits));
      at.json_of(2, line + bits);
      CHECK(without_speed(at.bytes(out + "bits/log.csv")) ==
            without_speed(alone.bytes(out + "bits/log.csv")));
      CHECK(at.bytes(out + "bits/model.safetensors") ==
            alone.bytes(out + "bits/model.safetensors"));
    }
  }
}

TEST_CASE("ranks: pictures that cannot be read are left out by all, and each is said once") {
  if (*mpirun == '\0') return;
  const Ranks at;
  const Workplace alone;
  for (const Workplace* place : {static_cast<const Workplace*>(&at), &alone}) {
    for (const std::string part : {"train", "validation", "test"}) {
      write_pictures(*place / ("photos/" + part), 12);
      for (const char* name : {"dark/3.png", "light/0.png", "light/7.png"})
        write_bytes(*place / ("photos/" + part + '/' + name), "broken");
    }
  }
  const std::string line = "train --data photos --corrupt skip --epochs 2" + kSmall + "--out run";
  const auto said = [](const Outcome& outcome) {
    CHECK_MESSAGE(outcome.code == 0, outcome.err);
    std::vector<std::string> lines = own_lines(outcome.err);
    std::erase_if(lines, [](const std::string& text) {
      return text.find("left out: photos/") == std::string::npos;
    });
    std::ranges::sort(lines);
    return lines;
  };
  const std::vector<std::string> one = said(alone.run(words(line)));
  CHECK(one.size() == 9);
  for (const int n : {2, 3}) CHECK(said(at.run_ranks(n, line + std::to_string(n))) == one);
}

}  // namespace papilio::test
