// The papilio program in several processes, as mpirun starts them.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "tensor/files/safetensors.h"
#include "tests/nn/parallel/launcher.h"
#include "tests/paths.h"
#include "tests/samples/papilio/program.h"

namespace papilio::test {

// mpirun with as many ranks of papilio as are asked for, on however few cores.
class Ranks : public Workplace {
 public:
  Ranks() : Workplace(mpirun) {
    set_environment("OMPI_ALLOW_RUN_AS_ROOT", "1");
    set_environment("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    set_environment("OMPI_MCA_rmaps_base_oversubscribe", "1");
    set_environment("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe");  // Open MPI 5
    set_environment("OMP_WAIT_POLICY", "passive");
    set_environment("OMP_NUM_THREADS", "1");
    set_environment("PAPILIO_MPI_MODULE", mpi_module);
    set_environment("MALLOC_PERTURB_", "0");  // the launcher's own faults are not looked for
  }
  // Open MPI's own processes sometimes crash in an end by MPI_Abort (open-mpi/ompi#13650): then the
  // code is the one that was said before.
  template <class F>
  Outcome run(const std::vector<std::string>& words, F meanwhile) const {
    Outcome outcome = Workplace::run(words, meanwhile);
    const std::string before = "with errorcode ";
    const size_t at = outcome.err.find(before);
    if (outcome.code == 128 + SIGSEGV && at != std::string::npos)
      outcome.code = std::stoi(outcome.err.substr(at + before.size()));
    return outcome;
  }
  Outcome run(const std::vector<std::string>& words) const {
    return run(words, [](int) {});
  }
  static std::vector<std::string> line(int n, const std::string& command) {
    return words("-n " + std::to_string(n) + ' ' + papilio_program + ' ' + command);
  }
  Outcome run_ranks(int n, const std::string& command) const { return run(line(n, command)); }
  // Open MPI 5's launcher kills the ranks a moment after Ctrl-C or SIGTERM, and drops what they
  // say.
  bool kills_at_once() const {
    return Workplace::run({"--version"}).out.find("(Open MPI) 5.") != std::string::npos;
  }
  // A command of the shell's for each rank. Not mpirun's own way, at which that of Open MPI
  // 5.0 crashes in some systems (open-mpi/ompi#13303).
  template <class F>
  Outcome run_each(const std::vector<std::string>& commands, F meanwhile) const {
    std::string script = "case $OMPI_COMM_WORLD_RANK in\n";
    for (size_t rank = 0; rank < commands.size(); ++rank)
      script += std::to_string(rank) + ") " + commands[rank] + " ;;\n";
    write_bytes(*this / "each.sh", script + "esac\n");
    return run(
        words("-n " + std::to_string(commands.size()) + " sh " + (*this / "each.sh").string()),
        meanwhile);
  }
  Outcome run_each(const std::vector<std::string>& commands) const {
    return run_each(commands, [](int) {});
  }
  // The same, one in each of these folders.
  Outcome run_in(const std::vector<std::string>& folders, const std::string& command) const {
    std::vector<std::string> commands;
    commands.reserve(folders.size());
    for (const std::string& folder : folders)
      commands.push_back("cd " + (*this / folder).string() + " && exec " + command);
    return run_each(commands);
  }
  nlohmann::json json_of(int n, const std::string& command) const {
    const Outcome outcome = run_ranks(n, command + " --json --quiet");
    REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
    return nlohmann::json::parse(outcome.out);
  }
};

// What papilio itself says, without the launcher's words.
inline std::vector<std::string> own_lines(const std::string& err) {
  std::vector<std::string> own;
  std::istringstream lines(err);
  for (std::string line; std::getline(lines, line);) {
    for (const char* command : {"train", "finetune", "inspect", "dreambooth", "controlnet",
                                "generate", "evaluate", "demo"})
      if (line.starts_with(std::string("papilio ") + command + ": ")) own.push_back(line);
  }
  return own;
}

// The ids of the ranks that mpirun started, in their order.
inline std::vector<int> ranks_of(int launcher) {
  std::map<int, int> by_rank;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream stat(entry.path() / "stat");
    std::string text((std::istreambuf_iterator<char>(stat)), {});
    std::istringstream rest(text.substr(std::min(text.size(), text.rfind(')') + 1)));
    std::string state;
    int parent = 0;
    rest >> state >> parent;
    if (parent != launcher) continue;
    std::ifstream environment(entry.path() / "environ");
    const std::string variables((std::istreambuf_iterator<char>(environment)), {});
    const std::string key = "OMPI_COMM_WORLD_RANK=";
    const size_t at = variables.find(key);
    if (at != variables.npos)
      by_rank[std::stoi(variables.substr(at + key.size()))] = std::stoi(name);
  }
  std::vector<int> ids;
  ids.reserve(by_rank.size());
  for (const auto& [rank, id] : by_rank) ids.push_back(id);
  return ids;
}

// Waits until the file is there.
inline void wait_for(const std::filesystem::path& file) {
  for (int i = 0; i < 1200 && !std::filesystem::exists(file); ++i) ::usleep(50'000);
  REQUIRE(std::filesystem::exists(file));
}

inline const std::string kModel =
    "--classes 0-2 --hidden-size 16 --layers 1 --heads 2 --patch-size 4 --batch-size 48 "
    "--dropout 0.1 ";
// Long enough to be stopped in the middle.
inline const std::string kLong =
    "train " + kModel + "--epochs 100000 --checkpoint-steps 5 --quiet --out run";

inline void check_newest_checkpoint(const Workplace& at, const std::string& folder) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(at / (folder + "/checkpoints"))) {
    if (entry.path().extension() != ".safetensors") continue;
    ++files;
    CHECK_NOTHROW(load_safetensors(entry.path()));
  }
  CHECK(files > 0);
}

}  // namespace papilio::test
