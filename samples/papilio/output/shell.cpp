#include "samples/papilio/output/shell.h"

#include "nn/parallel/mpi.h"
#include "tensor/error.h"

namespace papilio::cli {

std::string shell_quoted(const std::string& word) {
  const bool plain =
      !word.empty() && word.find_first_not_of(
                           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                           "_-+=.,:/@%") == std::string::npos;
  if (plain) return word;
  std::string quoted = "'";
  for (char c : word) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + '\'';
}

namespace {

// What starts as many processes as there are: "mpirun -n 4 "; of one "".
std::string launch_words() {
  const auto launch = nn::find_launch();
  if (!launch || launch->size == 1) return "";
  const bool slurm = launch->launcher.find("srun") != std::string::npos;
  return str(slurm ? "srun" : "mpirun", " -n ", launch->size, ' ');
}

}  // namespace

std::string run_command(const std::string& command, const std::filesystem::path& out) {
  return launch_words() + "papilio " + command + " --config " +
         shell_quoted((out / "run.toml").string());
}

std::string resume_command(const std::string& command, const std::filesystem::path& out) {
  return run_command(command, out) + " --resume";
}

}  // namespace papilio::cli
