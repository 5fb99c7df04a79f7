#include "samples/papilio/models/pipeline.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <system_error>

#include "nn/models/light_controlnet.h"
#include "samples/papilio/models/model.h"
#include "samples/papilio/models/part_adapters.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/run/old_result.h"
#include "samples/papilio/run/run_folder.h"
#include "tensor/available_memory.h"
#include "tensor/files/detail/regular_file.h"
#include "tensor/files/safetensors.h"

namespace papilio::cli {

namespace fs = std::filesystem;

namespace {

void put_control(LoadedPipeline& loaded, const fs::path& folder) {
  nn::DiffusionPipeline& pipeline = loaded.pipeline;
  pipeline.control = nn::load_light_controlnet(folder);
  const nn::LightControlNetConfig& control = pipeline.control->config;
  const int64_t channels = pipeline.unet->config.block_out_channels.front(),
                pixels = pipeline.vae->config.pixels_of_latent();
  check<FileError>(control.out_channels == channels, folder.string(), ": gives ",
                   control.out_channels, " channels, the UNet's conv_in has ", channels);
  check<FileError>(control.pixels_of_latent() == pixels && control.conditioning_channels == 3,
                   folder.string(), ": takes pictures of ", control.conditioning_channels,
                   " channels, ", control.pixels_of_latent(),
                   " pixels a latent; the pipeline has 3 and ", pixels);
  warn_of_old_result(folder, loaded.warnings);
}

// Bytes that the weights take in memory, as float32; of a variant, its files alone.
size_t weights_bytes(const fs::path& folder, const std::string& variant) {
  size_t bytes = 0;
  std::error_code error;
  for (const char* part : {"unet", "vae", "text_encoder"}) {
    for (const fs::directory_entry& entry : fs::directory_iterator(folder / part, error)) {
      const std::string name = entry.path().filename().string();
      const bool has_variant = std::ranges::count(name, '.') > 1;
      const bool wanted = variant.empty() ? !has_variant : name.find('.' + variant) != name.npos;
      if (!name.ends_with(".safetensors") || !wanted) continue;
      const SafetensorsReader file(entry.path());
      for (const auto& [key, tensor] : file.entries())
        bytes += size_t(tensor.end - tensor.begin) * 32 / size_t(tensor.type->bits);
    }
  }
  return bytes;
}

// Before anything is read: what is missing is then named with both numbers.
void check_memory(const fs::path& folder, const std::string& variant) {
  const size_t needed = weights_bytes(folder, variant);
  const AvailableMemory there = available_memory(Device::cpu());
  if (needed > there.bytes)
    throw OutOfMemoryError(str(folder.string(), ": its weights take ", bytes_text(needed),
                               " of memory in float32; there are ", bytes_text(there.bytes), " (",
                               there.bound, ')'));
}

}  // namespace

void add_pipeline(Options& options, PipelineFolders& folders) {
  options.add("PIPELINE", &folders.model, "", "folder with model_index.json").required();
  options.add("variant", &folders.variant, "NAME", "of the weights' files: fp16");
}

LoadedPipeline load_pipeline(const PipelineFolders& folders) {
  LoadedPipeline loaded;
  check_not_half_replaced(folders.model);
  if (nn::is_pipeline_folder(folders.model)) check_memory(folders.model, folders.variant);
  loaded.pipeline = nn::load_pipeline(folders.model, loaded.warnings,
                                      {.variant = folders.variant, .scheduler = folders.scheduler});
  warn_of_old_result(folders.model, loaded.warnings);
  nn::DiffusionPipeline& pipeline = loaded.pipeline;
  const fs::path adapter = folders.adapter, control = adapter / "controlnet";
  PartAdapters parts;
  if (!folders.adapter.empty()) {
    check_not_half_replaced(adapter);
    parts = part_adapters(adapter, folders.adapter_step);
  }
  const bool several = !parts.empty();
  fs::path unet = adapter, text = folders.text_encoder_adapter;
  if (several) {
    unet = parts.unet;
    if (text.empty()) text = parts.text_encoder;
  }
  const auto put = [&](nn::Module& part, const fs::path& folder) {
    return folder.empty() ? nullptr
                          : put_adapter(part, folder, folders.ignore_unused, loaded.warnings);
  };
  loaded.unet = put(*pipeline.unet, unet);
  loaded.text_encoder = put(*pipeline.text_encoder, text);
  std::error_code ignored;
  if (!folders.controlnet.empty())
    put_control(loaded, folders.controlnet);
  else if (several && file_exists(control) && !fs::is_empty(control, ignored))
    put_control(loaded, control);
  nn::eval(pipeline);
  return loaded;
}

}  // namespace papilio::cli
