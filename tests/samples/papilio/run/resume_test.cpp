// Runs of the papilio program that are stopped and go on.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "kernels/products.h"
#include "tensor/creation.h"
#include "tests/nn/train/forged_state.h"
#include "tests/samples/papilio/program.h"
#include "tests/samples/papilio/run/two_classes.h"

namespace papilio::test {

namespace {

const std::string kTiny =
    "--hidden-size 16 --layers 1 --heads 2 --patch-size 4 --batch-size 32 --dropout 0.1 ";

std::set<std::string> checkpoints(const Workplace& at, const std::string& out) {
  std::set<std::string> names;
  std::error_code ignored;
  for (const auto& entry :
       std::filesystem::directory_iterator(at / (out + "/checkpoints"), ignored))
    names.insert(entry.path().filename());
  return names;
}

// Waits until the run has made a checkpoint (or has ended), then sends the signal.
auto stop_with(const Workplace& at, const std::string& out, int signal) {
  return [&at, out, signal, before = checkpoints(at, out)](int process) {
    using namespace std::chrono_literals;
    while (checkpoints(at, out) == before && !has_ended(process)) std::this_thread::sleep_for(5ms);
    ::kill(process, signal);
  };
}

// The columns that do not tell the time.
std::string without_rate(const std::string& csv) {
  std::string result;
  for (size_t at = 0; at < csv.size();) {
    const size_t end = csv.find('\n', at);
    const std::string line = csv.substr(at, end - at);
    result += line.substr(0, line.rfind(',')) + '\n';
    at = end == std::string::npos ? csv.size() : end + 1;
  }
  return result;
}

// The newest checkpoint in the folder run.
std::filesystem::path newest_of(const Workplace& at) {
  std::filesystem::path newest;
  for (const auto& entry : std::filesystem::directory_iterator(at / "run/checkpoints")) {
    if (entry.path().filename().string().starts_with("step-"))
      newest = std::max(newest, entry.path());
  }
  return newest;
}

}  // namespace

TEST_CASE("a run stopped by a signal goes on to the very same model and log") {
  const Workplace at;
  const std::string line = "train --classes 0-3 --epochs 60 --ema 0.9 --accumulate 2 " + kTiny;
  at.json(words(line + "--out whole"));
  std::string command = line + "--checkpoint-steps 3 --out parts";
  int stops = 0;
  for (const int signal : {SIGTERM, SIGINT}) {
    const Outcome outcome = at.run(words(command), stop_with(at, "parts", signal));
    if (outcome.code == 0) break;  // it was faster than the signal
    ++stops;
    CHECK(outcome.code == 128 + signal);
    CHECK(outcome.err.find("go on with: papilio train --config parts/run.toml --resume\n") !=
          std::string::npos);
    const std::string stopped = at.bytes("parts/report.html");
    CHECK(stopped.find("Interrupted after step ") != std::string::npos);
    CHECK(stopped.find("Go on with <code>papilio train --config parts/run.toml --resume</code>") !=
          std::string::npos);
    command = "train --config parts/run.toml --resume";
  }
  CHECK(stops > 0);
  const auto result = at.json(words("train --config parts/run.toml --resume"));
  CHECK(result["interrupted"] == false);
  CHECK(at.bytes("parts/report.html").find("Interrupted") == std::string::npos);
  CHECK(at.bytes("parts/model.safetensors") == at.bytes("whole/model.safetensors"));
  CHECK(without_rate(at.bytes("parts/log.csv")) == without_rate(at.bytes("whole/log.csv")));
  CHECK(without_rate(at.bytes("parts/steps.csv")) == without_rate(at.bytes("whole/steps.csv")));
  const auto logged = [&] {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(at / "parts/tensorboard"))
      files.push_back(read_bytes(entry.path()));
    std::ranges::sort(files);
    return files;
  };
  const auto events = logged();
  CHECK(int(events.size()) == stops + 1);
  // Once more, from the end: nothing is left to do, and nothing is added.
  at.json(words("train --config parts/run.toml --resume"));
  CHECK(logged() == events);
  CHECK(at.bytes("parts/model.safetensors") == at.bytes("whole/model.safetensors"));
}

