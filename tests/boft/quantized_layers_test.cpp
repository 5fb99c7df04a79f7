// Every method on layers that keep codes: what it computes and its gradients are those on the
// numbers that the codes stand for.
#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "autograd/backward.h"
#include "autograd/gradcheck.h"
#include "autograd/ops.h"
#include "boft/model/model.h"
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

}  // namespace papilio::test
