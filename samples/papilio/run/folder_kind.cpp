#include "samples/papilio/run/folder_kind.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "nn/diffusion/pipeline.h"
#include "nn/train/checkpoints.h"
#include "samples/papilio/run/run_folder.h"
#include "tensor/error.h"
#include "tensor/files/detail/regular_file.h"

namespace papilio::cli {

namespace fs = std::filesystem;

bool is_model_folder(const fs::path& folder) {
  return file_exists(folder / "config.json") || file_exists(folder / "model.safetensors");
}

bool is_adapter_folder(const fs::path& folder) {
  return file_exists(folder / "adapter_config.json") ||
         file_exists(folder / "adapter_model.safetensors");
}

bool is_pipeline_adapter_folder(const fs::path& folder) {
  return !part_adapter(folder, "unet").empty() || !part_adapter(folder, "text_encoder").empty();
}

fs::path part_adapter(const fs::path& folder, const char* part) {
  const fs::path adapter = folder / part;
  return file_exists(adapter) && is_adapter_folder(adapter) ? adapter : fs::path();
}

void check_folder(const fs::path& folder) {
  std::error_code ignored;
  check<FileError>(file_exists(folder), folder.string(), ": there is no such folder");
  check<FileError>(fs::is_directory(folder, ignored), folder.string(), ": is not a folder");
  const int error = ::access(folder.c_str(), R_OK | X_OK) == 0 ? 0 : errno;
  check<FileError>(error == 0, folder.string(),
                   ": cannot be read: ", std::generic_category().message(error));
  check_not_half_replaced(folder);
  const bool classifier_or_text = is_model_folder(folder) || is_adapter_folder(folder);
  check<FileError>(classifier_or_text || !nn::is_pipeline_folder(folder), folder.string(),
                   ": is a Stable Diffusion folder; generate, dreambooth and controlnet take it, "
                   "and inspect shows it");
  check<FileError>(classifier_or_text || !is_pipeline_adapter_folder(folder), folder.string(),
                   ": holds adapters of a Stable Diffusion folder's parts; generate PIPELINE "
                   "--adapter takes it, and inspect shows it");
  check<FileError>(classifier_or_text || nn::Checkpoints(folder / "checkpoints").empty(),
                   folder.string(),
                   ": holds the checkpoints of a run that has not ended, and no result yet; "
                   "--resume goes on with it");
}

void check_model_folder(const fs::path& folder) {
  check_folder(folder);
  check<FileError>(is_model_folder(folder) || !is_adapter_folder(folder), folder.string(),
                   ": holds an adapter, not a model; it goes on top of the model it was made for");
  check<FileError>(is_model_folder(folder), folder.string(),
                   ": holds no model (config.json and model.safetensors)");
}

}  // namespace papilio::cli
