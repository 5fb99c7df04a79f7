// Runs that stop and go on: nothing is lost, whatever happens to the files.
#include "nn/train/training_state.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "boft/model/model.h"
#include "nn/models/vit.h"
#include "nn/optim/parameter_groups.h"
#include "nn/train/checkpoints.h"
#include "nn/train/fit.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/files/atomic_file.h"
#include "tests/in_child.h"
#include "tests/nn/digits.h"
#include "tests/temporary_folder.h"
#include "tests/tensor/faults.h"

namespace papilio::test {

namespace fs = std::filesystem;

namespace {

constexpr int64_t kImages = 50, kBatch = 8, kPerEpoch = 7;

struct Kind {
  bool boft = false, sgd = false, average = false;
  int64_t accumulation = 1;
};

// All that a training run is made of, with every source of randomness in it.
struct Run {
  Kind kind;
  nn::ViTForImageClassification model;
  std::unique_ptr<boft::AdapterModel> adapters;
  std::unique_ptr<nn::Optimizer> optimizer;
  nn::Loader loader;
  std::unique_ptr<nn::ModelAverage> average;
  int64_t step = 0;

  static nn::ViTConfig config() {
    return {.image_size = 8,
            .patch_size = 4,
            .num_channels = 1,
            .hidden_size = 16,
            .num_hidden_layers = 2,
            .num_attention_heads = 2,
            .intermediate_size = 32,
            .num_labels = 10,
            .hidden_dropout_prob = 0.2,
            .attention_probs_dropout_prob = 0.1,
            .drop_path_rate = 0.3,
            .initializer_range = 0.1};
  }
  static nn::ImageData data() {
    std::vector<int64_t> positions;
    for (int64_t i = 0; i < kImages; ++i) positions.push_back(i * 7);
    return nn::subset(digits(), positions);
  }

  // The frozen base is the same for every seed; what trains is not.
  explicit Run(const Kind& k, uint64_t seed = 1)
      : kind(k),
        model((manual_seed(k.boft ? 1 : seed), config())),
        loader(nn::batches_of(data(), {.transform = {.processor = nn::digits_processor()},
                                       .affine = {.shift_pixels = 1}}),
               {.batch_size = kBatch, .seed = 5}) {
    if (kind.boft) {
      adapters = std::make_unique<boft::AdapterModel>(model);
      adapters->add_adapter("default", boft::BoftConfig{.boft_n_butterfly_factor = 2,
                                                        .boft_dropout = 0.5,
                                                        .target_modules = {"query", "value"},
                                                        .bias = "boft_only",
                                                        .modules_to_save = {"classifier"}});
    }
    manual_seed(seed);
    const auto groups = nn::parameter_groups(model, {.weight_decay = 0.05, .layer_decay = 0.8});
    if (kind.sgd) {
      optimizer = std::make_unique<nn::Sgd>(groups, nn::SgdOptions{.lr = 0.01, .momentum = 0.9});
    } else {
      optimizer = std::make_unique<nn::AdamW>(groups, nn::AdamWOptions{.lr = 3e-3});
    }
    if (kind.average) average = std::make_unique<nn::ModelAverage>(model, 0.9);
  }

  nn::TrainingParts parts() { return {model, *optimizer, loader, average.get()}; }

  void train_to(int64_t to) {
    step = nn::fit(model, [&](const Tensor& x) { return model(x); }, loader, *optimizer,
                   {.steps = to,
                    .first_step = step,
                    .accumulation_steps = kind.accumulation,
                    .average = average.get(),
                    .schedule = {.warmup_steps = 3, .total_steps = 30},
                    .label_smoothing = 0.1});
  }

