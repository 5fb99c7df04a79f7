#include "nn/diffusion/pipeline.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "autograd/ops/math.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape.h"
#include "boft/model/model.h"
#include "tensor/creation.h"
#include "tests/nn/models/golden_diffusion.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

nn::DiffusionPipeline golden_pipeline(const std::string& kind,
                                      const nn::PipelineOptions& options = {}) {
  std::vector<std::string> warnings;
  nn::DiffusionPipeline pipeline = nn::load_pipeline(golden_diffusion(kind), warnings, options);
  CHECK(warnings.empty());
  return pipeline;
}

// A copy of a golden folder to break.
struct Copy {
  TemporaryFolder folder;
  fs::path at = folder / "pipeline";
  Copy() { fs::copy(golden_diffusion("sd15"), at, fs::copy_options::recursive); }
  void refuses(const char* message) const {
    std::vector<std::string> warnings;
    CHECK_THROWS_WITH_AS(nn::load_pipeline(at, warnings), doctest::Contains(message), FileError);
  }
  void set(const std::string& file, const char* key, const json& value) const {
    json document = json::parse(read_bytes(at / file));
    document[key] = value;
    std::ofstream(at / file) << document.dump();
  }
};

}  // namespace

TEST_CASE("pipeline: Diffusers' ten DDIM steps with guidance, and its picture") {
  for (const std::string kind : {"sd15", "sd21"}) {
    CAPTURE(kind);
    nn::DiffusionPipeline pipeline = golden_pipeline(kind);
    const auto answers = golden_answers(kind + ".picture");
    std::vector<Tensor> seen;
    const Tensor latents = nn::denoise(
        pipeline, answers.at("latents"), pipeline.encode_prompts({"a red circle on blue"}),
        pipeline.encode_prompts({"a square"}),
        {.steps = 10, .guidance_scale = 3, .on_step = [&](int64_t, const Tensor& x) {
           seen.push_back(x);
           return true;
         }});
    REQUIRE(seen.size() == 10);
    for (size_t i = 0; i < seen.size(); ++i) {
      CAPTURE(i);
      const Tensor want = select(answers.at("steps"), 0, int64_t(i));
      // Noise that the weights did not learn grows: to 44 in sd15.
      CHECK(largest_difference(seen[i], want) < 1e-5 * max(abs(want)).item());
    }
    CHECK(largest_difference(pipeline.decode_latents(latents), answers.at("image")) < 1e-5);
  }
}

TEST_CASE("pipeline: every scheduler makes a picture, the same one of the same seed") {
  for (const std::string scheduler : {"", "ddpm", "ddim", "dpm++"}) {
    CAPTURE(scheduler);
    nn::DiffusionPipeline pipeline = golden_pipeline("sd15", {.scheduler = scheduler});
    const Tensor prompt = pipeline.encode_prompts({"a"}),
                 latents = nn::initial_latents(pipeline, 1, 16, 16, 3);
    const auto made = [&](uint64_t seed) {
      return nn::denoise(pipeline, latents, prompt, {},
                         {.steps = 3, .guidance_scale = 1, .seed = seed})
          .to_vector();
    };
    CHECK(made(1) == made(1));
    CHECK((made(1) == made(2)) == (scheduler != "ddpm"));  // the only one that draws
  }
}

TEST_CASE(
    "pipeline: a picture's noise is its own, whatever is made beside it; sides are multiples") {
  nn::DiffusionPipeline pipeline = golden_pipeline("sd15");
  CHECK(pipeline.default_side() == 16);
  const Tensor three = nn::initial_latents(pipeline, 3, 8, 12, 5);
  CHECK(three.shape() == Dims{3, 4, 4, 6});
  CHECK(select(three, 0, 2).to_vector() ==
        select(nn::initial_latents(pipeline, 1, 8, 12, 7), 0, 0).to_vector());
  CHECK_THROWS_WITH_AS(nn::initial_latents(pipeline, 1, 8, 13, 5),
                       "a picture's sides are multiples of 2 pixels, got 13: 12 or 14 would do",
                       ArgumentError);
}

TEST_CASE("pipeline: a prompt of more tokens than the text encoder looks at") {
  nn::DiffusionPipeline pipeline = golden_pipeline("sd15");
  std::string prompt;
  for (int i = 0; i < 80; ++i) prompt += "red ";
  CHECK_THROWS_WITH_AS(pipeline.encode_prompts({prompt}),
                       "the prompt \"red red red red red red red red red red ...\" has 82 tokens "
                       "with its begin and end; the text encoder looks at 77: make it shorter by 5",
                       ArgumentError);
}

