// What runs that were killed and went on leave in their logs, and what they say of changed data.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/capture_bound.h"
#include "tests/nn/data/files.h"
#include "tests/nn/train/event_files.h"
#include "tests/samples/papilio/program.h"
#include "tests/samples/papilio/run/two_classes.h"

namespace papilio::test {

namespace {

size_t lines_in(const std::filesystem::path& file) {
  const std::string text = read_bytes(file);
  return size_t(std::ranges::count(text, '\n'));
}

// Kills the run when steps.csv has `more` further lines.
auto kill_after(const Workplace& at, size_t more) {
  return [&at, wanted = lines_in(at / "parts/steps.csv") + more](int process) {
    using namespace std::chrono_literals;
    while (lines_in(at / "parts/steps.csv") < wanted && !has_ended(process))
      std::this_thread::sleep_for(1ms);
    ::kill(process, SIGKILL);
  };
}

// The column of a CSV file beside its steps.
Curve column(const std::string& csv, const std::string& name) {
  std::istringstream lines(csv);
  std::vector<std::string> names;
  Curve curve;
  for (std::string line; std::getline(lines, line);) {
    std::vector<std::string> fields;
    std::istringstream row(line);
    for (std::string field; std::getline(row, field, ',');) fields.push_back(field);
    if (names.empty()) {
      names = fields;
      continue;
    }
    const auto at = [&](const std::string& wanted) {
      return fields[size_t(std::ranges::find(names, wanted) - names.begin())];
    };
    if (at(name) != "nan") curve.emplace_back(std::stoll(at("step")), std::stof(at(name)));
  }
  return curve;
}

void check_close(const Curve& got, const Curve& want) {
  REQUIRE(got.size() == want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    CHECK(got[i].first == want[i].first);
    CHECK(got[i].second == doctest::Approx(want[i].second).epsilon(1e-5));
  }
}

}  // namespace

TEST_CASE("TensorBoard's curves of a run that was killed twice are those of one that was not") {
  const Workplace at;
  const std::string line =
      "train --classes 0-3 --hidden-size 16 --layers 1 --heads 2 --patch-size 4 --batch-size 32 "
      "--epochs 12 --checkpoint-steps 7 ";
  at.json(words(line + "--out whole"));
  // 7 steps and some make a checkpoint, and steps behind it.
  CHECK(at.run(words(line + "--quiet --out parts"), kill_after(at, 20)).code == 128 + SIGKILL);
  const std::string resume = "train --config parts/run.toml --resume ";
  CHECK(at.run(words(resume + "--quiet"), kill_after(at, 20)).code == 128 + SIGKILL);
  at.json(words(resume));
  at.json(words(resume));  // nothing is left to do, and nothing is added
  const auto files = event_files(at / "parts/tensorboard");
  REQUIRE(files.size() == 3);
  for (size_t i = 0; i < files.size(); ++i) {
    const auto starts = std::ranges::count_if(files[i], [](const Event& e) { return e.start; });
    CHECK(starts == (i > 0 ? 1 : 0));
  }
  const auto parts = curves(at / "parts/tensorboard"), whole = curves(at / "whole/tensorboard");
  REQUIRE(parts.contains("train/loss"));
  CHECK(parts.size() == whole.size());
  for (const auto& [tag, curve] : whole) {
    if (tag.find("per_second") != tag.npos) continue;
    CAPTURE_BOUND(tag);
    REQUIRE(parts.contains(tag));
    CHECK(parts.at(tag) == curve);
  }
  // No step is twice, none goes back, none is missing.
  const Curve& losses = parts.at("train/loss");
  for (size_t i = 0; i < losses.size(); ++i) CHECK(losses[i].first == int64_t(i) + 1);
  check_close(losses, column(at.bytes("parts/steps.csv"), "loss"));
  check_close(parts.at("validation/accuracy"),
              column(at.bytes("parts/log.csv"), "validation_accuracy"));
}

TEST_CASE("a run does not go on with more or fewer samples, and says which there were") {
  const Workplace at;
  const auto write_idx = [&](uint32_t n) {
    std::filesystem::create_directories(at / "idx");
    std::string labels;
    for (uint32_t i = 0; i < n; ++i) labels += char(i % 3);
    write_bytes(at / "idx/train-images-idx3-ubyte", idx({n, 8, 8}, std::string(n * 64, '\7')));
    write_bytes(at / "idx/train-labels-idx1-ubyte", idx({n}, labels));
    write_bytes(at / "idx/classes.txt", "a\nb\nc\n");
  };
  const auto write_shard = [&](int n) {
    std::vector<std::string> members;
    for (int i = 0; i < n; ++i) {
      members.push_back(tar_member(std::to_string(i) + ".png", plain_png(8, 8, i, 0, 0)));
      members.push_back(tar_member(std::to_string(i) + ".cls", std::to_string(i % 2)));
    }
    write_bytes(at / "shard.tar", tar(members));
  };
  const auto write_cifar = [&](int n) {
    std::filesystem::create_directories(at / "cifar");
    std::string records;
    for (int i = 0; i < n; ++i) records += cifar_record(i % 10, i, i, i);
    for (const char* batch : {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4",
                              "data_batch_5", "test_batch"})
      write_bytes(at / (std::string("cifar/") + batch + ".bin"), records);
  };
  const std::string more =
      " --validation-share 0 --test-share 0 --patch-size 4 --epochs 2" + kSmall + "--out r_";
  write_pictures(at / "photos", 12);
  write_idx(24);
  write_shard(24);
  write_cifar(10);
  for (const char* data : {"photos", "idx", "shard.tar", "cifar"})
    at.json(words("train --data " + std::string(data) + more + data));
  write_pictures(at / "photos", 15);
  write_idx(33);
  write_shard(33);
  write_cifar(13);
  for (const std::string data : {"photos", "idx", "shard.tar", "cifar"}) {
    CAPTURE(data);
    const std::string model = at.bytes("r_" + data + "/model.safetensors");
    const Outcome outcome =
        at.run(words("train --config r_" + data + "/run.toml --resume --quiet"));
    CHECK(outcome.code == 2);
    const int before = data == "cifar" ? 50 : 24, now = data == "photos"  ? 30
                                                        : data == "cifar" ? 65
                                                                          : 33;
    const std::string says = "papilio train: --resume: the run began with data.train = " +
                             std::to_string(before) + " samples",
                      then = "now it would be data.train = " + std::to_string(now) + " samples";
    CHECK_MESSAGE(outcome.err.starts_with(says), outcome.err);
    CHECK_MESSAGE(outcome.err.find(then) != std::string::npos, outcome.err);
    CHECK(at.bytes("r_" + data + "/model.safetensors") == model);
  }
}

TEST_CASE("a file of as many samples and another size is said, and the run goes on") {
  const Workplace at;
  std::filesystem::create_directories(at / "idx");
  std::string labels;
  for (int i = 0; i < 24; ++i) labels += char(i % 3);
  const std::string pixels = idx({24, 8, 8}, std::string(24 * 64, '\7'));
  write_bytes(at / "idx/train-images-idx3-ubyte", pixels);
  write_bytes(at / "idx/train-labels-idx1-ubyte", idx({24}, labels));
  write_bytes(at / "idx/classes.txt", "a\nb\nc\n");
  at.json(words("train --data idx --patch-size 4 --epochs 2 --out run" + kSmall));
  CHECK(at.run(words("train --config run/run.toml --resume --quiet")).err.empty());
  std::filesystem::remove(at / "idx/train-images-idx3-ubyte");
  write_bytes(at / "idx/train-images-idx3-ubyte", gzip(pixels));
  const Outcome outcome = at.run(words("train --config run/run.toml --resume --quiet"));
  CHECK(outcome.code == 0);
  CHECK_MESSAGE(outcome.err.find("--resume: the run began with data.train = ") != std::string::npos,
                outcome.err);
  CHECK(outcome.err.find("what follows is computed from the files as they are now\n") !=
        std::string::npos);
}

}  // namespace papilio::test