  // Every bit that training changed.
  std::vector<double> values() {
    std::vector<double> all;
    for (const auto& [name, tensor] : nn::state_dict(model)) {
      for (double v : tensor.to_vector<double>()) all.push_back(v);
    }
    for (const auto& [name, tensor] : optimizer->state_dict()) {
      for (double v : tensor.to_vector<double>()) all.push_back(v);
    }
    if (average) {
      for (const auto& [name, tensor] : average->state_dict()) {
        for (double v : tensor.to_vector<double>()) all.push_back(v);
      }
    }
    all.push_back(double(default_generator().state().offset));
    return all;
  }
};

struct Fault {
  explicit Fault(std::function<int(std::string_view)> f) { set_file_fault(std::move(f)); }
  ~Fault() { set_file_fault({}); }
};

}  // namespace

TEST_CASE("training state: N + M steps are bit-equal to N, save, load into a fresh run, M") {
  const TemporaryFolder folder;
  for (const Kind& kind :
       {Kind{}, Kind{.sgd = true, .average = true},
        Kind{.boft = true, .average = true, .accumulation = 3}, Kind{.accumulation = 2}}) {
    CAPTURE(kind.boft);
    CAPTURE(kind.accumulation);
    constexpr int64_t kSteps = 12;
    Run whole(kind);
    whole.train_to(kSteps);
    const std::vector<double> want = whole.values();
    const int64_t epoch_end = nn::steps_per_epoch(whole.loader, kind.accumulation);
    CHECK(epoch_end == (kPerEpoch + kind.accumulation - 1) / kind.accumulation);
    // Before the first step, in the middle of an epoch, at its end, just behind.
    for (const int64_t stop : {int64_t(0), int64_t(2), epoch_end, epoch_end + 1}) {
      CAPTURE(stop);
      const fs::path file = folder / "state.safetensors";
      {
        Run first(kind);
        first.train_to(stop);
        nn::save_training_state(file, first.parts(), {first.step, {{"why", "test, \"x\""}}});
      }
      Run second(kind, 77);
      second.loader.next();
      const nn::TrainingPlace place = nn::load_training_state(file, second.parts());
      CHECK(place.step == stop);
      CHECK(place.notes == nn::TrainingNotes{{"why", "test, \"x\""}});
      second.step = place.step;
      second.train_to(kSteps);
      CHECK(second.values() == want);
    }
  }
}

TEST_CASE("training state: a step over several batches has the gradient of their mean") {
  nn::ViTConfig config = Run::config();
  config.hidden_dropout_prob = config.attention_probs_dropout_prob = config.drop_path_rate = 0;
  std::vector<std::vector<double>> results;
  for (const int64_t accumulation : {1, 2, 3}) {
    manual_seed(1);
    nn::ViTForImageClassification model(config);
    nn::Loader loader(digit_batches(Run::data()), {.batch_size = 12 / accumulation, .seed = 5});
    nn::Sgd optimizer(nn::parameter_groups(model, {}), {.lr = 0.05});
    nn::fit(model, [&](const Tensor& x) { return model(x); }, loader, optimizer,
            {.steps = 5, .accumulation_steps = accumulation, .schedule = {.total_steps = 10}});
    results.push_back(model.classifier.weight.to_vector<double>());
  }
  for (size_t k = 1; k < results.size(); ++k) {
    double worst = 0;
    for (size_t i = 0; i < results[0].size(); ++i)
      worst = std::max(worst, std::abs(results[k][i] - results[0][i]));
    CHECK(worst < 1e-5);
    CHECK(worst > 0);
  }
}

TEST_CASE("training state: of another run is refused, and nothing changes") {
  const TemporaryFolder folder;
  const fs::path file = folder / "state.safetensors";
  Run run({.boft = true});
  run.train_to(2);
  nn::save_training_state(file, run.parts(), {2, {}});
  const auto refuses = [&](Run& other, const std::string& message) {
    const std::vector<double> before = other.values();
    CHECK_THROWS_WITH(nn::load_training_state(file, other.parts()),
                      (file.string() + ": " + message).c_str());
    CHECK(other.values() == before);
    CHECK(other.loader.position() == 0);
  };
  Run averaged({.boft = true, .average = true});
  refuses(averaged, "holds no average");
  Run sgd({.boft = true, .sgd = true});
  refuses(sgd, "Optimizer: the state has no 0.momentum_buffer");
  Run full({});
  refuses(full, "the parameters that do not train are not those that the run began with");
  Run base({.boft = true});
  fill_(base.model.vit.layernorm.weight.detach(), 2);
  refuses(base, "the parameters that do not train are not those that the run began with");
  Run same({.boft = true});
  nn::Loader other_loader(digit_batches(Run::data()), {.batch_size = kBatch, .seed = 6});
  CHECK_THROWS_AS(
      nn::load_training_state(file, {same.model, *same.optimizer, other_loader, nullptr}),
      FileError);
  CHECK(other_loader.position() == 0);
}

TEST_CASE("training state: truncated anywhere or with any byte flipped it is refused") {
  const TemporaryFolder folder;
  const fs::path file = folder / "state.safetensors", broken = folder / "broken.safetensors";
  Run run({.boft = true, .sgd = true});
  run.train_to(1);
  nn::save_training_state(file, run.parts(), {1, {}});
  const std::string bytes = read_bytes(file);
  CHECK(nn::read_training_place(file).step == 1);
  int accepted = 0;
  const auto try_reading = [&](const std::string& content) {
    write_bytes(broken, content);
    try {
      nn::read_training_place(broken);
      ++accepted;
    } catch (const FileError& e) {
      CHECK(std::string(e.what()).find(broken.string()) != std::string::npos);
    }
  };
  const size_t stride = std::max<size_t>(1, bytes.size() / 400);
  for (size_t n = 0; n < bytes.size(); n += n < 600 ? 1 : stride) try_reading(bytes.substr(0, n));
  CHECK(accepted == 0);
  std::string flipped = bytes;
  for (size_t n = 0; n < bytes.size(); n += n < 3000 ? 1 : stride) {
    flipped[n] = char(flipped[n] ^ 0x10);
    try_reading(flipped);
    flipped[n] = bytes[n];
  }
  CHECK(accepted == 0);
}

TEST_CASE("checkpoints: killed at any boundary of writing, the run goes on from a whole one") {
  const TemporaryFolder folder;
  const Kind kind{.boft = true};
  Run whole(kind);
  whole.train_to(6);
  const std::vector<double> want = whole.values();
  bool finished = false;
  int boundaries = 0;
  for (int k = 1; !finished; ++k) {
    const fs::path run_folder = folder / std::to_string(k);
    const nn::Checkpoints checkpoints(run_folder);
    Run first(kind);
    first.train_to(2);
    checkpoints.save(first.parts(), {first.step, {}});
    first.train_to(4);
    const ChildResult child = in_child([&] {
      int seen = 0;
      set_file_fault([&](std::string_view) {
        if (++seen == k) ::_exit(42);
        return 0;
      });
      checkpoints.save(first.parts(), {first.step, {}});
    });
    finished = child.status == 0;
    CHECK((finished || child.status == 42));
    boundaries += !finished;
    Run second(kind, 9);
    std::vector<std::string> warnings;
    const auto place = checkpoints.resume(second.parts(), warnings);
    CHECK(warnings.empty());
    REQUIRE(place);
    CHECK((place->step == 2 || place->step == 4));
    second.step = place->step;
    second.train_to(6);
    CHECK(second.values() == want);
    // What was left behind is in nobody's way.
    checkpoints.save(second.parts(), {second.step, {}});
    CHECK(checkpoints.files().front().filename() == "step-00000006.safetensors");
    fs::remove_all(run_folder);
  }
  CHECK(boundaries >= 5);  // open, write, sync, rename, sync folder
}

TEST_CASE("checkpoints: a full disk at any step is an error, and the last one stays") {
  const TemporaryFolder folder;
  const nn::Checkpoints checkpoints(folder / "checkpoints", 1);
  Run run({});
  run.train_to(1);
  checkpoints.save(run.parts(), {1, {}});
  run.train_to(2);
  for (const std::string step : {"open", "write", "sync", "rename"}) {
    for (const int error : {ENOSPC, EIO, EROFS}) {
      const Fault fault([&](std::string_view at) { return at == step ? error : 0; });
      CHECK_THROWS_AS(checkpoints.save(run.parts(), {2, {}}), FileError);
      REQUIRE(checkpoints.files().size() == 1);
      CHECK(checkpoints.newest_place()->step == 1);
    }
  }
  // There is room again.
  checkpoints.save(run.parts(), {2, {}});
  CHECK(checkpoints.files().size() == 1);
  CHECK(checkpoints.newest_place()->step == 2);
  // A file where the folder should be.
  write_bytes(folder / "file", "x");
  CHECK_THROWS_AS(nn::Checkpoints(folder / "file").save(run.parts(), {2, {}}), FileError);
  CHECK_THROWS_WITH(nn::Checkpoints(folder.path(), 0),
                    "Checkpoints: expected to keep at least 1, got 0");
}

TEST_CASE("checkpoints: the newest few stay; a damaged one is passed over, named; best stays") {
  const TemporaryFolder folder;
  const nn::Checkpoints checkpoints(folder.path(), 2);
  Run run({});
  std::vector<std::string> warnings;
  CHECK_FALSE(checkpoints.resume(run.parts(), warnings));
  CHECK_FALSE(checkpoints.newest_place());
  for (int64_t step = 1; step <= 4; ++step) {
    run.train_to(step);
    checkpoints.save(run.parts(), {step, {}});
    if (step == 1) checkpoints.save_best(run.parts(), {step, {}});
  }
  const fs::path three = folder / "step-00000003.safetensors",
                 four = folder / "step-00000004.safetensors";
  CHECK(checkpoints.files() == std::vector<fs::path>{four, three});
  CHECK(nn::read_training_place(checkpoints.best()).step == 1);
  write_bytes(folder / "step-x.safetensors", "mine");

  std::string bytes = read_bytes(four);
  bytes[bytes.size() - 5] = char(bytes[bytes.size() - 5] ^ 1);
  write_bytes(four, bytes);
  CHECK(checkpoints.newest_place()->step == 3);
  CHECK(checkpoints.resume(run.parts(), warnings)->step == 3);
  CHECK(warnings ==
        std::vector<std::string>{four.string() +
                                 ": its content does not have the checksum that was written: it is "
                                 "damaged; trying the one before"});
  // Going on from 3: the damaged 4 was of a future that is another now.
  checkpoints.save(run.parts(), {3, {}});
  CHECK(checkpoints.files() == std::vector<fs::path>{three});
  write_bytes(three, "short");
  warnings.clear();
  CHECK(checkpoints.resume(run.parts(), warnings)->step == 1);  // the best
  CHECK(warnings.size() == 1);
  // A link that leads nowhere is a checkpoint that cannot be read, not an absent one.
  fs::remove(checkpoints.best()), fs::remove(three);
  fs::create_symlink("gone", checkpoints.best());
  CHECK_FALSE(checkpoints.empty());
  warnings.clear();
  CHECK_THROWS_WITH(checkpoints.resume(run.parts(), warnings),
                    (folder.path().string() + ": no checkpoint is whole").c_str());
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].find(checkpoints.best().string() + ": is a link to gone") == 0);
  fs::remove(checkpoints.best());
  CHECK(checkpoints.empty());
  write_bytes(checkpoints.best(), "short");
  CHECK_FALSE(checkpoints.empty());
  CHECK_THROWS_WITH(checkpoints.resume(run.parts(), warnings),
                    (folder.path().string() + ": no checkpoint is whole").c_str());
}

TEST_CASE("average: the formula, shown only while asked for") {
  struct One : nn::Module {
    Tensor w = leaf(full({1}, 1.0));
    void visit(nn::Visitor& v) override { v("w", w); }
    std::string describe() const override { return "One"; }
  } module;
  nn::ModelAverage average(module, 0.3);
  double want = 1;
  for (int t = 0; t < 6; ++t) {
    fill_(module.w.detach(), 2.0 * (t + 1));
    average.update();
    const double d = std::min(0.3, (1.0 + t) / (10.0 + t));
    want = d * want + (1 - d) * 2.0 * (t + 1);
  }
  CHECK(module.w.item() == 12);
  {
    const auto shown = average.show();
    CHECK(module.w.item() == doctest::Approx(want));
  }
  CHECK(module.w.item() == 12);
  CHECK_THROWS_WITH(nn::ModelAverage(module, 1), "ModelAverage: expected decay in [0, 1), got 1");
}

}  // namespace papilio::test
