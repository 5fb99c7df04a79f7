#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "nn/diffusion/pipeline.h"
#include "nn/models/clip_text.h"
#include "nn/models/pretrained.h"
#include "nn/models/pretrained_model.h"
#include "nn/models/unet_2d_condition.h"
#include "nn/text/tokenizer.h"
#include "nn/text/tokenizer_files.h"
#include "tensor/error.h"
#include "tensor/files/atomic_file.h"
#include "tensor/files/detail/json.h"
#include "tensor/files/detail/regular_file.h"

namespace papilio::nn {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr const char *kIndex = "model_index.json", *kScheduler = "scheduler/scheduler_config.json";
constexpr const char* kUse =
    "a folder of Stable Diffusion 1.5 or 2.1 as Diffusers saves it would do";

// A part of a pipeline: its folder, and the library and the class that the index says it is of.
struct Part {
  const char *name, *library;
  std::string_view class_name;                              // "": the scheduler's, which varies
  PretrainedModel* (*model)(DiffusionPipeline&) = nullptr;  // null: it has no weights
};
using Pipeline = DiffusionPipeline;
constexpr Part kParts[] = {
    {"unet", "diffusers", "UNet2DConditionModel",
     [](Pipeline& p) -> PretrainedModel* { return p.unet.get(); }},
    {"vae", "diffusers", "AutoencoderKL",
     [](Pipeline& p) -> PretrainedModel* { return p.vae.get(); }},
    {"text_encoder", "transformers", "CLIPTextModel",
     [](Pipeline& p) -> PretrainedModel* { return p.text_encoder.get(); }},
    {"tokenizer", "transformers", "CLIPTokenizer"},
    {"scheduler", "diffusers", ""},
};

// "FlaxAutoencoderKL" is read as "AutoencoderKL", "CLIPTokenizerFast" as "CLIPTokenizer".
std::string plain(std::string name) {
  if (name.starts_with("Flax")) name.erase(0, 4);
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  return name;
}

void check_index(const fs::path& folder) {
  std::error_code ignored;
  const fs::path path = folder / kIndex;
  check<FileError>(file_exists(path), folder.string(), ": holds no ", kIndex, ": ", kUse);
  const json document = read_json(path);
  JsonFields fields(document, path.string());
  const std::string name = plain(fields.string("_class_name", ""));
  check<FileError>(name.find("StableDiffusionXL") == name.npos, path.string(),
                   ": this is Stable Diffusion XL (", name, "), which is not supported: ", kUse);
  if (name != "StableDiffusionPipeline")
    fields.fail("_class_name", str("\"StableDiffusionPipeline\" (", kUse, ")").c_str());
  for (const auto& [part, library, wanted, model] : kParts) {
    const json& entry = fields.value(part);
    const bool named = entry.is_array() && entry.size() == 2 && entry[1].is_string();
    check<FileError>(named, path.string(), ": names no ", part, ": ", kUse);
    if (!wanted.empty() && plain(entry[1].get<std::string>()) != wanted)
      fields.fail(part, str("a ", wanted).c_str());
    check<FileError>(fs::is_directory(folder / part, ignored), folder.string(),
                     ": lacks the folder ", part, ", which ", kIndex, " names");
  }
}

// What save_pipeline writes anew of a part.
bool is_weights(const std::string& file) {
  return file.find(".safetensors") != file.npos || file.ends_with(".bin") ||
         file.ends_with(".msgpack") || file == "config.json";
}

void copy_rest(const fs::path& from, const fs::path& to) {
  std::set<std::string> written;
  for (const Part& part : kParts)
    if (part.model != nullptr) written.insert(part.name);
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(from)) {
    const fs::path inside = fs::relative(entry.path(), from);
    const bool replaced =
        written.contains(inside.begin()->string()) && is_weights(inside.filename().string());
    if (entry.is_directory())
      fs::create_directories(to / inside);
    else if (!replaced && entry.is_regular_file())
      fs::copy_file(entry.path(), to / inside, fs::copy_options::overwrite_existing);
  }
}

void save_models(DiffusionPipeline& pipeline, const fs::path& to) {
  for (const Part& part : kParts)
    if (part.model != nullptr) save_pretrained(*part.model(pipeline), to / part.name);
}

}  // namespace

bool is_pipeline_folder(const fs::path& folder) {
  return file_exists(folder / kIndex);
}

DiffusionPipeline load_pipeline(const fs::path& folder, std::vector<std::string>& warnings,
                                const PipelineOptions& options) {
  check_index(folder);
  DiffusionPipeline pipeline;
  pipeline.scheduler = load_scheduler(folder / kScheduler, options.scheduler);
  pipeline.tokenizer = std::make_unique<Tokenizer>(load_tokenizer(folder / "tokenizer"));
  pipeline.text_encoder = load_clip_text(folder / "text_encoder", warnings, options.variant);
  pipeline.unet = load_unet(folder / "unet", warnings, options.variant);
  pipeline.vae = load_vae(folder / "vae", warnings, options.variant);
  const UNet2DConditionConfig& unet = pipeline.unet->config;
  const CLIPTextConfig& text = pipeline.text_encoder->config;
  for (const int64_t width : unet.cross_attention_dim)
    check<FileError>(width == text.hidden_size, folder.string(),
                     ": the unet's cross_attention_dim ", width,
                     " is not the text_encoder's hidden_size ", text.hidden_size);
  const int64_t latents = pipeline.vae->config.latent_channels;
  check<FileError>(unet.in_channels == latents && unet.out_channels == latents, folder.string(),
                   ": the unet's in_channels ", unet.in_channels, " and out_channels ",
                   unet.out_channels, " are not the vae's latent_channels ", latents,
                   " (inpainting and other uses are not supported)");
  check<FileError>(pipeline.tokenizer->size() <= text.vocab_size, folder.string(),
                   ": the tokenizer's ", pipeline.tokenizer->size(),
                   " tokens are more than the text_encoder's vocab_size ", text.vocab_size);
  return pipeline;
}

void save_pipeline(DiffusionPipeline& pipeline, const fs::path& from, const fs::path& to) {
  std::error_code error;
  check(!fs::equivalent(from, to, error), "save_pipeline: ", to.string(),
        " is the folder that it was read from");
  try {
    fs::create_directories(to);
    copy_rest(from, to);
  } catch (const fs::filesystem_error& e) {
    throw FileError(str("save_pipeline: ", e.what()));
  }
  save_models(pipeline, to);
}

void save_pipeline(DiffusionPipeline& pipeline, const fs::path& to) {
  const json none{nullptr, nullptr};
  json index{{"_class_name", "StableDiffusionPipeline"},
             {"feature_extractor", none},
             {"requires_safety_checker", false},
             {"safety_checker", none}};
  for (const auto& [part, library, name, model] : kParts)
    index[part] = {library, name.empty() ? pipeline.scheduler->class_name() : std::string(name)};
  try {
    fs::create_directories(to / "tokenizer");
    fs::create_directories(to / "scheduler");
  } catch (const fs::filesystem_error& e) {
    throw FileError(str("save_pipeline: ", e.what()));
  }
  save_tokenizer(*pipeline.tokenizer, to / "tokenizer",
                 pipeline.text_encoder->config.max_position_embeddings);
  save_scheduler(*pipeline.scheduler, to / kScheduler);
  save_models(pipeline, to);
  write_file_atomically(to / kIndex, index.dump(2) + '\n');
}

}  // namespace papilio::nn
