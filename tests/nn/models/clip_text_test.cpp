#include "nn/models/clip_text.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/reduce.h"
#include "nn/init.h"
#include "nn/models/pretrained.h"
#include "tensor/creation.h"
#include "tests/nn/models/golden_diffusion.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

std::unique_ptr<nn::CLIPTextModel> golden_text(const std::string& kind) {
  std::vector<std::string> warnings;
  auto text = nn::load_clip_text(golden_diffusion(kind + "/text_encoder"), warnings);
  CHECK(warnings.empty());
  return text;
}

}  // namespace

TEST_CASE("CLIPTextModel: Transformers' hidden states and gradients, quick_gelu and gelu") {
  for (const std::string kind : {"sd15", "sd21"}) {
    CAPTURE(kind);
    const auto text = golden_text(kind);
    const auto answers = golden_answers(kind + ".text");
    const Tensor y = (*text)(answers.at("tokens"));
    CHECK(largest_difference(y, answers.at("output")) < 1e-5);
    backward(sum(y * answers.at("weights")));
    expect_golden_gradients(*text, answers, "text_model.");
  }
}

TEST_CASE("CLIPTextModel: names with and without text_model., and what else old files hold") {
  const NoGrad no_grad;
  const auto text = golden_text("sd15");
  const Tensor tokens = golden_answers("sd15.text").at("tokens");
  for (const bool with_prefix : {false, true}) {
    const TemporaryFolder folder;
    nn::save_pretrained(*text, folder.path());
    std::map<std::string, Tensor> renamed;
    for (const auto& [name, tensor] : load_safetensors(folder / "model.safetensors").tensors) {
      REQUIRE(name.starts_with("text_model."));
      renamed[with_prefix ? name : name.substr(11)] = tensor;
    }
    renamed["text_model.embeddings.position_ids"] = arange(77);
    save_safetensors(folder / "model.safetensors", renamed);
    std::vector<std::string> warnings;
    const auto again = nn::load_clip_text(folder.path(), warnings);
    CHECK(warnings.empty());
    CHECK((*again)(tokens).to_vector() == (*text)(tokens).to_vector());
  }
}

TEST_CASE("CLIPTextModel: a token sees those before it alone") {
  const NoGrad no_grad;
  const auto text = golden_text("sd15");
  const Tensor a = (*text)(tensor<int64_t>({5, 6, 7, 8}, {1, 4}));
  const Tensor b = (*text)(tensor<int64_t>({5, 6, 9, 1}, {1, 4}));
  const auto x = a.to_vector(), y = b.to_vector();
  for (size_t i = 0; i < 32; ++i) CHECK(x[i] == y[i]);  // two tokens of 16
  CHECK(x[32] != y[32]);
}

TEST_CASE("CLIPTextModel has the sizes of Stable Diffusion 1.5's and 2.1's") {
  const nn::SkipInit skip;
  nn::CLIPTextModel small(
      {.hidden_size = 768, .intermediate_size = 3072, .num_attention_heads = 12});
  CHECK(nn::count_parameters(small).all == 123'060'480);
  nn::CLIPTextModel large({.hidden_size = 1024,
                           .intermediate_size = 4096,
                           .num_hidden_layers = 23,
                           .num_attention_heads = 16,
                           .hidden_act = "gelu"});
  CHECK(nn::count_parameters(large).all == 340'387'840);
}

TEST_CASE("CLIPTextModel: wrong inputs and folders") {
  const auto text = golden_text("sd15");
  CHECK_THROWS_WITH_AS((*text)(zeros({1, 78}, {.dtype = DType::int64})),
                       "CLIPTextModel: expected at most 77 tokens, got 78", ArgumentError);
  CHECK_THROWS_WITH_AS((*text)(zeros({3}, {.dtype = DType::int64})),
                       "CLIPTextModel: expected tokens of shape (B, T), got (3)", ArgumentError);
  std::vector<std::string> warnings;
  CHECK_THROWS_WITH_AS(nn::load_clip_text(golden_diffusion("sd15/unet"), warnings),
                       doctest::Contains("holds neither model.safetensors nor "
                                         "model.safetensors.index.json"),
                       FileError);
}

}  // namespace papilio::test
