#include "samples/papilio/inspect/inspect_pipeline.h"

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "nn/diffusion/pipeline.h"
#include "nn/models/clip_text.h"
#include "samples/papilio/inspect/inspect_adapter.h"
#include "samples/papilio/models/part_adapters.h"
#include "samples/papilio/models/pipeline.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/output/table.h"
#include "tensor/text.h"

namespace papilio::cli {

namespace fs = std::filesystem;
using nlohmann::json;

Inspection inspect_pipeline(const fs::path& folder) {
  const LoadedPipeline loaded = load_pipeline({.model = folder});
  const nn::DiffusionPipeline& pipeline = loaded.pipeline;
  const nn::CLIPTextConfig& text = pipeline.text_encoder->config;
  const int64_t side = pipeline.default_side();
  std::vector<std::vector<std::string>> rows{{"part", "kind", "sizes", "parameters"}};
  json parts = json::array();
  const auto add = [&](const char* name, nn::Module& part, const char* kind, std::string sizes) {
    const int64_t count = nn::count_parameters(part).all;
    rows.push_back({name, kind, std::move(sizes), with_commas(count)});
    parts.push_back({{"part", name}, {"type", kind}, {"parameters", count}});
  };
  add("unet", *pipeline.unet, "UNet2DConditionModel",
      "widths " + joined(pipeline.unet->config.block_out_channels, ", "));
  add("vae", *pipeline.vae, "AutoencoderKL",
      str(pipeline.vae->config.latent_channels, " channels, a latent for ",
          pipeline.vae->config.pixels_of_latent(), " pixels a side"));
  add("text_encoder", *pipeline.text_encoder, "CLIPTextModel",
      str(text.num_hidden_layers, " layers, width ", text.hidden_size));
  std::string lines = str(printable(folder.string()), ": Stable Diffusion for pictures of ", side,
                          'x', side, " pixels; prompts of ", text.max_position_embeddings, " of ",
                          with_commas(pipeline.tokenizer->size()), " tokens, ",
                          pipeline.scheduler->class_name(), '\n');
  for (const std::string& warning : loaded.warnings) lines += "note: " + printable(warning) + '\n';
  return {lines + '\n' + table(rows, 3),
          std::make_shared<json>(json{{"kind", "pipeline"},
                                      {"path", folder.string()},
                                      {"side", side},
                                      {"parts", parts},
                                      {"tokens", pipeline.tokenizer->size()},
                                      {"scheduler", pipeline.scheduler->class_name()},
                                      {"notes", loaded.warnings}})};
}

Inspection inspect_pipeline_adapters(const fs::path& folder) {
  Inspection all;
  all.text = printable(folder.string()) + ": adapters of a Stable Diffusion folder\n";
  json parts = json::object();
  const PartAdapters found = part_adapters(folder);
  for (const auto& [part, adapter] :
       {std::pair("unet", found.unet), std::pair("text_encoder", found.text_encoder)}) {
    if (adapter.empty()) continue;
    const Inspection one = inspect_adapter(adapter);
    all.text += '\n' + one.text;
    parts[part] = *one.json;
  }
  all.json = std::make_shared<json>(
      json{{"kind", "pipeline_adapters"}, {"path", folder.string()}, {"parts", parts}});
  return all;
}

}  // namespace papilio::cli