TEST_CASE("an adapter's run goes on as well, on its frozen base and on no other") {
  const Workplace at;
  at.json(words("train --classes 0-1 --epochs 1 --out base " + kTiny));
  at.json(words("train --classes 0-1 --epochs 1 --seed 9 --out other " + kTiny));
  const std::string line =
      "finetune base --classes 2-4 -b 4 -m 2 --dropout 0.3 --bias boft_only --epochs 40 "
      "--batch-size 32 ";
  at.json(words(line + "--out whole"));
  const Outcome outcome = at.run(words(line + "--out parts"), stop_with(at, "parts", SIGTERM));
  CHECK((outcome.code == 128 + SIGTERM || outcome.code == 0));
  at.json(words("finetune --config parts/run.toml --resume"));
  CHECK(at.bytes("parts/adapter_model.safetensors") == at.bytes("whole/adapter_model.safetensors"));
  const Outcome moved = at.run(words("finetune other --config parts/run.toml --resume --quiet"));
  CHECK(moved.code == 2);
  CHECK(moved.err.find("--resume: the run began with model = \"base\", now it would be model = "
                       "\"other\"; give --config parts/run.toml and no other model\n") !=
        std::string::npos);
}

TEST_CASE(
    "a run goes on with the model that it began with, and no other; other pictures are said") {
  const Workplace at;
  write_pictures(at / "photos/train", 12);
  at.json(words("train --data photos --test-share 0 --epochs 1 --out base" + kSmall));
  at.json(
      words("finetune base --data photos --test-share 0 --method lora -r 2 --epochs 2 "
            "--batch-size 8 --out run"));
  const std::string adapter = at.bytes("run/adapter_model.safetensors");
  const auto resumed = [&](const std::string& file, const std::string& bytes, int code,
                           const std::string& says) {
    const std::string before = at.bytes(file);
    write_bytes(at / file, bytes);
    const Outcome outcome = at.run(words("finetune --config run/run.toml --resume --quiet"));
    CHECK(outcome.code == code);
    CHECK_MESSAGE(outcome.err.find("--resume: the run began with " + says) != std::string::npos,
                  outcome.err);
    CHECK(at.bytes("run/adapter_model.safetensors") == adapter);
    write_bytes(at / file, before);
  };
  const auto changed = [&](const std::string& file, const std::string& from,
                           const std::string& to) {
    std::string text = at.bytes(file);
    const size_t place = text.find(from);
    REQUIRE(place != text.npos);
    return text.replace(place, from.size(), to);
  };
  resumed("base/config.json", changed("base/config.json", "\"gelu\"", "\"relu\""), 2,
          "model.hidden_act = \"gelu\", now it would be model.hidden_act = \"relu\"");
  const std::string processor = "base/preprocessor_config.json";
  resumed(processor, changed(processor, "\"do_normalize\": true", "\"do_normalize\": false"), 2,
          "processor.do_normalize = true, now it would be processor.do_normalize = false");
  resumed("photos/train/dark/3.png", plain_png(64, 64, 9, 9, 9), 0, "data.train = 22 samples, ");
  at.json(words("finetune --config run/run.toml --resume"));
  CHECK(at.bytes("run/adapter_model.safetensors") == adapter);
}