TEST_CASE("pipeline: written and read again it is the same, with what else the folder held") {
  const Copy copy;
  fs::create_directories(copy.at / "safety_checker");
  std::ofstream(copy.at / "safety_checker/model.safetensors") << "kept as it is";
  std::ofstream(copy.at / "unet/diffusion_pytorch_model.fp16.safetensors") << "of another time";
  std::ofstream(copy.at / "README.md") << "words";
  std::vector<std::string> warnings;
  nn::DiffusionPipeline pipeline = nn::load_pipeline(copy.at, warnings);
  const fs::path to = copy.folder / "written";
  nn::save_pipeline(pipeline, copy.at, to);
  CHECK(read_bytes(to / "safety_checker/model.safetensors") == "kept as it is");
  CHECK(read_bytes(to / "README.md") == "words");
  CHECK(read_bytes(to / "scheduler/scheduler_config.json") ==
        read_bytes(copy.at / "scheduler/scheduler_config.json"));
  CHECK_FALSE(fs::exists(to / "unet/diffusion_pytorch_model.fp16.safetensors"));
  nn::DiffusionPipeline again = nn::load_pipeline(to, warnings);
  CHECK(warnings.empty());
  CHECK(again.encode_prompts({"a red circle"}).to_vector() ==
        pipeline.encode_prompts({"a red circle"}).to_vector());
  const Tensor z = uniform({1, 4, 4, 4}, -1, 1);
  CHECK(again.decode_latents(z).to_vector() == pipeline.decode_latents(z).to_vector());
  CHECK_THROWS_WITH_AS(nn::save_pipeline(pipeline, copy.at, copy.at),
                       doctest::Contains("is the folder that it was read from"), ArgumentError);
}

TEST_CASE("pipeline: a folder that lacks a part, or has another, is refused by name") {
  for (const std::string part : {"unet", "vae", "text_encoder", "tokenizer", "scheduler"}) {
    const Copy copy;
    fs::remove_all(copy.at / part);
    copy.refuses(("lacks the folder " + part + ", which model_index.json names").c_str());
  }
  {
    const Copy copy;
    fs::remove(copy.at / "model_index.json");
    copy.refuses(
        "holds no model_index.json: a folder of Stable Diffusion 1.5 or 2.1 as Diffusers "
        "saves it would do");
  }
  {
    const Copy copy;
    copy.set("model_index.json", "_class_name", "StableDiffusionXLPipeline");
    copy.refuses("this is Stable Diffusion XL (StableDiffusionXLPipeline), which is not supported");
    copy.set("model_index.json", "_class_name", "FluxPipeline");
    copy.refuses("_class_name: expected \"StableDiffusionPipeline\"");
    copy.set("model_index.json", "_class_name", "FlaxStableDiffusionPipeline");
    copy.set("model_index.json", "vae", json{"diffusers", "AutoencoderTiny"});
    copy.refuses("vae: expected a AutoencoderKL");
  }
  {
    const Copy copy;
    copy.set("text_encoder/config.json", "model_type", "t5");
    copy.refuses("model_type: expected \"clip_text_model\"");
  }
  {
    const Copy copy;
    fs::remove(copy.at / "unet/diffusion_pytorch_model.safetensors");
    copy.refuses("unet: holds neither diffusion_pytorch_model.safetensors nor");
  }
  {
    const Copy copy;
    fs::remove_all(copy.at / "text_encoder");
    fs::copy(golden_diffusion("sd21/text_encoder"), copy.at / "text_encoder");
    copy.refuses("the unet's cross_attention_dim 16 is not the text_encoder's hidden_size 24");
  }
}

TEST_CASE("picture_grid: rows of pictures of one size") {
  const nn::Image a{2, 1, 1, {1, 2}}, b{2, 1, 1, {3, 4}}, c{2, 1, 1, {5, 6}};
  CHECK(nn::picture_grid({a, b, c}, 2) == nn::Image{4, 2, 1, {1, 2, 3, 4, 5, 6, 0, 0}});
  CHECK(nn::picture_grid({a}, 5) == a);
  CHECK_THROWS_AS(nn::picture_grid({a, nn::Image{1, 1, 1, {1}}}, 2), ArgumentError);
}

}  // namespace papilio::test
