// Runs in several processes, as mpirun starts them.
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
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
#include "tests/samples/papilio/run/two_classes.h"

namespace papilio::test {

namespace {

namespace fs = std::filesystem;

// mpirun with as many ranks of papilio as are asked for, on however few cores.
class Ranks : public Workplace {
 public:
  Ranks() : Workplace(mpirun) {
    set_environment("OMPI_ALLOW_RUN_AS_ROOT", "1");
    set_environment("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    set_environment("OMPI_MCA_rmaps_base_oversubscribe", "1");
    set_environment("OMP_WAIT_POLICY", "passive");
    set_environment("OMP_NUM_THREADS", "1");
    set_environment("PAPILIO_MPI_MODULE", mpi_module);
  }
  static std::vector<std::string> line(int n, const std::string& command) {
    return words("-n " + std::to_string(n) + ' ' + papilio_program + ' ' + command);
  }
  Outcome run_ranks(int n, const std::string& command) const { return run(line(n, command)); }
  nlohmann::json json_of(int n, const std::string& command) const {
    const Outcome outcome = run_ranks(n, command + " --json --quiet");
    REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
    return nlohmann::json::parse(outcome.out);
  }
};

// What papilio itself says, without the launcher's words.
std::vector<std::string> own_lines(const std::string& err) {
  std::vector<std::string> own;
  std::istringstream lines(err);
  for (std::string line; std::getline(lines, line);) {
    for (const char* command : {"train", "finetune", "inspect"})
      if (line.starts_with(std::string("papilio ") + command + ": ")) own.push_back(line);
  }
  return own;
}

// The ids of the ranks that mpirun started, in their order.
std::vector<int> ranks_of(int launcher) {
  std::map<int, int> by_rank;
  for (const auto& entry : fs::directory_iterator("/proc")) {
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
  for (const auto& [rank, id] : by_rank) ids.push_back(id);
  return ids;
}

// Waits until the file is there.
void wait_for(const fs::path& file) {
  for (int i = 0; i < 1200 && !fs::exists(file); ++i) ::usleep(50'000);
  REQUIRE(fs::exists(file));
}

const std::string kModel =
    "--classes 0-2 --hidden-size 16 --layers 1 --heads 2 --patch-size 4 --batch-size 48 "
    "--dropout 0.1 ";
// Long enough to be stopped in the middle.
const std::string kLong =
    "train " + kModel + "--epochs 100000 --checkpoint-steps 5 --quiet --out run";

void check_newest_checkpoint(const Workplace& at, const std::string& folder) {
  int files = 0;
  for (const auto& entry : fs::directory_iterator(at / (folder + "/checkpoints"))) {
    if (entry.path().extension() != ".safetensors") continue;
    ++files;
    CHECK_NOTHROW(load_safetensors(entry.path()));
  }
  CHECK(files > 0);
}

}  // namespace

TEST_CASE("ranks: several train as one does, and the first alone speaks and writes") {
  if (*mpirun == '\0') return;
  const Ranks at;
  const std::string line = "train " + kModel + "--epochs 3 --ema 0.9 --accumulate 2 --out ";
  const Workplace alone;
  const auto one = alone.json(words(line + "one"));
  for (const int n : {1, 2, 3}) {
    const std::string out = "n" + std::to_string(n);
    const auto many = at.json_of(n, line + out);
    CHECK(many["steps"] == one["steps"]);
    CHECK(double(many["train_loss"]) == doctest::Approx(double(one["train_loss"])).epsilon(1e-3));
    CHECK(double(many["validation_accuracy"]) ==
          doctest::Approx(double(one["validation_accuracy"])).epsilon(0.05));
    const auto log = at.bytes(out + "/log.csv"), want = alone.bytes("one/log.csv");
    CHECK(std::ranges::count(log, '\n') == std::ranges::count(want, '\n'));
    CHECK(fs::exists(at / (out + "/report.html")));
  }
  const Outcome shown = at.run_ranks(2, "train " + kModel + "--epochs 1 --out shown");
  CHECK(shown.code == 0);
  CHECK(shown.out.find("2 ranks on 1 host (") != std::string::npos);
  CHECK(shown.out.find("1 thread each, Open MPI") != std::string::npos);
  const size_t first = shown.out.find("images to train");
  CHECK(first != shown.out.npos);
  CHECK(shown.out.find("images to train", first + 1) == shown.out.npos);
}

TEST_CASE("ranks: --reproducible gives the same bits on any number of ranks, and when resumed") {
  if (*mpirun == '\0') return;
  const Ranks at;
  const std::string line =
      "train " + kModel + "--epochs 3 --mixup 0.2 --reproducible 4 --save best --out ";
  const Workplace alone;
  alone.json(words(line + "one"));
  for (const int n : {2, 3, 4}) {
    const std::string out = "n" + std::to_string(n);
    at.json_of(n, line + out);
    CHECK(at.bytes(out + "/model.safetensors") == alone.bytes("one/model.safetensors"));
    const auto without_speed = [](const std::string& log) {
      std::istringstream lines(log);
      std::string kept;
      for (std::string row; std::getline(lines, row);) kept += row.substr(0, row.rfind(',')) + '\n';
      return kept;
    };
    CHECK(without_speed(at.bytes(out + "/log.csv")) == without_speed(alone.bytes("one/log.csv")));
  }
}

TEST_CASE("ranks: SIGTERM to one: all stop after the same step, and another number goes on") {
  if (*mpirun == '\0') return;
  const Ranks at;
  const std::string line =
      "train " + kModel + "--epochs 400 --checkpoint-steps 5 --reproducible 3 --quiet --out ";
  const Outcome stopped = at.run(Ranks::line(3, line + "run"), [&](int launcher) {
    wait_for(at / "run/checkpoints");
    const std::vector<int> ids = ranks_of(launcher);
    REQUIRE(ids.size() == 3);
    ::kill(ids[1], SIGTERM);
  });
  CHECK(stopped.code == 128 + SIGTERM);
  const auto said = own_lines(stopped.err);
  REQUIRE_MESSAGE(said.size() == 1, stopped.err);
  CHECK(said[0].starts_with("papilio train: interrupted after step "));
  const Outcome more = at.run_ranks(2, line + "run --resume");
  CHECK_MESSAGE(more.code == 0, more.err);
  const Outcome whole = at.run_ranks(2, line + "whole");
  CHECK(whole.code == 0);
  CHECK(at.bytes("run/model.safetensors") == at.bytes("whole/model.safetensors"));
}

TEST_CASE("ranks: one that is killed or stopped ends all, and the last checkpoint is whole") {
  if (*mpirun == '\0') return;
  for (const int number : {SIGKILL, SIGSTOP}) {
    const Ranks at;
    const Outcome outcome = at.run(Ranks::line(2, kLong), [&](int launcher) {
      wait_for(at / "run/checkpoints");
      const std::vector<int> ids = ranks_of(launcher);
      REQUIRE(ids.size() == 2);
      ::kill(ids[1], number);
      KilledAfter{30}(launcher);
    });
    CHECK(outcome.code != 0);
    if (number == SIGSTOP) {
      const auto said = own_lines(outcome.err);
      REQUIRE(said.size() == 1);
      CHECK(said[0].starts_with("papilio train: rank 1 of 2 on "));
      CHECK(said[0].ends_with(" does not answer: it was stopped, or its machine is gone"));
    } else {
      CHECK(outcome.err.find("signal 9") != std::string::npos);  // the launcher says which
    }
    check_newest_checkpoint(at, "run");
  }
}

TEST_CASE("ranks: one that fails ends all with its own reason, said once") {
  if (*mpirun == '\0') return;
  const Ranks at;
  // The same pictures on two machines, but broken on one.
  write_pictures(at / "a/photos/train", 12);
  write_pictures(at / "b/photos/train", 12);
  break_pictures(at / "b/photos/train/dark");
  const std::string line = std::string(papilio_program) +
                           " train --data photos --epochs 2 --test-share 0 --out run" + kSmall;
  const Outcome outcome = at.run(words("-n 1 --wdir " + (at / "a").string() + ' ' + line +
                                       " : -n 1 --wdir " + (at / "b").string() + ' ' + line));
  CHECK(outcome.code != 0);
  const auto said = own_lines(outcome.err);
  REQUIRE_MESSAGE(said.size() == 1, outcome.err);
  CHECK(said[0].starts_with("papilio train: rank 1 of 2 on "));
}

TEST_CASE("ranks: other options, data or programs are refused at the start, by name") {
  if (*mpirun == '\0') return;
  const Ranks at;
  const std::string line = std::string(papilio_program) + " train --out run --quiet " + kModel;
  const auto refused = [&](const std::string& one, const std::string& other) {
    const Outcome outcome = at.run(words("-n 1 " + line + one + " : -n 1 " + line + other));
    CHECK(outcome.code != 0);
    const auto said = own_lines(outcome.err);
    REQUIRE_MESSAGE(said.size() == 1, outcome.err);
    CHECK(!fs::exists(at / "run/log.csv"));
    return said[0];
  };
  const std::string options = refused("--lr 0.01", "--lr 0.02");
  CHECK(options.find("rank 1 on ") != std::string::npos);
  CHECK(options.find("has other options than rank 0 on ") != std::string::npos);
  CHECK(options.ends_with("'lr = 0.02', there 'lr = 0.01'"));
  // The same path on two machines, and not the same pictures.
  write_pictures(at / "a/photos/train", 12);
  write_pictures(at / "b/photos/train", 13);
  const std::string photos =
      std::string(papilio_program) + " train --data photos --out run --test-share 0" + kSmall;
  const Outcome data = at.run(words("-n 1 --wdir " + (at / "a").string() + ' ' + photos +
                                    " : -n 1 --wdir " + (at / "b").string() + ' ' + photos));
  CHECK(data.code != 0);
  const auto said = own_lines(data.err);
  REQUIRE_MESSAGE(said.size() == 1, data.err);
  CHECK(said[0].find("rank 1 on ") != std::string::npos);
  CHECK(said[0].find(" has other data than rank 0 on ") != std::string::npos);
}

TEST_CASE("ranks: wrong uses are one line of one rank") {
  if (*mpirun == '\0') return;
  const Ranks at;
  const auto said = [&](int n, const std::string& command, int code) {
    const Outcome outcome = at.run_ranks(n, command);
    CHECK(outcome.code == code);
    const auto lines = own_lines(outcome.err);
    REQUIRE_MESSAGE(lines.size() == 1, outcome.err);
    return lines[0];
  };
  CHECK(said(3, "train --batch-size 2", 2) ==
        "papilio train: --batch-size 2: expected at least 3, one for each rank");
  CHECK(said(3, "train --reproducible 2", 2) ==
        "papilio train: --reproducible 2: expected at most as many ranks, got 3");
  CHECK(said(2, "train --epochs 0", 2).starts_with("papilio train: --epochs: "));
  CHECK(said(2, "inspect run", 2) ==
        "papilio inspect: runs in one process, and Open MPI's mpirun started 2: several can train "
        "and finetune");
  CHECK(said(2, "train --fit-memory", 2).starts_with("papilio train: --fit-memory: "));
  CHECK(said(2, "finetune nowhere --out run", 1).starts_with("papilio finetune: nowhere"));
}

TEST_CASE("ranks: without MPI, or with another one, a launcher's processes say so in one line") {
  Workplace at;
  at.set_environment("OMPI_COMM_WORLD_RANK", "0");
  at.set_environment("OMPI_COMM_WORLD_SIZE", "2");
  at.set_environment("PAPILIO_MPI_MODULE", "/nowhere/libpapilio_mpi.so");
  const Outcome outcome = at.run(words("train --epochs 1 --out run"));
  CHECK(outcome.code == 1);
  CHECK(outcome.out == "");
  const bool built = *mpi_module != '\0';
  CHECK(outcome.err.starts_with(built ? "papilio train: MPI cannot be loaded: "
                                      : "papilio train: this build of Papilio has no MPI: "));
  CHECK(std::ranges::count(outcome.err, '\n') == 1);
  if (!built || *mpirun == '\0') return;
  // As under MPICH's mpiexec, while Papilio is built with Open MPI: each is alone.
  at.set_environment("PAPILIO_MPI_MODULE", mpi_module);
  at.set_environment("OMPI_COMM_WORLD_SIZE", "");
  at.set_environment("PMI_RANK", "0");
  at.set_environment("PMI_SIZE", "2");
  const Outcome other = at.run(words("train --epochs 1 --out run"));
  CHECK(other.code == 1);
  CHECK(other.err.find("papilio train: started by MPICH's mpiexec as one of 2 ranks, but the MPI "
                       "that Papilio is built with (Open MPI") != std::string::npos);
}

}  // namespace papilio::test