TEST_CASE("recomputation is written down, changes no bit, and a run goes on with another one") {
  const Workplace at;
  const std::string line = "train --classes 0-1 --drop-path 0.1 --epochs 3 " + kTiny;
  at.json(words(line + "--out whole"));
  const Outcome outcome = at.run(words(line + "--recompute selective --checkpoint-steps 2 --out "
                                              "parts"),
                                 stop_with(at, "parts", SIGTERM));
  CHECK((outcome.code == 128 + SIGTERM || outcome.code == 0));
  CHECK(at.bytes("parts/run.toml").find("\nrecompute = \"selective\"\n") != std::string::npos);
  at.json(words("train --config parts/run.toml --recompute blocks --resume"));
  CHECK(at.bytes("parts/model.safetensors") == at.bytes("whole/model.safetensors"));
  CHECK(without_rate(at.bytes("parts/log.csv")) == without_rate(at.bytes("whole/log.csv")));
}

TEST_CASE("mixed precision: written down, resumed bit for bit, and in no other precision") {
  const Workplace at;
  const std::string line = "train --classes 0-1 --precision bfloat16 " + kTiny;
  at.json(words(line + "--epochs 3 --out whole"));
  CHECK(at.bytes("whole/run.toml").find("\nprecision = \"bfloat16\"\n") != std::string::npos);
  const Outcome outcome = at.run(words(line + "--epochs 3 --checkpoint-steps 2 --out parts"),
                                 stop_with(at, "parts", SIGTERM));
  CHECK((outcome.code == 128 + SIGTERM || outcome.code == 0));
  const Outcome other =
      at.run(words("train --config parts/run.toml --resume --precision float32 --quiet"));
  CHECK(other.code == 2);
  CHECK_MESSAGE(
      other.err ==
          "papilio train: --resume: the run began with precision = \"bfloat16\", now it "
          "would be precision = \"float32\"; give --config parts/run.toml and no other precision\n",
      other.err);
  at.json(words("train --config parts/run.toml --resume --device cpu"));
  CHECK(at.bytes("parts/model.safetensors") == at.bytes("whole/model.safetensors"));
  // Files hold float32, whatever the products were; and the numbers are others than float32's.
  at.json(words("train --classes 0-1 --epochs 3 --out full " + kTiny));
  CHECK(at.bytes("full/model.safetensors").size() == at.bytes("whole/model.safetensors").size());
  CHECK(at.bytes("full/model.safetensors") != at.bytes("whole/model.safetensors"));
}

TEST_CASE("checkpoints and --resume: what goes together, in one clear line each") {
  const Workplace at;
  const auto refused = [&](const std::string& line, const std::string& message) {
    const Outcome outcome = at.run(words(line));
    CHECK(outcome.code == 2);
    CHECK_MESSAGE(outcome.err == "papilio train: " + message + '\n', outcome.err);
  };
  refused("train --resume --out nowhere " + kTiny, "--resume: nowhere holds no checkpoint");
  at.json(words("train --classes 0-1 --epochs 3 --keep-checkpoints 1 --out run " + kTiny));
  refused("train --config run/run.toml --resume --lr 0.5",
          "--resume: the run began with lr = 0.002, now it would be lr = 0.5; give --config "
          "run/run.toml and no other lr");
  std::filesystem::remove(at / "run/model.safetensors");
  std::filesystem::remove(at / "run/config.json");
  refused("train --config run/run.toml",
          "--out: run holds the checkpoints of a run; --resume goes on with it, --overwrite begins "
          "anew");
  at.json(
      words("train --config run/run.toml --overwrite --epochs 1 --save best --layer-decay 0.7"));
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(at / "run/checkpoints"))
    files += entry.path().extension() == ".safetensors";
  CHECK(files == 2);  // the newest and the best

  // A damaged checkpoint: the run says so and takes the one before.
  at.json(words("train --classes 0-1 --epochs 4 --out two " + kTiny));
  const std::string model = at.bytes("two/model.safetensors");
  std::vector<std::filesystem::path> steps;
  for (const auto& entry : std::filesystem::directory_iterator(at / "two/checkpoints")) {
    if (entry.path().filename().string().starts_with("step-")) steps.push_back(entry.path());
  }
  REQUIRE(steps.size() == 2);
  const std::filesystem::path newest = std::max(steps[0], steps[1]);
  std::string bytes = read_bytes(newest);
  bytes[bytes.size() / 2] = char(bytes[bytes.size() / 2] ^ 4);
  write_bytes(newest, bytes);
  const Outcome outcome = at.run(words("train --config two/run.toml --resume --quiet"));
  CHECK(outcome.code == 0);
  CHECK(outcome.err.find("it is damaged; trying the one before") != std::string::npos);
  CHECK(at.bytes("two/model.safetensors") == model);
}

