#include "samples/papilio/run/shell.h"

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

std::string run_command(const std::string& command, const std::filesystem::path& out) {
  return "papilio " + command + " --config " + shell_quoted((out / "run.toml").string());
}

std::string resume_command(const std::string& command, const std::filesystem::path& out) {
  return run_command(command, out) + " --resume";
}

}  // namespace papilio::cli
