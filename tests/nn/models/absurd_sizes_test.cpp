// Configurations of sizes that the weights do not have are refused before memory is taken.
#include <doctest/doctest.h>
#include <malloc.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "nn/models/autoencoder_kl.h"
#include "nn/models/clip_text.h"
#include "nn/models/pretrained.h"
#include "nn/models/unet_2d_condition.h"
#include "tests/paths.h"
#include "tests/peak_memory.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr int64_t kHuge = 100'000'000;

void load(const fs::path& folder) {
  const json config = json::parse(read_bytes(folder / "config.json"));
  const std::string kind = config.value("_class_name", "");
  std::vector<std::string> warnings;
  if (kind == "UNet2DConditionModel")
    nn::load_unet(folder, warnings);
  else if (kind == "AutoencoderKL")
    nn::load_vae(folder, warnings);
  else if (config.value("model_type", "") == "clip_text_model")
    nn::load_clip_text(folder, warnings);
  else if (nn::kind_of(folder / "config.json") == nn::ModelKind::language_model)
    nn::language_model_from_pretrained(folder);
  else
    nn::from_pretrained(folder);
}

// The golden folder with these fields in its config.json.
void check_refused(const std::string& name, const json& fields) {
  CAPTURE(name);
  CAPTURE(fields.dump());
  const TemporaryFolder folder;
  fs::copy(fs::path(source_root) / "tests/golden" / name, folder.path(),
           fs::copy_options::recursive);
  CHECK_NOTHROW(load(folder.path()));
  json config = json::parse(read_bytes(folder / "config.json"));
  config.merge_patch(fields);
  write_bytes(folder / "config.json", config.dump());
  const PeakMemory memory;
  std::string says;
  try {
    load(folder.path());
  } catch (const FileError& e) {
    says = e.what();
  }
  CHECK_MESSAGE(says.find(folder.path().string()) != std::string::npos, says);
  CHECK(memory.grown() < 100);
}

}  // namespace

TEST_CASE("configurations of absurd sizes are refused by name before memory is taken") {
  ::mallopt(M_PERTURB, 0);  // meson test has malloc write into all that it gives
  const json fine_patches = {{"image_size", 4096}, {"patch_size", 1}};  // a GiB of positions
  for (const char* name : {"transformers/vit", "models/deit", "models/dinov2_remainder",
                           "transformers/dinov2_with_registers"})
    check_refused(name, fine_patches);
  for (const char* name : {"transformers/vit", "models/deit", "models/dinov3"}) {
    for (const char* key : {"intermediate_size", "hidden_size", "num_channels", "num_labels"})
      check_refused(name, {{key, kHuge}});
  }
  for (const char* name : {"models/dinov2_remainder", "transformers/dinov2_swiglu"})
    check_refused(name, {{"hidden_size", 16'000}, {"mlp_ratio", 1000}});
  check_refused("transformers/dinov2_with_registers", {{"num_register_tokens", kHuge}});
  // Without names for the classes, too.
  check_refused("transformers/vit",
                {{"id2label", nullptr}, {"label2id", nullptr}, {"num_labels", kHuge}});
  for (const json& args : std::vector<json>{{{"img_size", 4096}, {"patch_size", 1}},
                                            {{"in_chans", kHuge}},
                                            {{"embed_dim", kHuge}},
                                            {{"embed_dim", 160'000}, {"mlp_ratio", 1000}},
                                            {{"num_classes", kHuge}}})
    check_refused("models/timm", {{"model_args", args}});
  for (const char* key : {"vocab_size", "n_positions", "n_embd", "n_inner"})
    check_refused("gpt2/gpt2", {{key, kHuge}});
  for (const char* key :
       {"vocab_size", "hidden_size", "intermediate_size", "max_position_embeddings"})
    check_refused("diffusion/sd15/text_encoder", {{key, kHuge}});
  for (const char* key : {"in_channels", "out_channels", "layers_per_block", "cross_attention_dim",
                          "transformer_layers_per_block"})
    check_refused("diffusion/sd15/unet", {{key, kHuge}});
  for (const char* key : {"in_channels", "out_channels", "layers_per_block", "latent_channels"})
    check_refused("diffusion/sd15/vae", {{key, kHuge}});
}

}  // namespace papilio::test
