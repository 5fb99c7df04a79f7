// Commands to type again.
#pragma once

#include <filesystem>
#include <string>

namespace papilio::cli {

// The word, in quotes if a shell would not take it as it is.
std::string shell_quoted(const std::string& word);

// "papilio train --config runs/base/run.toml": the run whose folder this is, once more. In a run of
// several processes with "mpirun -n N" (or srun) before it; what else the launcher was told, such
// as its hosts, no process knows.
std::string run_command(const std::string& command, const std::filesystem::path& out);
// The same going on from its newest checkpoint.
std::string resume_command(const std::string& command, const std::filesystem::path& out);

}  // namespace papilio::cli
