// Adapters inside Autocast: products in bfloat16, everything orthogonal in float32; on every
// device.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "autograd/autocast.h"
#include "autograd/backward.h"
#include "autograd/ops.h"
#include "boft/methods/oft.h"
#include "boft/ops/boft_linear.h"
#include "boft/ops/butterfly_rotation.h"
#include "boft/ops/cayley.h"
#include "boft/ops/householder.h"
#include "nn/models/vit.h"
#include "nn/optim/parameter_groups.h"
#include "nn/train/fit.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/boft/one_layer.h"
#include "tests/capture_bound.h"
#include "tests/devices.h"
#include "tests/nn/digits.h"

namespace papilio::test {

namespace {

double largest(const Tensor& x) {
  double most = 0;
  for (const double v : x.to_vector<double>()) most = std::max(most, std::abs(v));
  return most;
}

double relative(const Tensor& a, const Tensor& b) {
  return largest(a - b) / (1e-30 + largest(b));
}

// max |Q Q^T - I| over all blocks, in float64.
double orthogonality_error(const Tensor& q) {
  const Tensor wide = cast(q.detach(), DType::float64);
  return largest(matmul(wide, transpose(wide, -1, -2)) -
                 eye(q.size(-1), {.dtype = DType::float64, .device = q.device()}));
}

struct Gradients {
  Tensor y, x, q, s, bias;
};

using Layer = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&);

// in: x, weight, bias, r, s, dy. x and bias are of `dtype`.
Gradients pass(Layer f, const std::vector<Tensor>& in, DType dtype) {
  const auto as_leaf = [](const Tensor& t, DType to) { return leaf(copy_of(t, to)); };
  const Tensor x = as_leaf(in[0], dtype), bias = as_leaf(in[2], dtype);
  const Tensor q = leaf(cayley(in[3])), s = as_leaf(in[4], DType::float32);
  const Tensor y = f(x, in[1], bias, q, s);
  backward(y, copy_of(in[5], y.dtype()));
  return {y.detach(), grad(x), grad(q), grad(s), grad(bias)};
}

std::vector<Tensor> random_layer(int64_t rows, int64_t out, const Dims& factors, Device device) {
  Generator g(uint64_t(rows + out));
  const int64_t d = factors[1] * factors[2];
  std::vector<Tensor> in{
      normal({rows, d}, 0, 1, {}, g),  normal({out, d}, 0, 1 / std::sqrt(double(d)), {}, g),
      normal({out}, 0, 1, {}, g),      normal(factors, 0, 0.3, {}, g),
      normal({out, 1}, 1, 0.2, {}, g), normal({rows, out}, 0, 1, {}, g)};
  for (Tensor& t : in) t = to(t, device);
  return in;
}

}  // namespace

TEST_CASE("boft_linear with 16-bit x and a float32 rotation is its twin, and float32's neighbour") {
  for (const Device device : devices()) {
    for (const auto& [rows, out, factors] :
         {std::tuple<int64_t, int64_t, Dims>{40, 12, {2, 4, 4, 4}},
          {3, 12, {2, 4, 4, 4}},     // fewer rows than outputs
          {4, 6, {3, 16, 2, 2}}}) {  // wide segments
      CAPTURE(device);
      CAPTURE_BOUND(rows);
      CAPTURE_BOUND(factors);
      const std::vector<Tensor> in = random_layer(rows, out, factors, device);
      const Gradients mixed = pass(boft_linear, in, DType::bfloat16),
                      twin = pass(boft_linear_composed, in, DType::bfloat16),
                      full = pass(boft_linear_composed, in, DType::float32);
      CHECK(mixed.y.dtype() == DType::bfloat16);
      CHECK(mixed.x.dtype() == DType::bfloat16);
      CHECK(mixed.q.dtype() == DType::float32);
      CHECK(mixed.s.dtype() == DType::float32);
      const auto f32 = [](const Tensor& t) { return cast(t, DType::float32); };
      for (const auto part :
           {&Gradients::y, &Gradients::x, &Gradients::q, &Gradients::s, &Gradients::bias}) {
        CHECK(relative(f32(mixed.*part), f32(full.*part)) < 3e-2);
        CHECK(relative(f32(mixed.*part), f32(twin.*part)) < 3e-2);
      }
    }
  }
  CHECK_THROWS_WITH_AS(boft_linear(ones({2, 8}), ones({3, 8}, {.dtype = DType::bfloat16}), {},
                                   ones({1, 2, 4, 4}, {.dtype = DType::bfloat16}),
                                   ones({3, 1}, {.dtype = DType::bfloat16})),
                       "boft_linear: expected tensors of one dtype, got float32 and bfloat16",
                       ArgumentError);
}

