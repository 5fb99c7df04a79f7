#include "nn/optim/optimizer.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "nn/models/pretrained.h"
#include "nn/models/vit.h"
#include "nn/optim/parameter_groups.h"
#include "nn/optim/schedule.h"
#include "tensor/creation.h"
#include "tests/autograd/op_case.h"
#include "tests/capture_bound.h"
#include "tests/nn/models/golden_models.h"
#include "tests/nn/models/tiny_vit.h"

namespace papilio::test {

namespace {

// Gradients as training would leave them: another one each step.
Tensor gradient(const Tensor& p, uint64_t step) {
  return uniform64(p.shape(), -1, 1, 100 + step);
}

std::vector<double> trained(nn::Optimizer& optimizer, const Tensor& p, int steps) {
  for (int i = 0; i < steps; ++i) {
    set_grad(p, gradient(p, uint64_t(i)));
    optimizer.step();
  }
  return p.to_vector<double>();
}

}  // namespace

TEST_CASE("AdamW: the update of the paper, written out") {
  Tensor p = leaf(uniform64({5}));
  std::vector<double> want = p.to_vector<double>(), m(5), v(5);
  for (int t = 1; t <= 4; ++t) {
    const auto g = gradient(p, uint64_t(t - 1)).to_vector<double>();
    for (size_t i = 0; i < 5; ++i) {
      want[i] -= 0.01 * 0.1 * want[i];
      m[i] = 0.8 * m[i] + 0.2 * g[i];
      v[i] = 0.9 * v[i] + 0.1 * g[i] * g[i];
      const double mh = m[i] / (1 - std::pow(0.8, t)), vh = v[i] / (1 - std::pow(0.9, t));
      want[i] -= 0.01 * mh / (std::sqrt(vh) + 1e-8);
    }
  }
  nn::AdamW adam({{{p}, 1, 0.1}}, {.lr = 0.01, .beta1 = 0.8, .beta2 = 0.9});
  const auto got = trained(adam, p, 4);
  for (size_t i = 0; i < 5; ++i) CHECK(got[i] == doctest::Approx(want[i]).epsilon(1e-12));
}

TEST_CASE("AdamW: the first float32 step is the rate to float32's precision") {
  Tensor p = leaf(zeros({1}));
  nn::AdamW adam({{{p}}}, {.lr = 1, .eps = 0});
  set_grad(p, ones({1}));
  adam.step();
  CHECK(std::abs(p.item() + 1) < 1.3e-6);
}

TEST_CASE("SGD: plain, with momentum, Nesterov and decay, written out") {
  for (const nn::SgdOptions options : {nn::SgdOptions{.lr = 0.1},
                                       {.lr = 0.1, .momentum = 0.9},
                                       {.lr = 0.1, .momentum = 0.9, .nesterov = true}}) {
    Tensor p = leaf(uniform64({3}));
    std::vector<double> want = p.to_vector<double>(), buffer(3);
    for (int t = 0; t < 3; ++t) {
      const auto g = gradient(p, uint64_t(t)).to_vector<double>();
      for (size_t i = 0; i < 3; ++i) {
        const double d = g[i] + 0.05 * want[i];
        buffer[i] = options.momentum * buffer[i] + d;
        want[i] -= 0.1 * (options.nesterov ? d + options.momentum * buffer[i] : buffer[i]);
      }
    }
    nn::Sgd sgd({{{p}, 1, 0.05}}, options);
    const auto got = trained(sgd, p, 3);
    for (size_t i = 0; i < 3; ++i) CHECK(got[i] == doctest::Approx(want[i]).epsilon(1e-12));
  }
}

TEST_CASE("optimisers: a parameter without a gradient stays; rates of groups scale") {
  Tensor a = leaf(ones({2})), b = leaf(ones({2})), c = leaf(ones({2}));
  nn::Sgd sgd({{{a, b}, 1, 0}, {{c}, 0.5, 0}}, {.lr = 1});
  set_grad(a, ones({2}));
  set_grad(c, ones({2}));
  sgd.step();
  CHECK(a.to_vector() == std::vector<float>{0, 0});
  CHECK(b.to_vector() == std::vector<float>{1, 1});
  CHECK(c.to_vector() == std::vector<float>{0.5, 0.5});
  sgd.zero_grad();
  CHECK_FALSE(grad(a).defined());
}

TEST_CASE("optimisers: N + M steps are N, save, load, M, bit for bit") {
  Tensor one = leaf(uniform64({4})), two = leaf(uniform64({4}));
  nn::AdamW straight({{{one}, 1, 0.1}});
  trained(straight, one, 3);
  nn::AdamW before({{{two}, 1, 0.1}});
  trained(before, two, 3);
  nn::AdamW after({{{two}, 1, 0.1}});
  after.load_state_dict(before.state_dict());
  CHECK(after.steps() == 3);
  CHECK(trained(straight, one, 2) == trained(after, two, 2));
  CHECK_THROWS_WITH(nn::Sgd({{{two}}}, {.momentum = 0.9}).load_state_dict(before.state_dict()),
                    "Optimizer: the state has no 0.momentum_buffer");
}

TEST_CASE("clip_grad_norm: the joint norm, scaled only when above") {
  Tensor a = leaf(ones({2})), b = leaf(ones({1}));
  set_grad(a, tensor<float>({3, 0}));
  set_grad(b, tensor<float>({4}));
  CHECK(nn::clip_grad_norm({a, b}, 10) == doctest::Approx(5));
  CHECK(grad(b).item() == 4);
  CHECK(nn::clip_grad_norm({a, b}, 1) == doctest::Approx(5));
  CHECK(grad(b).item() == doctest::Approx(0.8));
  set_grad(a, tensor<float>({std::nanf(""), 0}));
  CHECK(std::isnan(nn::clip_grad_norm({a, b}, 1)));
  CHECK(grad(b).item() == doctest::Approx(0.8));
}

TEST_CASE("optimisers: wrong use") {
  Tensor p = leaf(ones({2})), frozen = ones({2});
  CHECK_THROWS_WITH(nn::Sgd({{{frozen}}}),
                    "Optimizer: a parameter of shape (2) collects no gradient");
  CHECK_THROWS_WITH(nn::Sgd({{{p}}, {{p}}}), "Optimizer: a parameter of shape (2) is given twice");
  CHECK_THROWS_WITH(nn::AdamW({{{p}}}, {.lr = -1}),
                    "Optimizer: expected a learning rate >= 0, got -1");
  CHECK_THROWS_WITH(nn::AdamW({{{p}}}, {.beta1 = 1}), "AdamW: expected betas in [0, 1), got 1");
  CHECK_THROWS_WITH(nn::Sgd({{{p}}}, {.nesterov = true}), "Sgd: nesterov needs momentum");
}

TEST_CASE("schedules: warm-up, then constant, linear or cosine, and never below the end") {
  using nn::Schedule;
  const Schedule cosine{
      .kind = Schedule::Kind::cosine, .warmup_steps = 4, .total_steps = 24, .min_factor = 0.1};
  CHECK(cosine.factor(0) == doctest::Approx(0.2));
  CHECK(cosine.factor(3) == doctest::Approx(0.8));
  CHECK(cosine.factor(4) == 1);
  CHECK(cosine.factor(14) == doctest::Approx(0.55));
  CHECK(cosine.factor(24) == doctest::Approx(0.1));
  CHECK(cosine.factor(99) == doctest::Approx(0.1));
  const Schedule linear{.kind = Schedule::Kind::linear, .total_steps = 10};
  CHECK(linear.factor(0) == 1);
  CHECK(linear.factor(5) == doctest::Approx(0.5));
  CHECK(linear.factor(10) == 0);
  CHECK(Schedule{.kind = Schedule::Kind::constant, .total_steps = 3}.factor(7) == 1);
  CHECK_THROWS_WITH(nn::schedule_kind("step"),
                    "schedule: expected constant, linear or cosine, got step");
}

TEST_CASE("parameter groups: layer-wise rates and what decays") {
  nn::ViTConfig config = tiny_vit_config();
  config.num_hidden_layers = 2;
  nn::ViTForImageClassification model(config);
  std::map<double, int64_t> decayed, free;  // parameters by rate
  for (const auto& group : nn::parameter_groups(model, {.weight_decay = 0.1, .layer_decay = 0.5})) {
    CHECK((group.weight_decay == 0 || group.weight_decay == 0.1));
    (group.weight_decay > 0 ? decayed : free)[group.lr_scale] += int64_t(group.parameters.size());
  }
  // Embeddings 1/8 (projection), layers 1/4 and 1/2 (six matrices each), the classifier 1.
  CHECK(decayed == std::map<double, int64_t>{{0.125, 1}, {0.25, 6}, {0.5, 6}, {1, 1}});
  // Token, positions and projection's bias; six biases and two norms a layer; last norm and head.
  CHECK(free == std::map<double, int64_t>{{0.125, 3}, {0.25, 10}, {0.5, 10}, {1, 3}});
  CHECK(nn::parameter_groups(model, {}).size() == 2);
  // A head with a rate of its own has it whatever the layers' rates are.
  const auto in_head = [&](const std::string& name) { return model.in_head(name); };
  std::map<double, int64_t> of_head;
  for (const auto& group :
       nn::parameter_groups(model, {.layer_decay = 0.5, .in_head = in_head, .head_lr_scale = 3}))
    of_head[group.lr_scale] += int64_t(group.parameters.size());
  CHECK(of_head == std::map<double, int64_t>{{0.125, 4}, {0.25, 16}, {0.5, 16}, {1, 2}, {3, 2}});
  CHECK(nn::parameter_groups(model, {.in_head = in_head, .head_lr_scale = 0}).size() == 4);
  CHECK_THROWS_WITH(nn::parameter_groups(model, {.head_lr_scale = -1}),
                    "parameter_groups: expected head_lr_scale >= 0, got -1");
  CHECK_THROWS_WITH(nn::parameter_groups(model, {.layer_decay = 0}),
                    "parameter_groups: expected layer_decay in (0, 1], got 0");
}

TEST_CASE("parameter groups: layers by number, embeddings by name, in every model's names") {
  for (const auto& [name, layers] : std::map<std::string, int>{
           {"deit_teacher", 2}, {"dinov3", 2}, {"timm", 2}, {"timm_registers", 2}}) {
    CAPTURE_BOUND(name);
    const auto loaded = nn::from_pretrained(golden_model(name));
    nn::set_trainable(*loaded.model, true);
    CHECK(loaded.model->shape().num_hidden_layers == layers);
    std::map<double, int64_t> by_rate;
    for (const auto& group :
         nn::parameter_groups(*loaded.model, {.weight_decay = 0.1, .layer_decay = 0.5}))
      by_rate[group.lr_scale] += int64_t(group.parameters.size());
    // Rates 1 behind the layers, 1/2 and 1/4 in them, 1/8 before; nothing else.
    CHECK(by_rate.size() == 4);
    CHECK(by_rate.at(0.5) == by_rate.at(0.25));
    int64_t before = 0;
    for (const auto& [parameter, tensor] : nn::named_parameters(*loaded.model))
      before += parameter.find("embed") != parameter.npos || parameter.ends_with("_token");
    CHECK(by_rate.at(0.125) == before);
  }
  // timm's positions do not decay, as its no_weight_decay() says.
  const auto timm = nn::from_pretrained(golden_model("timm"));
  nn::set_trainable(*timm.model, true);
  for (const auto& group : nn::parameter_groups(*timm.model, {.weight_decay = 0.1})) {
    for (const Tensor& p : group.parameters) {
      if (p.dim() >= 2 && p.size(0) == 1) CHECK(group.weight_decay == 0);
    }
  }
}

}  // namespace papilio::test
