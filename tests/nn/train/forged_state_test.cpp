// Checkpoints whose checksum is right and whose numbers no run can have.
#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "nn/layers/linear.h"
#include "nn/optim/optimizer.h"
#include "nn/train/training_state.h"
#include "tensor/creation.h"
#include "tensor/files/safetensors.h"
#include "tensor/random.h"
#include "tests/nn/digits.h"
#include "tests/nn/train/forged_state.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

TEST_CASE(
    "training state: each number of a forged checkpoint is refused by name, and nothing changes") {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder / "state.safetensors";
  manual_seed(1);
  nn::Linear model(3, 2);
  nn::AdamW optimizer({{.parameters = {model.weight, model.bias}}});
  nn::Loader loader(digit_batches(nn::subset(digits(), {0, 1, 2, 3, 4})),
                    {.batch_size = 2, .seed = 5});
  nn::ModelAverage average(model, 0.5);
  const nn::TrainingParts parts{model, optimizer, loader, &average};
  loader.next();
  const auto refuses = [&](const std::string& message,
                           const std::function<void(SafetensorsFile&)>& change) {
    CAPTURE(message);
    nn::save_training_state(file, parts, {1, {}});
    forge_state(file, change);
    const std::vector<float> weight = model.weight.to_vector<float>();
    CHECK_THROWS_WITH_AS(nn::load_training_state(file, parts),
                         (file.string() + ": " + message).c_str(), FileError);
    CHECK(model.weight.to_vector<float>() == weight);
    CHECK(loader.epoch() == 0);
    CHECK(loader.position() == 1);
    CHECK(optimizer.steps() == 0);
  };
  const auto word = [](const std::string& key, const std::string& value) {
    return [=](SafetensorsFile& f) { f.metadata[key] = value; };
  };
  const auto tensor = [](const std::string& key, const Tensor& value) {
    return [=](SafetensorsFile& f) { f.tensors[key] = value; };
  };
  refuses("step: expected a number >= 0, got -1", word("step", "-1"));
  refuses("step: expected a number, got 99999999999999999999",
          word("step", "99999999999999999999"));
  refuses("Loader: no batch 1 in epoch 4611686018427387904", word("epoch", "4611686018427387904"));
  refuses("Loader: no batch 1 in epoch -1", word("epoch", "-1"));
  refuses("Loader: no batch 4 in epoch 0", word("position", "4"));
  refuses("Loader: no batch -1 in epoch 0", word("position", "-1"));
  for (const char* key : {"loader_seed", "batch_size", "samples", "data"}) {
    CAPTURE(key);
    nn::save_training_state(file, parts, {1, {}});
    forge_state(file, word(key, "77"));
    CHECK_THROWS_AS(nn::load_training_state(file, parts), FileError);
  }
  refuses("random_offset: expected a number, got -1", word("random_offset", "-1"));
  const Tensor minus = full({}, -1.0, {.dtype = DType::int64});
  refuses("has no count of the optimiser's steps", tensor("optimizer.steps", minus));
  // Nor is it told how far the run is.
  CHECK_THROWS_AS(nn::read_training_place(file), FileError);
  refuses("has no count of the optimiser's steps", tensor("optimizer.steps", full({}, 1.5)));
  refuses("ModelAverage: expected updates >= 0, got -1", tensor("average.updates", minus));
  refuses("ModelAverage: expected updates of int64, got float32",
          tensor("average.updates", full({}, 1.5)));
  refuses("Optimizer: expected 1.exp_avg of float32, got float64",
          tensor("optimizer.1.exp_avg", full({2}, 1.0, {.dtype = DType::float64})));
  refuses("bias is of int64, the model wants float32",
          tensor("model.bias", full({2}, 1.0, {.dtype = DType::int64})));
  nn::save_training_state(file, parts, {1, {}});
  forge_state(file, [](SafetensorsFile&) {});
  CHECK(nn::load_training_state(file, parts).step == 1);  // what was not forged is good
}

TEST_CASE("training state: moments in 8 bits come back bit for bit, and scales are magnitudes") {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder / "state.safetensors";
  const auto numbers = [](nn::Linear& model, const nn::Optimizer& optimizer) {
    std::vector<double> all = model.weight.to_vector<double>();
    for (const auto& [name, tensor] : optimizer.state_dict())
      for (const double v : tensor.to_vector<double>()) all.push_back(v);
    return all;
  };
  const auto train = [](nn::Linear& model, nn::Optimizer& optimizer, int from, int to) {
    for (int step = from; step < to; ++step) {
      manual_seed(uint64_t(step));
      set_grad(model.weight, randn(model.weight.shape()));
      set_grad(model.bias, randn(model.bias.shape()));
      optimizer.step();
    }
  };
  struct Run {
    nn::Linear model;
    nn::AdamW8bit optimizer;
    nn::Loader loader;
    Run()
        : model((manual_seed(1), nn::Linear(80, 64))),
          optimizer({{.parameters = {model.weight, model.bias}}}),
          loader(digit_batches(nn::subset(digits(), {0, 1, 2, 3, 4})), {.batch_size = 2}) {}
    nn::TrainingParts parts() { return {model, optimizer, loader}; }
  };
  Run whole, first, second;
  train(whole.model, whole.optimizer, 0, 5);
  train(first.model, first.optimizer, 0, 3);
  nn::save_training_state(file, first.parts(), {3, {}});
  CHECK(load_safetensors(file).tensors.at("optimizer.0.exp_avg").dtype() == DType::uint8);
  CHECK(nn::load_training_state(file, second.parts()).step == 3);
  CHECK(numbers(second.model, second.optimizer) == numbers(first.model, first.optimizer));
  train(second.model, second.optimizer, 3, 5);
  CHECK(numbers(second.model, second.optimizer) == numbers(whole.model, whole.optimizer));
  for (const char* name : {"optimizer.0.exp_avg_absmax", "optimizer.0.exp_avg_sq_absmax"}) {
    nn::save_training_state(file, first.parts(), {3, {}});
    forge_state(file, [&](SafetensorsFile& f) { f.tensors[name] = full({20}, -1.0); });
    CHECK_THROWS_WITH_AS(
        nn::load_training_state(file, second.parts()),
        (file.string() + ": " + name + ": expected finite magnitudes, got -1").c_str(), FileError);
  }
}

}  // namespace papilio::test