TEST_CASE(
    "a checkpoint with a right checksum and numbers of no such run is refused before anything "
    "changes") {
  const Workplace at;
  at.json(words("train --classes 0-1 --epochs 2 --accumulate 2 --out run " + kTiny));
  const std::string model = at.bytes("run/model.safetensors"), log = at.bytes("run/steps.csv");
  const std::filesystem::path newest = newest_of(at);
  const std::string whole = read_bytes(newest), last = load_safetensors(newest).metadata.at("step");
  const auto refused = [&](const std::string& key, const std::string& value,
                           const std::string& says) {
    CAPTURE(key);
    write_bytes(newest, whole);
    forge_state(newest, [&](SafetensorsFile& file) { file.metadata[key] = value; });
    const Outcome outcome = at.run(words("train --config run/run.toml --resume --quiet"));
    CHECK(outcome.code == 1);
    CHECK_MESSAGE(outcome.err.find(newest.filename().string() + ": " + says) != std::string::npos,
                  outcome.err);
    CHECK(at.bytes("run/model.safetensors") == model);
    CHECK(at.bytes("run/steps.csv") == log);
  };
  refused("epoch", "4611686018427387904", "step " + last + " does not end at batch ");
  refused("epoch", "0", "step " + last + " does not end at batch ");
  refused("position", "-3", "step " + last + " does not end at batch -3 of epoch 1");
  refused("position", "1", "step " + last + " does not end at batch 1 of epoch 1");
  refused("step", "1000", "is of step 1000 of a run of " + last);
  refused("step", "1", "step 1 does not end at batch ");
  refused("random_seed", "77", "its random numbers are of the seed 77, this run's of ");
  for (const std::string offset :
       {"0", "7", "9223372036854775807", "18446744073709551615", "9223372036854775804"})
    refused("random_offset", offset, "its random numbers are at " + offset + " of their stream");
  refused("note.steps", "nan", "note steps: expected a whole number from 0 to ");
  refused("note.steps", "1e300", "note steps: expected a whole number from 0 to ");
  refused("note.images", "-1", "note images: expected a whole number from 0 to ");
  refused("note.loss", "inf", "note loss: expected a number >= 0, got inf");
  refused("note.seconds", "x", "note seconds: expected a number >= 0, got x");
  refused("note.best_accuracy", "7", "note best_accuracy: expected a share, got 7");
  refused("note.kept_accuracy", "", "note kept_accuracy: expected a share, got ");
  write_bytes(newest, whole);
  at.json(words("train --config run/run.toml --resume"));
  CHECK(at.bytes("run/model.safetensors") == model);
}