TEST_CASE("one column with s = 0 gets its gradient on every device, in every precision") {
  for (const Device device : devices()) {
    for (const DType dtype : {DType::float32, DType::bfloat16}) {
      std::vector<Tensor> in = random_layer(20, 6, {1, 4, 4, 4}, device);
      fill_(slice(in[4], 0, 3, 4), 0);
      fill_(slice(in[2], 0, 1, 2), 1000);  // a bias that swamps its column
      const Gradients got = pass(boft_linear, in, dtype),
                      want = pass(boft_linear_composed, in, DType::float32);
      CAPTURE(device);
      CHECK(relative(got.s, want.s) < (dtype == DType::float32 ? 1e-4 : 3e-2));
    }
  }
}

TEST_CASE("methods inside Autocast: rotations of float32, layers in bfloat16, float32 gradients") {
  const boft::BoftConfig boft{.boft_block_size = 4,
                              .boft_n_butterfly_factor = 2,
                              .target_modules = {"layer"},
                              .init_weights = false};
  const boft::OftConfig exact{.oft_block_size = 4,
                              .use_cayley_neumann = false,
                              .target_modules = {"layer"},
                              .init_weights = false};
  boft::OftConfig series = exact;
  series.use_cayley_neumann = true;
  const boft::LoraConfig lora{.r = 2, .target_modules = {"layer"}, .init_lora_weights = false};
  const std::vector<std::vector<boft::AdapterConfig>> kinds{{boft}, {exact},      {series},
                                                            {lora}, {boft, boft}, {exact, lora}};
  for (const Device device : devices()) {
    for (const auto& configs : kinds) {
      manual_seed(4);
      OneLayer<nn::Linear> model(16, 12);
      boft::AdapterModel adapters(model);
      std::vector<std::string> names;
      for (const auto& config : configs) {
        names.push_back("a" + str(names.size()));
        adapters.add_adapter(names.back(), config);
      }
      adapters.set_adapter(names);
      adapters.to(device);
      const Tensor x = to(normal({30, 16}, 0, 1), device);
      const auto gradients = [&](bool scoped) {
        nn::zero_grad(model);
        Tensor y;
        {
          const Autocast scope(scoped ? DType::bfloat16 : DType::float32);
          y = model(x);
        }
        CHECK(y.dtype() == (scoped ? DType::bfloat16 : DType::float32));
        const Tensor wide = cast(y, DType::float32);
        backward(sum(wide * wide));
        std::vector<Tensor> all{wide.detach()};
        for (const Tensor& p : nn::trainable_parameters(model)) all.push_back(copy_of(grad(p)));
        return all;
      };
      const auto mixed = gradients(true), full = gradients(false);
      CAPTURE(device);
      CAPTURE(configs.size());
      CHECK(full.size() > 1);
      for (size_t i = 0; i < full.size(); ++i) {
        CAPTURE(i);
        CHECK(mixed[i].dtype() == DType::float32);
        CHECK(relative(mixed[i], full[i]) < 4e-2);
      }
      const Autocast scope;
      if (auto* a = dynamic_cast<boft::BoftLayer*>(model.layer.adapters.find("a0")))
        CHECK(orthogonality_error(a->rotations(false)) < 2e-6);
      if (auto* a = dynamic_cast<boft::OftLayer*>(model.layer.adapters.find("a0"));
          a != nullptr && !a->config.use_cayley_neumann)
        CHECK(orthogonality_error(a->rotations(false)) < 2e-6);
      for (const auto& [name, tensor] : nn::state_dict(model))
        CHECK(tensor.dtype() == DType::float32);
    }
  }
}

TEST_CASE("a convolution's adapter inside Autocast rotates in float32") {
  manual_seed(4);
  OneLayer<nn::Conv2d> model(2, 6, std::array<int64_t, 2>{2, 2}, Conv2dOptions{.stride = 2});
  boft::AdapterModel adapters(model);
  adapters.add_adapter("a", boft::BoftConfig{.boft_block_size = 4,
                                             .boft_n_butterfly_factor = 2,
                                             .target_modules = {"layer"},
                                             .init_weights = false});
  const Tensor x = normal({3, 2, 4, 4}, 0, 1), full = model(x);
  const Autocast scope;
  const Tensor y = model(x);
  CHECK(y.dtype() == DType::bfloat16);
  CHECK(relative(cast(y, DType::float32), full) < 2e-2);
  CHECK(orthogonality_error(model.boft("a").rotations(false)) < 2e-6);
  backward(sum(y));
  CHECK(grad(model.boft("a").boft_R).dtype() == DType::float32);
}

