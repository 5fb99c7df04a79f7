// evaluate against plain loops, and the targets that fit trains on.
#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "autograd/ops.h"
#include "nn/data/sources/tensors.h"
#include "nn/layers/linear.h"
#include "nn/optim/parameter_groups.h"
#include "nn/train/fit.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/nn/digits.h"

namespace papilio::test {

using Labels = std::vector<int64_t>;

TEST_CASE("evaluate: top-1, top-5, loss and confusion against plain loops") {
  constexpr int64_t n = 40, classes = 7;
  Generator generator(4);
  const Tensor logits = randn({n, classes, 1, 1}, {}, generator);
  const Tensor labels = randint(0, classes, {n}, DType::int64, generator);
  const nn::Batches data = nn::batches_of(logits, labels, std::vector<std::string>(classes, "c"));
  nn::Linear module(1, 1);
  const nn::Evaluation got = nn::evaluate(
      module,
      [](const Tensor& x) {
        return x.alias(Layout::contiguous({x.size(0), classes}));
      },
      data, 6);
  const auto x = logits.to_vector<double>();
  const auto y = labels.to_vector<int64_t>();
  double right = 0, five = 0, loss = 0;
  std::vector<Labels> confusion(classes, Labels(classes, 0));
  for (size_t i = 0; i < size_t(n); ++i) {
    const double* row = x.data() + i * size_t(classes);
    double sum = 0;
    int64_t best = 0, before = 0;
    for (int64_t c = 0; c < classes; ++c) {
      sum += std::exp(row[c]);
      if (row[c] > row[best]) best = c;
      before += row[c] > row[y[i]];
    }
    right += best == y[i];
    five += before < 5;
    loss += std::log(sum) - row[y[i]];
    ++confusion[size_t(y[i])][size_t(best)];
    CHECK(got.predicted[i] == best);
    CHECK(got.probability[i] == doctest::Approx(std::exp(row[best]) / sum));
    CHECK(got.losses[i] == doctest::Approx(std::log(sum) - row[y[i]]));
    CHECK(got.positions[i] == int64_t(i));
  }
  CHECK(got.labels == y);
  CHECK(got.accuracy == doctest::Approx(right / n));
  CHECK(got.top5 == doctest::Approx(five / n));
  CHECK(got.loss == doctest::Approx(loss / n));
  CHECK(nn::confusion_matrix(got, classes) == confusion);
  CHECK_THROWS_AS(nn::confusion_matrix(got, 3), ArgumentError);
}

TEST_CASE("evaluate: each class a yes or no by sigmoid and binary cross-entropy") {
  const Tensor logits = tensor<float>({2, -1, 0.5f, -3, 0, 4}, {2, 3, 1, 1});
  const nn::Batches data = nn::batches_of(logits, tensor<int64_t>({0, 1}), {"a", "b", "c"});
  nn::Linear module(1, 1);
  nn::Loader loader(data, {.batch_size = 2, .epochs = 1, .shuffle = false});
  const nn::Evaluation got = nn::evaluate(
      module,
      [](const Tensor& x) {
        return x.alias(Layout::contiguous({x.size(0), 3}));
      },
      loader, nn::AnswerKind::each_class);
  const auto yes = [](double x) { return std::log(1 + std::exp(-x)); };
  CHECK(got.losses[0] == doctest::Approx((yes(2) + yes(1) + yes(-0.5)) / 3));
  CHECK(got.losses[1] == doctest::Approx((yes(3) + yes(0) + yes(-4)) / 3));
  CHECK(got.loss == doctest::Approx((got.losses[0] + got.losses[1]) / 2));
  CHECK(got.predicted == Labels{0, 2});
  CHECK(got.probability[1] == doctest::Approx(1 / (1 + std::exp(-4.0))));
  CHECK(got.accuracy == 0.5);
}

TEST_CASE("evaluate: logits that are NaN are no answer, whatever the class") {
  const float nan = std::nanf("");
  const Tensor logits = tensor<float>({0, 1, nan, 1, 0, 0, 1, 0}, {4, 2, 1, 1});
  const nn::Batches data = nn::batches_of(logits, tensor<int64_t>({1, 0, 0, 0}), {"a", "b"});
  nn::Linear module(1, 1);
  const nn::Evaluation got = nn::evaluate(
      module,
      [](const Tensor& x) {
        return x.alias(Layout::contiguous({x.size(0), 2}));
      },
      data, 3);
  CHECK(got.without_answer == 1);
  CHECK(got.predicted == Labels{1, -1, 0, 0});
  CHECK(got.accuracy == 0.75);
  CHECK(got.top5 == 0.75);
  CHECK(std::isnan(got.loss));
  CHECK(nn::confusion_matrix(got, 2) == std::vector<Labels>{{2, 0}, {0, 1}});
}

TEST_CASE("fit trains on the mixed targets") {
  const nn::Batches source = nn::batches_of(
      nn::subset(digits(), Labels{0, 1, 2, 3}),
      {.transform = {.processor = nn::digits_processor()}, .mixup = {.mixup_alpha = 1}});
  nn::Loader loader(source, {.batch_size = 4, .workers = 1});
  nn::Linear model(64, 10);
  const nn::Forward forward = [&](const Tensor& x) {
    return model(x.alias(Layout::contiguous({x.size(0), 64})));
  };
  const nn::Batch first = loader.next();
  REQUIRE(first.targets.shape() == Dims{4, 10});
  const double want = cross_entropy(forward(first.inputs), first.targets).item();
  CHECK(want != doctest::Approx(cross_entropy(forward(first.inputs), first.labels).item()));
  loader.seek(0, 0);
  double loss = 0;
  nn::Sgd optimizer(nn::parameter_groups(model, {}), {.lr = 0.1});
  nn::fit(model, forward, loader, optimizer, {.on_step = [&](const nn::StepReport& r) {
            loss = r.loss;
            return true;
          }});
  CHECK(loss == doctest::Approx(want));
}

}  // namespace papilio::test
