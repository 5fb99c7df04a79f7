#include "samples/papilio/run/old_result.h"

#include <algorithm>
#include <system_error>

#include "nn/train/checkpoints.h"
#include "samples/papilio/options/settings_file.h"
#include "tensor/error.h"

namespace papilio::cli {

namespace fs = std::filesystem;

namespace {

// "runs/dog" of "runs/dog/unet".
fs::path run_of(const fs::path& folder) {
  std::error_code ignored;
  if (fs::exists(folder / kResultSettings, ignored)) return folder;
  const fs::path named = folder.has_filename() ? folder : folder.parent_path();
  const auto parts = {"unet", "text_encoder", "controlnet"};
  if (std::ranges::find(parts, named.filename()) == parts.end()) return folder;
  return named.has_parent_path() ? named.parent_path() : ".";
}

}  // namespace

void warn_of_old_result(const fs::path& folder, std::vector<std::string>& warnings) {
  std::error_code ignored;
  const fs::path run = run_of(folder);
  // begin_run_folder makes it, and the new result takes it away.
  if (!fs::exists(run / kResultSettings, ignored)) return;
  const bool goes_on = !nn::Checkpoints(run / "checkpoints").empty();
  const std::string warning =
      str(run.string(),
          ": holds the result of an earlier run; the one that began here after it has not ended "
          "with a result",
          goes_on ? " (--resume goes on with it)" : "");
  if (std::ranges::count(warnings, warning) == 0) warnings.push_back(warning);
}

}  // namespace papilio::cli
