// The same training on one rank and on several.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "kernels/threads.h"
#include "nn/layers/linear.h"
#include "nn/optim/optimizer.h"
#include "nn/optim/parameter_groups.h"
#include "nn/parallel/data_parallel.h"
#include "nn/parallel/detail/sum_in_order.h"
#include "nn/train/fit.h"
#include "nn/train/memory_plan.h"
#include "nn/train/model_average.h"
#include "nn/train/shared_evaluation.h"
#include "tensor/copy.h"
#include "tensor/storage.h"
#include "tests/nn/digits.h"
#include "tests/nn/models/tiny_vit.h"
#include "tests/nn/parallel/ranks.h"

namespace papilio::test {

namespace {

nn::ViTConfig config() {
  nn::ViTConfig c = tiny_vit_config();
  c.num_hidden_layers = 2;
  c.hidden_dropout_prob = 0.1;
  c.attention_probs_dropout_prob = 0.1;
  c.drop_path_rate = 0.3;
  return c;
}

struct Learned {
  std::vector<double> losses, norms;
  std::vector<int64_t> samples;
  std::vector<std::string> skipped;
  std::vector<std::vector<float>> values;  // the averages, the parameters
  GeneratorState random;
  bool operator==(const Learned&) const = default;
};

struct Run {
  int64_t steps = 7, accumulate = 1, batch_size = 10, digits_used = 24;
  nn::ImageBatchOptions batches = {.transform = {.processor = nn::digits_processor()},
                                   .affine = {.shift_pixels = 1},
                                   .mixup = {.mixup_alpha = 0.4}};
};

// Batches of 10, 10 and 4 samples.
Learned train(const Run& run, const nn::DataParallel* parallel) {
  manual_seed(5);
  nn::ViTForImageClassification model(config());
  nn::to(model, rank_device());
  nn::AdamW optimizer({{.parameters = nn::trainable_parameters(model)}}, {.lr = 1e-2});
  std::vector<int64_t> chosen;
  for (int64_t i = 0; i < run.digits_used; ++i) chosen.push_back(i * 5);
  nn::Loader::Options options{.batch_size = run.batch_size, .seed = 3, .workers = 1};
  if (parallel != nullptr) options.parts = parallel->parts();
  nn::Loader loader(nn::batches_of(nn::subset(digits(), chosen), run.batches), options);
  nn::ModelAverage average(model, 0.9);
  Learned learned;
  nn::fit(model, [&](const Tensor& images) { return model(images); }, loader, optimizer,
          {.steps = run.steps,
           .accumulation_steps = run.accumulate,
           .average = &average,
           .label_smoothing = 0.1,
           .max_gradient_norm = 0.5,
           .parallel = parallel,
           .on_step = [&](const nn::StepReport& r) {
             learned.losses.push_back(r.loss);
             learned.norms.push_back(r.gradient_norm);
             learned.samples.push_back(r.samples);
             learned.skipped.insert(learned.skipped.end(), r.skipped.begin(), r.skipped.end());
             return true;
           }});
  for (const auto& [name, tensor] : average.state_dict())
    learned.values.push_back(tensor.to_vector());
  for (const auto& [name, tensor] : nn::state_dict(model))
    learned.values.push_back(tensor.to_vector());
  learned.random = default_generator().state();
  return learned;
}

void check_close(const Learned& one, const Learned& other, double tolerance) {
  REQUIRE(one.losses.size() == other.losses.size());
  for (size_t i = 0; i < one.losses.size(); ++i) {
    CHECK(one.losses[i] == doctest::Approx(other.losses[i]).epsilon(tolerance));
    CHECK(one.norms[i] == doctest::Approx(other.norms[i]).epsilon(10 * tolerance));
  }
  CHECK(one.samples == other.samples);
  CHECK(one.random == other.random);
  double worst = 0;
  for (size_t v = 0; v < one.values.size(); ++v)
    for (size_t i = 0; i < one.values[v].size(); ++i)
      worst = std::max(worst, std::abs(double(one.values[v][i]) - double(other.values[v][i])));
  CHECK(worst < 30 * tolerance);
}

}  // namespace

TEST_CASE("parallel: several ranks learn what one process does, but for rounding") {
  const nn::DataParallel parallel{.ranks = ranks()};
  for (const int64_t accumulate : {1, 2}) {
    const Run run{.accumulate = accumulate};
    const Learned alone = train(run, nullptr), together = train(run, &parallel);
    check_close(together, alone, 2e-4);
    CHECK(train(run, &parallel) == together);
  }
}

TEST_CASE("parallel: more ranks than samples in the last batch") {
  const nn::DataParallel parallel{.ranks = ranks()};
  const Run run{.steps = 6, .digits_used = 21};  // 10, 10, 1
  check_close(train(run, &parallel), train(run, nullptr), 2e-4);
}

TEST_CASE("parallel: reproducible parts give the same bits on any number of ranks") {
  const auto alone = nn::one_process();
  for (const int64_t accumulate : {1, 2}) {
    const Run run{.accumulate = accumulate};
    const nn::DataParallel one{.ranks = *alone, .reproducible_parts = 4},
        several{.ranks = ranks(), .reproducible_parts = 4};
    const int threads = num_threads();
    const Learned want = train(run, &one);
    CHECK(train(run, &several) == want);
    CHECK(num_threads() == threads);
    check_close(want, train(run, nullptr), 2e-4);
  }
}

TEST_CASE("parallel: gradients of bfloat16 learn, the same at all ranks") {
  const nn::DataParallel parallel{.ranks = ranks(), .gradients = DType::bfloat16};
  const Learned bfloat16 = train({}, &parallel), alone = train({}, nullptr);
  CHECK(std::abs(bfloat16.losses.back() - alone.losses.back()) < 0.2);
  std::string bits;
  for (const std::vector<float>& values : bfloat16.values)
    bits.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  bits.append(reinterpret_cast<const char*>(bfloat16.losses.data()),
              bfloat16.losses.size() * sizeof(double));
  const auto all = ranks().all_gather(bits);
  for (const std::string& one : all) CHECK((one == all[0]));
}

TEST_CASE("parallel: a step that is not finite names its operation at all ranks") {
  const nn::DataParallel parallel{.ranks = ranks()};
  manual_seed(1);
  nn::ViTForImageClassification model(config());
  fill_(model.classifier.weight, std::numeric_limits<double>::infinity());
  nn::AdamW optimizer({{.parameters = nn::trainable_parameters(model)}}, {.lr = 1e-2});
  nn::Loader loader(digit_batches(), {.batch_size = 12, .seed = 1, .parts = parallel.parts()});
  std::string what;
  try {
    nn::fit(model, [&](const Tensor& x) { return model(x); }, loader, optimizer,
            {.steps = 2, .parallel = &parallel});
  } catch (const nn::NonFiniteError& e) {
    what = e.what();
  }
  CHECK(what.starts_with("training stopped at step 1: the loss is "));
  CHECK(what.find("linear") != std::string::npos);
  const auto all = ranks().all_gather(what);
  for (const std::string& one : all) CHECK(one == all[0]);
}

TEST_CASE("parallel: parameters become rank 0's, and what differs is named") {
  nn::Communicator& c = ranks();
  manual_seed(uint64_t(c.rank()));
  nn::ViTForImageClassification model(config());
  nn::broadcast_parameters(c, model);
  manual_seed(0);
  nn::ViTForImageClassification first(config());
  CHECK(model.classifier.weight.to_vector() == first.classifier.weight.to_vector());
  nn::check_same_parameters(c, model);
  if (c.size() == 1) return;
  const std::string host = c.host(0), other = c.host(c.size() - 1);
  if (c.rank() == c.size() - 1) fill_(model.classifier.bias, 1);
  const std::string last = std::to_string(c.size() - 1);
  std::string what;
  try {
    nn::check_same_parameters(c, model);
  } catch (const nn::RankError& e) {
    what = e.what();
  }
  CAPTURE(what);
  CHECK(what.starts_with(str("rank ", last, " on ", other,
                             " has other trained parameters than rank 0 on ", host,
                             ": 'classifier.bias: float32 ", Dims{10}, ", checksum ")));
  // A frozen one is not made the same: it is another model's.
  set_requires_grad(model.classifier.bias, false);
  CHECK_THROWS_AS(nn::broadcast_parameters(c, model), nn::RankError);
  const std::string text = c.rank() == 0 ? "a = 1\nb = 2\n" : "a = 1\nb = 3\n";
  CHECK_THROWS_WITH_AS(nn::check_same_everywhere(c, "options", text),
                       ("rank 1 on " + c.host(1) + " has other options than rank 0 on " + host +
                        ": 'b = 3', there 'b = 2'")
                           .c_str(),
                       nn::RankError);
}

TEST_CASE("parallel: a quantised base is not sent, and codes that differ are named") {
  nn::Communicator& c = ranks();
  manual_seed(0);
  nn::Linear layer(64, 8);
  nn::set_trainable(layer, false);
  const bool other = c.size() > 1 && c.rank() == c.size() - 1;
  QuantizedMatrix codes = quantize(layer.weight.detach(), Quantization::nf4);
  layer.set_quantized(codes);
  nn::broadcast_parameters(c, layer);
  if (other) codes.codes.data<uint8_t>()[3] ^= 1;
  std::string what;
  try {
    nn::broadcast_parameters(c, layer);
  } catch (const nn::RankError& e) {
    what = e.what();
  }
  CAPTURE(what);
  CHECK(what.empty() == (c.size() == 1));
  CHECK(what.empty() == (what.find("'weight: uint8 (256, 1), checksum ") == what.npos));
}

TEST_CASE("parallel: an evaluation that ranks share finds what one alone does, to the bit") {
  manual_seed(2);
  nn::ViTForImageClassification model(config());
  const nn::Forward forward = [&](const Tensor& images) { return model(images); };
  std::vector<int64_t> chosen;
  for (int64_t i = 0; i < 25; ++i) chosen.push_back(i * 3);
  const nn::Batches data = digit_batches(nn::subset(digits(), chosen));
  // The last: more ranks than batches.
  for (const int64_t batch : {4, 13, 25}) {
    const nn::Evaluation want = nn::evaluate(model, forward, data, batch);
    const nn::Batches own = nn::share_of(data, batch, ranks());
    const nn::Evaluation got = nn::evaluate_together(
        ranks(), [&] { return nn::evaluate(model, forward, own, batch); }, own->size() > 0);
    CHECK(got.loss == want.loss);
    CHECK(got.accuracy == want.accuracy);
    CHECK(got.top5 == doctest::Approx(want.top5));
    CHECK(got.predicted == want.predicted);
    CHECK(got.losses == want.losses);
    CHECK(got.labels == want.labels);
  }
}

TEST_CASE("parallel: a memory plan counts gradients on their way") {
  if (!rank_device().is_cpu()) return;
  const auto compare = [](const nn::DataParallel& parallel) {
    nn::ViTConfig wide = tiny_vit_config();
    wide.hidden_size = 96;
    wide.intermediate_size = 384;
    nn::ViTForImageClassification model(wide);
    const nn::Forward forward = [&](const Tensor& images) { return model(images); };
    const auto make_optimizer = [&] {
      return std::make_unique<nn::Sgd>(nn::parameter_groups(model, {}));
    };
    nn::PlannedTraining run =
        nn::planned_images(forward, forward, {.shape = {1, 8, 8}, .classes = 10});
    run.optimizer = make_optimizer, run.parallel = &parallel;
    const nn::MemoryPlan plan = nn::plan_training(model, run);
    CHECK(plan.exchange > 0.9 * double(plan.gradients));
    const size_t before = memory_stats().in_use;
    reset_peak_memory();
    const auto optimizer = make_optimizer();
    nn::Loader loader(digit_batches(), {.batch_size = 4, .seed = 1, .parts = parallel.parts()});
    nn::fit(model, forward, loader, *optimizer, {.steps = 3, .parallel = &parallel});
    // sum_in_order's vectors are no tensors.
    const int64_t parts = parallel.reproducible_parts;
    const size_t vectors =
        parts > 0 ? nn::sum_in_order_bytes(parts, ranks().size(), int64_t(plan.gradients / 4)) : 0;
    const auto measured = double(memory_stats().peak_in_use - before + vectors);
    CHECK(double(plan.growth()) > 0.9 * measured);
    CHECK(double(plan.growth()) < 1.1 * measured);
  };
  if (ranks().size() > 1) {
    compare({.ranks = ranks()});
    compare({.ranks = ranks(), .gradients = DType::bfloat16});
  }
  compare({.ranks = ranks(), .reproducible_parts = 4});
}

TEST_CASE("parallel: more ranks than parts are refused") {
  if (ranks().size() < 2) return;
  const nn::DataParallel parallel{.ranks = ranks(), .reproducible_parts = 1};
  CHECK_THROWS_AS(parallel.parts(), ArgumentError);
}

}  // namespace papilio::test
