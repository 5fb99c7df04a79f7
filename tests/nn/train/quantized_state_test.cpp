// Runs on a quantised base: their checkpoints know its codes, and do not hold them.
#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "nn/detail/quant_state.h"
#include "nn/layers/linear.h"
#include "nn/optim/optimizer.h"
#include "nn/train/training_state.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/files/safetensors.h"
#include "tensor/random.h"
#include "tests/nn/digits.h"
#include "tests/nn/train/forged_state.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

// A frozen layer with codes below a head that trains.
struct Net : nn::Module {
  nn::Linear base{64, 8};
  nn::Linear head{8, 3};
  bool codes_shown = true;

  void visit(nn::Visitor& v) override {
    if (codes_shown)
      v("base", base);
    else
      v("base.bias", base.bias);
    v("head", head);
  }
  std::string describe() const override { return "Net"; }
};

// nf4 with double quantisation, or the kind as it is.
QuantizedMatrix codes(Quantization kind) {
  Generator generator(3);
  const Tensor w = randn({8, 64}, {}, generator);
  QuantizedMatrix q = quantize(w, kind, 32);
  if (kind != Quantization::nf4) return q;
  std::vector<float> table;
  for (int i = 0; i < 256; ++i) table.push_back(float(i - 128) / 128);
  q.nested_absmax = ones({1});
  q.nested_table = tensor<float>(table);
  q = quantize_like(w, q);
  q.nested_offset = 0.25;
  return q;
}

struct Run {
  Net model;
  nn::Sgd optimizer;
  nn::Loader loader;

  explicit Run(const QuantizedMatrix& q)
      : model((manual_seed(1), Net())),
        optimizer((prepare(q), std::vector{nn::ParameterGroup{nn::trainable_parameters(model)}}),
                  {.lr = 0.1, .momentum = 0.9}),
        loader(nn::batches_of(nn::subset(digits(), {0, 1, 2}),
                              {.transform = {.processor = nn::digits_processor()}}),
               {.batch_size = 1}) {}
  void prepare(const QuantizedMatrix& q) {
    nn::set_trainable(model.base, false);
    model.base.set_quantized(q);
  }
  nn::TrainingParts parts() { return {model, optimizer, loader}; }
};

}  // namespace

TEST_CASE("training state: the codes of a quantised base are not in it, and have to be the same") {
  for (const Quantization kind : {Quantization::nf4, Quantization::fp4, Quantization::int8}) {
    CAPTURE(std::string(name_of(kind)));
    const TemporaryFolder folder;
    const std::filesystem::path file = folder / "state.safetensors";
    Run run(codes(kind));
    fill_(run.model.head.weight.detach(), 0.5);
    nn::save_training_state(file, run.parts(), {.step = 3});
    std::vector<std::string> names;
    for (const auto& [name, tensor] : load_safetensors(file).tensors)
      if (name.starts_with("model.")) names.push_back(name);
    CHECK(names == std::vector<std::string>{"model.head.bias", "model.head.weight"});

    Run other(codes(kind));
    CHECK(nn::load_training_state(file, other.parts()).step == 3);
    CHECK(other.model.head.weight.to_vector() == run.model.head.weight.to_vector());
    const auto refused = [&](auto&& change) {
      QuantizedMatrix q = codes(kind);
      change(q);
      Run changed(q);
      const auto head = changed.model.head.weight.to_vector();
      CHECK_THROWS_WITH_AS(nn::load_training_state(file, changed.parts()),
                           (file.string() + ": the parameters that do not train are not those " +
                            "that the run began with")
                               .c_str(),
                           FileError);
      CHECK(changed.model.head.weight.to_vector() == head);
    };
    refused([](QuantizedMatrix& q) { q.codes.data<uint8_t>()[5] ^= 1; });
    if (kind == Quantization::int8) {
      refused([](QuantizedMatrix& q) { q.scale.data<float>()[0] += 1; });
    } else {
      refused([](QuantizedMatrix& q) { q.table.data<float>()[3] += 0.125F; });
      refused([](QuantizedMatrix& q) { q.dtype = DType::bfloat16; });
      refused([](QuantizedMatrix& q) { q.block_size = 64; });
    }
    if (kind == Quantization::nf4) refused([](QuantizedMatrix& q) { q.nested_offset = 0.75; });
  }
}

TEST_CASE("training state: one of an earlier build, which holds the codes, still resumes") {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder / "state.safetensors";
  // What it said of the parameters that do not train: nothing of codes, which it had among the
  // rest.
  Run earlier(codes(Quantization::nf4));
  fill_(earlier.model.head.weight.detach(), 0.5);
  const auto write = [&](auto&& change) {
    earlier.model.codes_shown = false;
    nn::save_training_state(file, earlier.parts(), {.step = 3});
    earlier.model.codes_shown = true;
    forge_state(file, [&](SafetensorsFile& content) {
      for (const auto& [name, tensor] : nn::named_codes(earlier.model))
        content.tensors["model." + name] = copy_of(*tensor);
      CHECK(content.tensors.contains("model.base.weight.quant_state.bitsandbytes__nf4"));
      change(content.tensors);
    });
  };
  Run run(codes(Quantization::nf4));
  const auto refused = [&](const std::string& message) {
    CHECK_THROWS_WITH_AS(nn::load_training_state(file, run.parts()),
                         (file.string() + ": " + message).c_str(), FileError);
  };
  write([](auto& tensors) { tensors.at("model.base.weight").template data<uint8_t>()[7] ^= 1; });
  refused("the parameters that do not train are not those that the run began with");
  write([](auto& tensors) { tensors.erase("model.base.weight.absmax"); });
  refused("lacks base.weight.absmax");
  write([](auto&) {});
  CHECK(nn::load_training_state(file, run.parts()).step == 3);
  CHECK(run.model.head.weight.to_vector() == earlier.model.head.weight.to_vector());
}

TEST_CASE("state dict: codes of another form than the model's are refused") {
  QuantizedMatrix q = codes(Quantization::nf4);
  Run one(q);
  q.nested_offset = 0.75;
  q.codes = zeros_like(q.codes);
  Run other(q);
  const auto before = dequantize(one.model.base.quantized).to_vector();
  CHECK_THROWS_WITH_AS(
      nn::load_state_dict(one.model, nn::state_dict(other.model)),
      "load_state_dict: base.weight.quant_state.bitsandbytes__nf4 says that the codes are of "
      "another form (blocks, offset, dtype) than the model's",
      ArgumentError);
  CHECK_THROWS_WITH_AS(
      nn::load_state_dict(one.model.base, nn::state_dict(other.model.base)),
      "load_state_dict: weight.quant_state.bitsandbytes__nf4 says that the codes are of another "
      "form (blocks, offset, dtype) than the model's",
      ArgumentError);
  CHECK(dequantize(one.model.base.quantized).to_vector() == before);
  q.nested_offset = 0.25;
  Run third(q);
  nn::load_state_dict(one.model, nn::state_dict(third.model));
  CHECK(dequantize(one.model.base.quantized).to_vector() == dequantize(q).to_vector());
}

}  // namespace papilio::test
