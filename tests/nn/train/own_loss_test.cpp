// Training on samples that are no pictures, with a loss that is not cross-entropy.

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "nn/layers/linear.h"
#include "nn/optim/parameter_groups.h"
#include "nn/train/fit.h"
#include "tensor/creation.h"
#include "tensor/error.h"

namespace papilio::test {

namespace {

// Points (x, y) with what a plane has there, 3 x - 2 y + 1; the digest is the plane's.
class Plane : public nn::BatchSource {
 public:
  int64_t size() const override { return 16; }
  std::string name(int64_t position) const override { return "point " + std::to_string(position); }
  uint64_t digest() const override { return 321; }
  nn::Batch batch(const std::vector<int64_t>& positions, Generator&) const override {
    std::vector<float> points, heights;
    for (const int64_t i : positions) {
      const int64_t row = i / 4;
      const float x = float(i % 4) - 1.5F, y = float(row) - 1.5F;
      points.insert(points.end(), {x, y});
      heights.push_back(3 * x - 2 * y + 1);
    }
    const auto n = int64_t(positions.size());
    return {.inputs = tensor<float>(points).alias(Layout::contiguous({n, 2})),
            .more = {{"heights", tensor<float>(heights).alias(Layout::contiguous({n, 1}))}}};
  }
};

// The parameters after so many steps: the weight's two, the bias.
std::vector<float> fitted(int64_t steps, int64_t batch_size, int64_t accumulation_steps) {
  nn::Linear model(2, 1);
  model.weight = zeros({1, 2});
  model.bias = zeros({1});
  for (Tensor* p : {&model.weight, &model.bias}) set_requires_grad(*p);
  const nn::Loss squares = [&](const nn::Batch& batch) {
    const Tensor off = model(batch.inputs) - batch.more.at("heights");
    return mean(off * off);
  };
  nn::Loader loader(std::make_shared<Plane>(), {.batch_size = batch_size, .seed = 1, .workers = 2});
  nn::Sgd optimizer(nn::parameter_groups(model, {}), {.lr = 0.1});
  nn::fit(model, squares, loader, optimizer,
          {.steps = steps,
           .accumulation_steps = accumulation_steps,
           .schedule = {.kind = nn::Schedule::Kind::constant},
           .max_gradient_norm = 100});
  CHECK(loader.state().data == 321);
  std::vector<float> parameters = model.weight.to_vector();
  parameters.push_back(model.bias.to_vector()[0]);
  return parameters;
}

}  // namespace

TEST_CASE("fit takes any loss: a plane through points is found") {
  const std::vector<float> found = fitted(100, 16, 1);
  CHECK(found[0] == doctest::Approx(3).epsilon(1e-4));
  CHECK(found[1] == doctest::Approx(-2).epsilon(1e-4));
  CHECK(found[2] == doctest::Approx(1).epsilon(1e-4));
}

TEST_CASE("fit: batches of a step weigh as many samples as they have, whatever the loss") {
  const std::vector<float> whole = fitted(3, 16, 1), parts = fitted(3, 5, 4);  // 5, 5, 5 and 1
  for (size_t i = 0; i < whole.size(); ++i)
    CHECK(parts[i] == doctest::Approx(whole[i]).epsilon(1e-5));
}

TEST_CASE("fit: what belongs to cross-entropy is refused beside another loss") {
  nn::Linear model(2, 1);
  nn::Loader loader(std::make_shared<Plane>(), {});
  nn::Sgd optimizer(nn::parameter_groups(model, {}), {.lr = 0.1});
  const nn::Loss loss = [&](const nn::Batch& batch) { return mean(model(batch.inputs)); };
  CHECK_THROWS_WITH_AS(
      nn::fit(model, loss, loader, optimizer, {.label_smoothing = 0.1}),
      "fit: cuda_graph and label_smoothing belong to cross-entropy, not to a loss of one's own",
      ArgumentError);
}

}  // namespace papilio::test