TEST_CASE("a forged count of steps, and moments that no step makes, are refused by name") {
  const Workplace at;
  at.json(words("train --classes 0-1 --epochs 2 --ema 0.9 --out run " + kTiny));
  const std::string model = at.bytes("run/model.safetensors");
  const std::filesystem::path newest = newest_of(at);
  const std::string whole = read_bytes(newest), last = load_safetensors(newest).metadata.at("step");
  const auto refused_tensor = [&](const std::string& name, double value, const std::string& says) {
    CAPTURE(name);
    write_bytes(newest, whole);
    forge_state(newest, [&](SafetensorsFile& file) {
      Tensor& tensor = file.tensors.at(name);
      tensor = full(tensor.shape(), value, {.dtype = tensor.dtype()});
    });
    const Outcome outcome = at.run(words("train --config run/run.toml --resume --quiet"));
    CHECK_MESSAGE(outcome.err.find(newest.filename().string() + ": " + says) != std::string::npos,
                  outcome.err);
  };
  refused_tensor("average.updates", 0, "its average has 0 updates, the optimiser ");
  refused_tensor("optimizer.0.exp_avg", HUGE_VAL,
                 "optimizer.0.exp_avg: expected finite numbers, got inf");
  refused_tensor("optimizer.0.exp_avg_sq", HUGE_VAL,
                 "optimizer.0.exp_avg_sq: expected finite squares, got inf");
  refused_tensor("optimizer.0.exp_avg_sq", -1,
                 "optimizer.0.exp_avg_sq: expected finite squares, got -1");
  write_bytes(newest, whole);
  forge_state(newest, [](SafetensorsFile& file) {
    for (const char* count : {"optimizer.steps", "average.updates"})
      file.tensors[count] = full({}, 0, {.dtype = DType::int64});
  });
  const Outcome none = at.run(words("train --config run/run.toml --resume --quiet"));
  CHECK(none.code == 1);
  CHECK_MESSAGE(
      none.err.find("0 steps of the optimiser, but this epoch alone had ") != std::string::npos,
      none.err);
  write_bytes(newest, whole);
  forge_state(newest, [](SafetensorsFile& file) {
    for (const char* count : {"optimizer.steps", "average.updates"})
      file.tensors[count] = full({}, 1e6, {.dtype = DType::int64});
  });
  const Outcome outcome = at.run(words("train --config run/run.toml --resume --quiet"));
  CHECK(outcome.code == 1);
  CHECK(outcome.err.find("1000000 steps of the optimiser in " + last + " of the run\n") !=
        std::string::npos);
  write_bytes(newest, whole);
  at.json(words("train --config run/run.toml --resume"));
  CHECK(at.bytes("run/model.safetensors") == model);
}

TEST_CASE("a resumed run multiplies as it began, whatever this machine would choose") {
  const Workplace at;
  const std::string line = "train --classes 0-1 --out run " + kTinyModel;
  at.json(words(line + "--products openblas"));
  const std::string says = "\nproducts = \"openblas\"\n";
  CHECK(at.bytes("run/run.toml").find(says) != std::string::npos);
  const std::string model = at.bytes("run/model.safetensors");
  const Outcome again = at.run(words(line + "--resume --quiet"));
  CHECK(again.code == 0);
  CHECK(again.err.empty());
  CHECK(at.bytes("run/run.toml").find(says) != std::string::npos);
  CHECK(at.bytes("run/model.safetensors") == model);
  const bool other = why_no_onednn().empty();
  const Outcome forced = at.run(words(line + "--resume --quiet --products onednn"));
  CHECK(forced.code == (other ? 0 : 2));
  CHECK(forced.err.find(other ? "the run began with products by \"openblas\", now they are by "
                              : "--products: products: onednn cannot be had") != std::string::npos);
}

TEST_CASE("merge and convert do not wipe the checkpoints of an interrupted run") {
  const Workplace at;
  train_base(at);
  at.json(words("finetune base --classes 0-1 --epochs 1 -t query -b 4 -m 1 --out a"));
  for (const std::string line :
       {"merge base a", "convert a --to compact", "convert a --to merged --base base"}) {
    CAPTURE(line);
    const std::string file = "run/checkpoints/step-00000007.safetensors";
    std::filesystem::create_directories(at / "run/checkpoints");
    write_bytes(at / file, "hours of work");
    const Outcome refused = at.run(words(line + " --quiet --out run"));
    CHECK(refused.code == 2);
    CHECK(refused.err.find("--out: run holds the checkpoints of a run; choose another folder, or "
                           "--overwrite\n") != std::string::npos);
    CHECK(at.bytes(file) == "hours of work");
    at.json(words(line + " --overwrite --out run"));
    CHECK(!std::filesystem::exists(at / file));
    std::filesystem::remove_all(at / "run");
  }
}

}  // namespace papilio::test
