// Every method on layers that keep codes: what it computes and its gradients are those on the
// numbers that the codes stand for.
#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "autograd/backward.h"
#include "autograd/gradcheck.h"
#include "autograd/ops.h"
#include "boft/model/model.h"
#include "boft/model/plan.h"
#include "nn/layers/conv1d.h"
#include "nn/layers/linear.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/autograd/op_case.h"
#include "tests/compare.h"

namespace papilio::test {

namespace {

struct Two : nn::Module {
  nn::Linear linear{16, 12};
  nn::Conv1D conv1d{8, 12};  // 12 -> 8
  nn::Linear head{8, 3};

  Tensor operator()(const Tensor& x) { return head(conv1d(tanh(linear(x)))); }
  void visit(nn::Visitor& v) override {
    v("linear", linear);
    v("conv1d", conv1d);
    v("head", head);
  }
  std::string describe() const override { return "Two"; }
};

constexpr Quantization kKinds[] = {Quantization::nf4, Quantization::fp4, Quantization::int8};

// Makes weights of one kind of codes, or of the numbers that these stand for, and all else float64.
void prepare(Two& model, Quantization kind, bool codes) {
  manual_seed(1);
  for (nn::AdaptableLayer* layer : {static_cast<nn::AdaptableLayer*>(&model.linear),
                                    static_cast<nn::AdaptableLayer*>(&model.conv1d)}) {
    const Tensor w = normal({layer->adapted_outputs(), layer->adapted_inputs()}, 0, 0.5);
    layer->set_quantized(quantize(w, kind, 32));
    if (!codes) layer->dequantize_weight();
  }
  for (const auto& [name, tensor] : nn::named_parameters(model))
    if (name.ends_with("bias") || name.starts_with("head"))
      copy_(tensor->detach(), normal(tensor->shape(), 0, 0.5));
  for (const auto& [name, tensor] : nn::named_parameters(model))
    *tensor = copy_of(tensor->detach(), DType::float64);
}

std::vector<boft::AdapterConfig> methods() {
  const std::vector<std::string> targets{"linear", "conv1d"};
  return {boft::BoftConfig{.boft_block_size = 2,
                           .boft_n_butterfly_factor = 2,
                           .target_modules = targets,
                           .init_weights = false},
          boft::OftConfig{.oft_block_size = 4,
                          .use_cayley_neumann = false,
                          .target_modules = targets,
                          .init_weights = false},
          boft::OftConfig{.oft_block_size = 4,
                          .use_cayley_neumann = true,
                          .target_modules = targets,
                          .init_weights = false},
          boft::LoraConfig{.r = 2, .target_modules = targets, .init_lora_weights = false},
          boft::HraConfig{.r = 4, .target_modules = targets, .init_weights = false}};
}

// Attached, its parameters in float64.
void attach(boft::AdapterModel& adapters, const boft::AdapterConfig& config) {
  manual_seed(2);
  adapters.add_adapter("default", config);
  nn::for_each_module(adapters.model(), [](const std::string&, nn::Module& module) {
    if (dynamic_cast<nn::Adapter*>(&module) != nullptr) nn::to(module, DType::float64);
  });
}

double difference(const Tensor& a, const Tensor& b) {
  return largest_difference(a.to_vector<double>(), b.to_vector<double>());
}

}  // namespace

TEST_CASE("adapters on codes: outputs and gradients are those on their numbers") {
  for (const Quantization kind : kKinds) {
    for (const boft::AdapterConfig& config : methods()) {
      CAPTURE(std::string(name_of(kind)));
      CAPTURE(boft::label(config));
      Two codes, numbers;
      prepare(codes, kind, true);
      prepare(numbers, kind, false);
      boft::AdapterModel on_codes(codes), on_numbers(numbers);
      attach(on_codes, config);
      attach(on_numbers, config);
      const Tensor x = leaf(uniform64({5, 16})), also = leaf(uniform64({5, 16}));
      const Tensor y = codes(x), want = numbers(also);
      CHECK(difference(y, want) < 1e-12);
      const Tensor dy = uniform64({5, 3}, -1, 1, 3);
      backward(y, dy);
      backward(want, dy);
      CHECK(difference(grad(x), grad(also)) < 1e-12);
      const std::vector<Tensor> mine = nn::trainable_parameters(codes),
                                theirs = nn::trainable_parameters(numbers);
      REQUIRE(mine.size() == theirs.size());
      REQUIRE(mine.size() >= 2);
      for (size_t i = 0; i < mine.size(); ++i) {
        CHECK(max(abs(grad(mine[i]))).item() > 0);
        CHECK(difference(grad(mine[i]), grad(theirs[i])) < 1e-11);
      }
    }
  }
}

TEST_CASE("adapters on codes: gradients against differences") {
  for (const boft::AdapterConfig& config : methods()) {
    CAPTURE(boft::label(config));
    Two model;
    prepare(model, Quantization::nf4, true);
    boft::AdapterModel adapters(model);
    attach(adapters, config);
    std::vector<Tensor*> fields;
    std::vector<Tensor> inputs{uniform64({3, 16})};
    for (const auto& [name, tensor] : nn::named_parameters(model)) {
      if (!tensor->requires_grad()) continue;
      fields.push_back(tensor);
      inputs.push_back(copy_of(tensor->detach()));
    }
    const auto f = [&](const std::vector<Tensor>& in) {
      for (size_t i = 0; i < fields.size(); ++i) *fields[i] = in[i + 1];
      return model(in[0]);
    };
    const GradcheckResult result = gradcheck(f, inputs);
    CHECK_MESSAGE(result.passed, result.message);
  }
}

TEST_CASE("modules_to_save: a quantised layer that trains becomes the numbers of its codes") {
  Two model;
  prepare(model, Quantization::nf4, true);
  const Tensor w = model.conv1d.matrix();
  boft::AdapterModel adapters(model);
  adapters.add_adapter("default", boft::BoftConfig{.boft_block_size = 2,
                                                   .target_modules = {"linear"},
                                                   .modules_to_save = {"conv1d"}});
  CHECK(model.linear.quantized);
  REQUIRE_FALSE(model.conv1d.quantized);
  CHECK(model.conv1d.weight.shape() == Dims{12, 8});
  CHECK(model.conv1d.weight.requires_grad());
  CHECK(difference(model.conv1d.matrix(), w) == 0);
}

TEST_CASE("modules_to_save: the codes come back, bit for bit, when their copy is not in use") {
  for (const Quantization kind : kKinds) {
    CAPTURE(std::string(name_of(kind)));
    Two model;
    prepare(model, kind, true);
    for (const auto& [name, tensor] : nn::named_parameters(model))
      *tensor = copy_of(tensor->detach(), DType::float32);
    const Tensor x = copy_of(uniform64({5, 16}), DType::float32);
    const std::vector<double> before = model(x).to_vector<double>();
    const auto has_codes = [&](const Tensor& y) {
      return model.conv1d.quantized && !model.conv1d.weight && y.to_vector<double>() == before;
    };
    boft::AdapterModel adapters(model);
    const auto config = [](std::vector<std::string> targets) {
      return boft::BoftConfig{.boft_block_size = 2,
                              .target_modules = std::move(targets),
                              .modules_to_save = {"conv1d"}};
    };
    // Blocks that do not divide are found after all else; nothing has changed then.
    boft::BoftConfig wrong = config({"linear"});
    wrong.boft_block_size = 5;
    CHECK_THROWS_AS(adapters.add_adapter("default", wrong), ArgumentError);
    CHECK(has_codes(model(x)));

    const boft::AdapterPlan plan = boft::plan_adapter(model, config({"linear"}));
    CHECK(plan.trained_in_full.size() == 2);
    adapters.add_adapter("default", config({"linear"}));
    CHECK(nn::count_parameters(model).trainable == plan.trainable_parameters());
    CHECK_FALSE(model.conv1d.quantized);
    fill_(adapters.own_tensors("default")[0].copy, 0.25);
    fill_(adapters.own_tensors("default")[1].copy, 0.25);
    const std::vector<double> trained = model(x).to_vector<double>();
    CHECK(trained != before);
    {
      const auto off = adapters.disable();
      CHECK(has_codes(model(x)));
    }
    CHECK(model(x).to_vector<double>() == trained);
    // Another one begins at the codes, not at what the first has trained.
    adapters.add_adapter("other", config({"linear"}));
    adapters.set_adapter({"other"});
    CHECK(difference(model.conv1d.matrix(), dequantize(adapters.own_tensors("other")[1].codes)) ==
          0);
    adapters.set_adapter({"default"});
    CHECK(model(x).to_vector<double>() == trained);
    adapters.delete_adapter("other");
    adapters.unload();
    CHECK(has_codes(model(x)));

    adapters.add_adapter("default", config({"linear"}));
    for (const auto& own : adapters.own_tensors("default")) fill_(own.copy, 0.25);
    adapters.merge_and_unload();
    CHECK_FALSE(model.conv1d.quantized);
    CHECK(model(x).to_vector<double>() == trained);
  }
}

}  // namespace papilio::test