TEST_CASE("digits: the loss falls in bfloat16 as in float32, and the rotation stays orthogonal") {
  const nn::Schedule constant{.kind = nn::schedule_kind("constant"), .total_steps = 60};
  const auto train = [&](DType precision) {
    manual_seed(3);
    nn::ViTForImageClassification model({.image_size = 8,
                                         .patch_size = 4,
                                         .num_channels = 1,
                                         .hidden_size = 16,
                                         .num_hidden_layers = 2,
                                         .num_attention_heads = 2,
                                         .intermediate_size = 32,
                                         .num_labels = 10,
                                         .initializer_range = 0.1});
    nn::Loader loader(digit_batches(), {.batch_size = 64, .seed = 1});
    nn::AdamW before(nn::parameter_groups(model, {.weight_decay = 0}), {.lr = 3e-3});
    nn::fit(model, [&](const Tensor& images) { return model(images); }, loader, before,
            {.steps = 60, .schedule = constant});
    model.reset_classifier(10);  // learned again, through the adapters
    boft::AdapterModel adapters(model);
    adapters.add_adapter("default", boft::BoftConfig{.boft_block_size = 4,
                                                     .boft_n_butterfly_factor = 2,
                                                     .target_modules = {"query", "value", "dense"},
                                                     .modules_to_save = {"classifier"}});
    nn::AdamW optimizer(nn::parameter_groups(model, {.weight_decay = 0}), {.lr = 1e-2});
    std::vector<double> losses;
    const auto forward =
        nn::autocast([&](const Tensor& images) { return model(images); }, precision);
    nn::fit(model, forward, loader, optimizer,
            {.steps = 60, .schedule = constant, .on_step = [&](const nn::StepReport& r) {
               losses.push_back(r.loss);
               return true;
             }});
    for (const auto& ref : adapters.layers("default")) {
      auto& layer = dynamic_cast<boft::BoftLayer&>(*ref.layer->adapters.find("default"));
      CHECK(largest(layer.boft_R.detach()) > 0.01);
      CHECK(orthogonality_error(layer.rotations(false)) < 3e-6);
    }
    for (const auto& [name, tensor] : nn::state_dict(model))
      CHECK(tensor.dtype() == DType::float32);
    return losses;
  };
  if (!devices().front().is_cpu()) return;
  const auto full = train(DType::float32), half = train(DType::bfloat16);
  double mean_full = 0, mean_half = 0;
  for (size_t i = 0; i < full.size(); ++i) {
    if (i < 5) CHECK(half[i] == doctest::Approx(full[i]).epsilon(0.05));
    if (i + 20 >= full.size()) mean_full += full[i] / 20, mean_half += half[i] / 20;
  }
  CHECK(half != full);
  CHECK(mean_full < 0.8 * full[0]);
  CHECK(mean_half == doctest::Approx(mean_full).epsilon(0.1));
}

namespace {

using Turn = Tensor (*)(const Tensor&, const Tensor&);

// Bits of y and of the gradients of x and of the adapter's tensor.
std::vector<std::vector<double>> turned(Turn f, const std::vector<Tensor>& in, DType dtype) {
  const Tensor x = leaf(copy_of(in[0], dtype)), own = leaf(copy_of(in[1]));
  const Tensor y = f(x, own);
  CHECK(y.dtype() == dtype);
  backward(y, copy_of(in[2], dtype));
  CHECK(grad(x).dtype() == dtype);
  CHECK(grad(own).dtype() == DType::float32);
  return {y.to_vector<double>(), grad(x).to_vector<double>(), grad(own).to_vector<double>()};
}

// The same with casts around.
template <Turn kTurn>
Tensor cast_around(const Tensor& x, const Tensor& own) {
  const DType wide = x.dtype() == DType::float64 ? DType::float64 : DType::float32;
  return cast(kTurn(cast(x, wide), cast(own, wide)), x.dtype());
}

}  // namespace

TEST_CASE("adapters' tensors of float32 act on x of any floating dtype, and leave it its own") {
  const std::pair<Turn, Turn> rotations[] = {
      {butterfly_rotation, cast_around<butterfly_rotation>},
      {butterfly_rotation_transposed, cast_around<butterfly_rotation_transposed>}};
  const std::pair<Turn, Turn> reflections[] = {
      {householder, cast_around<householder>},
      {householder_transposed, cast_around<householder_transposed>}};
  for (const Device device : devices()) {
    Generator g(5);
    const Tensor x = to(normal({3, 12}, 0, 1, {}, g), device),
                 dy = to(normal({3, 12}, 0, 1, {}, g), device),
                 q = to(cayley(normal({2, 6, 2, 2}, 0, 0.5, {}, g)), device),
                 u = to(normal({12, 3}, 0, 1, {}, g), device);
    for (const DType dtype : {DType::bfloat16, DType::float16, DType::float32, DType::float64}) {
      CAPTURE(str(device, ' ', dtype));
      for (const auto& [at_door, outside] : rotations)
        CHECK(turned(at_door, {x, q, dy}, dtype) == turned(outside, {x, q, dy}, dtype));
      for (const auto& [at_door, outside] : reflections)
        CHECK(turned(at_door, {x, u, dy}, dtype) == turned(outside, {x, u, dy}, dtype));
    }
    const Tensor wide = copy_of(u, DType::float64);
    CHECK_THROWS_WITH_AS(householder(x, wide),
                         "householder: expected tensors of one dtype, got float32 and float64",
                         ArgumentError);
  }
}

}  // namespace papilio::test
