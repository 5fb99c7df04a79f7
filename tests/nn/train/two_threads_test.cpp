// Two models at a time: ./dev tsan runs this under ThreadSanitizer.
#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops/cross_entropy.h"
#include "nn/data/loader.h"
#include "nn/optim/optimizer.h"
#include "nn/train/model_average.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/nn/digits.h"
#include "tests/nn/models/tiny_vit.h"

namespace papilio::test {

namespace {

nn::ViTConfig with_dropout() {
  nn::ViTConfig config = tiny_vit_config();
  config.hidden_dropout_prob = 0.1;
  return config;
}

// A run with data, batches, dropout and averages of its own.
struct Run {
  nn::ViTForImageClassification model{with_dropout()};
  nn::AdamW optimizer{{{.parameters = nn::trainable_parameters(model)}}, {.lr = 1e-2}};
  nn::Loader loader;
  nn::ModelAverage average{model, 0.9};
  std::vector<float> losses;

  explicit Run(uint64_t seed)
      : loader(digit_batches(nn::subset(digits(), {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})),
               {.batch_size = 4, .seed = seed, .workers = 2}) {}

  void train() {
    for (int step = 0; step < 8; ++step) {
      const nn::Batch batch = loader.next();
      const Tensor loss = cross_entropy(model(batch.inputs), batch.labels);
      losses.push_back(loss.item<float>());
      optimizer.zero_grad();
      backward(loss);
      optimizer.step();
      average.update();
    }
  }
  std::vector<std::vector<float>> values() {
    std::vector<std::vector<float>> all{losses};
    for (const auto& [name, tensor] : nn::state_dict(model))
      all.push_back(tensor.to_vector<float>());
    return all;
  }
};

}  // namespace

TEST_CASE("two models trained in two threads learn what each of them learns alone") {
  manual_seed(3);
  Run first(1), second(2);
  std::thread one([&] { first.train(); }), two([&] { second.train(); });
  one.join();
  two.join();

  manual_seed(3);
  Run alone_first(1), alone_second(2);
  for (Run* run : {&alone_first, &alone_second}) std::thread([=] { run->train(); }).join();
  CHECK(first.losses.back() < first.losses.front());
  CHECK(first.values() == alone_first.values());
  CHECK(second.values() == alone_second.values());
  CHECK(first.values() != second.values());
}

TEST_CASE("each thread draws from a generator of its own, from the seed that was given last") {
  const auto drawn = [] { return rand({4}).to_vector(); };
  manual_seed(5);
  const std::vector<float> fifth = drawn(), next = drawn();
  std::vector<float> other, seeded, after;
  std::thread([&] {
    other = drawn();
    manual_seed(6);
    seeded = drawn();
  }).join();
  std::thread([&] { after = drawn(); }).join();
  CHECK(other == fifth);
  CHECK(after == seeded);
  CHECK(seeded != fifth);
  manual_seed(5);
  CHECK(drawn() == fifth);
  CHECK(drawn() == next);
}

}  // namespace papilio::test
