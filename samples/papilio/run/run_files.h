// Which files in a folder are a run's: its result, and what else it leaves.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace papilio::cli {

using Paths = std::vector<std::filesystem::path>;

// The figures of a run beside its result.
inline constexpr const char* kResults = "results.json";

// Pictures that a run of a diffusion model makes on its way: validation/step-00000100-0.png.
inline constexpr const char* kValidationFolder = "validation";
// Those of a step together, in their order.
Paths validation_pictures(const std::filesystem::path& out);
// Adapters of steps on the way, where PEFT's guides look for them: of unet/200/NAME/ the files.
Paths step_adapters(const std::filesystem::path& out);
// Adapters that PEFT's guide to ControlNet left, in unet/NAME/; where a result lies they are its.
Paths named_adapters(const std::filesystem::path& out);

// A result's files that are there, its configurations first; what else a run leaves; both.
Paths result_files(const std::filesystem::path& out);
Paths run_files(const std::filesystem::path& out);
Paths all_files(const std::filesystem::path& out);

// The files in a folder and those below it. Throws FileError.
Paths files_in(const std::filesystem::path& folder);

// What the files beside each other in the folder are called, whether they are there or not.
std::vector<std::string> file_names();

// The files of a run that there are, and the folders that hold some: "config.json, unet/, ...".
std::string written_in(const std::filesystem::path& out);

}  // namespace papilio::cli
