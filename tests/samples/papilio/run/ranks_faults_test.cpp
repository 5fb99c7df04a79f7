// What ends runs of several processes: faults, and wrong uses.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "tensor/text.h"
#include "tests/samples/papilio/run/several_ranks.h"
#include "tests/samples/papilio/run/two_classes.h"

namespace papilio::test {

namespace fs = std::filesystem;

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
    CHECK_MESSAGE(outcome.code != 0, outcome.err);
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

TEST_CASE("ranks: one that hangs while its process answers ends all after --rank-timeout") {
  if (*mpirun == '\0' || *faults_library == '\0') return;
  // In a step, and in its share of the validation, for which it is given more time.
  for (const std::string part : {"train", "validation"}) {
    CAPTURE(part);
    const Ranks at;
    write_pictures(at / "photos/train", 12);
    write_pictures(at / "photos/validation", 12);
    const std::string line = std::string(papilio_program) +
                             " train --data photos --test-share 0 --epochs 100000 "
                             "--checkpoint-steps 2 --rank-timeout 3 --out run" +
                             kSmall;
    // A picture that is not read to its end, some epochs later: rank 1 reads at most 16 in one.
    const std::string hangs = str("exec env LD_PRELOAD=", faults_library,
                                  " PAPILIO_FAULT_CALLS=pread PAPILIO_FAULT_ERROR=-1 "
                                  "PAPILIO_FAULT_FROM=100 PAPILIO_FAULT_PATH=photos/",
                                  part, "/ ");
    const Outcome outcome = at.run_each({"exec " + line, hangs + line}, KilledAfter{60});
    CHECK_MESSAGE(outcome.code == 1, outcome.err);
    const auto said = own_lines(outcome.err);
    REQUIRE_MESSAGE(said.size() == 1, outcome.err);
    CHECK(said[0].starts_with("papilio train: rank 1 of 2 on "));
    CHECK(said[0].ends_with(" has not come in 3 seconds: it hangs"));
    check_newest_checkpoint(at, "run");
  }
}

TEST_CASE("ranks: one that fails ends all with its own reason, said once") {
  if (*mpirun == '\0') return;
  const Ranks at;
  // The same pictures on two machines, but broken on one.
  write_pictures(at / "a/photos/train", 12);
  write_pictures(at / "b/photos/train", 12);
  for (const auto& picture : fs::directory_iterator(at / "b/photos/train/dark"))
    write_bytes(picture.path(), std::string(picture.file_size(), 'x'));  // sizes are compared
  const std::string line = std::string(papilio_program) +
                           " train --data photos --epochs 2 --test-share 0 --out run" + kSmall;
  const Outcome outcome = at.run_in({"a", "b"}, line);
  CHECK_MESSAGE(outcome.code != 0, outcome.err);
  const auto said = own_lines(outcome.err);
  REQUIRE_MESSAGE(said.size() == 1, outcome.err);
  CHECK(said[0].starts_with("papilio train: rank 1 of 2 on "));
}

TEST_CASE("ranks: one that fails behind the common end says so, and does not wait for the others") {
  if (*mpirun == '\0') return;
  const Ranks at;
  std::vector<std::string> line = words("-n 2 sh -c");
  line.push_back("exec " + std::string(papilio_program) + " train --epochs 1 --out run " + kModel +
                 " > /dev/full");
  const Outcome outcome = at.run(line, KilledAfter{60});
  CHECK_MESSAGE(outcome.code == 1, outcome.err);
  const auto said = own_lines(outcome.err);
  REQUIRE_MESSAGE(said.size() == 1, outcome.err);
  CHECK(said[0] == "papilio train: standard output cannot be written");
  CHECK(fs::exists(at / "run/results.json"));
}

TEST_CASE("ranks: other options, data or programs are refused at the start, by name") {
  if (*mpirun == '\0') return;
  const Ranks at;
  const std::string line = std::string(papilio_program) + " train --out run --quiet " + kModel;
  const auto refused = [&](const std::string& one, const std::string& other) {
    const Outcome outcome =
        at.run_each({"exec " + line + one, "exec " + line + other, "exec " + line + one});
    CHECK_MESSAGE(outcome.code != 0, outcome.err);
    const auto said = own_lines(outcome.err);
    REQUIRE_MESSAGE(said.size() == 1, outcome.err);
    CHECK(!fs::exists(at / "run/log.csv"));
    return said[0];
  };
  const std::string options = refused("--lr 0.01", "--lr 0.02");
  CHECK(options.starts_with("papilio train: rank 1 on "));
  CHECK(options.find("has other options than rank 0 on ") != std::string::npos);
  CHECK(options.ends_with("'lr = 0.02', there 'lr = 0.01'"));
  // The same command of another program.
  if (*emulated_program != '\0') {
    const Outcome program =
        at.run_each({"exec " + line, "exec " + (emulated_program +
                                                line.substr(std::string(papilio_program).size()))});
    CHECK_MESSAGE(program.code != 0, program.err);
    const auto other = own_lines(program.err);
    REQUIRE_MESSAGE(other.size() == 1, program.err);
    CHECK(other[0].find(" has other program than rank 0 on ") != std::string::npos);
  }
  // The same path on two machines, and not the same pictures.
  write_pictures(at / "a/photos/train", 12);
  write_pictures(at / "b/photos/train", 13);
  const std::string photos =
      std::string(papilio_program) + " train --data photos --out run --test-share 0" + kSmall;
  const Outcome data = at.run_in({"a", "b"}, photos);
  CHECK_MESSAGE(data.code != 0, data.err);
  const auto said = own_lines(data.err);
  REQUIRE_MESSAGE(said.size() == 1, data.err);
  CHECK(said[0].find("rank 1 on ") != std::string::npos);
  CHECK(said[0].find(" has other data than rank 0 on ") != std::string::npos);
}

TEST_CASE("ranks: another model at one rank is refused, by the first parameter that differs") {
  if (*mpirun == '\0') return;
  const Ranks at;
  for (const std::string folder : {"a", "b"})
    at.json_of(1, "train " + kTinyModel + "--classes 0-1 --seed " + (folder == "a" ? "1" : "2") +
                      " --out " + folder + "/base");
  const std::string line = std::string(papilio_program) +
                           " finetune base --classes 2-3 --method lora -r 2 --epochs 1 --quiet "
                           "--out run";
  const Outcome outcome = at.run_in({"a", "b"}, line);
  CHECK_MESSAGE(outcome.code != 0, outcome.err);
  const auto said = own_lines(outcome.err);
  REQUIRE_MESSAGE(said.size() == 1, outcome.err);
  CHECK(said[0].starts_with("papilio finetune: rank 1 on "));
  CHECK(said[0].find(" has other parameters than rank 0 on ") != std::string::npos);
  CHECK(said[0].find("vit.embeddings") != std::string::npos);
  CHECK(!fs::exists(at / "a/run/log.csv"));
}

TEST_CASE("ranks: a model that computes otherwise at one rank is refused, by the field") {
  if (*mpirun == '\0') return;
  const Ranks at;
  write_pictures(at / "photos/train", 12);
  at.json_of(1, "train --data photos --test-share 0 --epochs 1 --out one/base" + kSmall);
  const std::string line = std::string(papilio_program) +
                           " finetune base --data ../photos --test-share 0 --method lora -r 2 "
                           "--epochs 1 --quiet --out run";
  const auto refused = [&](const std::string& file, const std::string& from,
                           const std::string& to) {
    fs::remove_all(at / "other");
    fs::copy(at / "one", at / "other", fs::copy_options::recursive);
    std::string text = at.bytes("one/base/" + file);
    const size_t place = text.find(from);
    REQUIRE(place != text.npos);
    write_bytes(at / ("other/base/" + file), text.replace(place, from.size(), to));
    const Outcome outcome = at.run_in({"one", "other"}, line);
    CHECK_MESSAGE(outcome.code != 0, outcome.err);
    const auto said = own_lines(outcome.err);
    REQUIRE_MESSAGE(said.size() == 1, outcome.err);
    CHECK(said[0].find(" has other model than rank 0 on ") != std::string::npos);
    CHECK(!fs::exists(at / "one/run/log.csv"));
    return said[0];
  };
  CHECK(refused("config.json", "\"gelu\"", "\"relu\"")
            .ends_with("'model.hidden_act = \"relu\"', there 'model.hidden_act = \"gelu\"'"));
  CHECK(refused("config.json", "\"layer_norm_eps\": 1e-12", "\"layer_norm_eps\": 1e-3")
            .ends_with("'model.layer_norm_eps = 0.001', there 'model.layer_norm_eps = 1e-12'"));
  CHECK(refused("preprocessor_config.json", "\"do_rescale\": true", "\"do_rescale\": false")
            .ends_with("'processor.do_rescale = false', there 'processor.do_rescale = true'"));
}

TEST_CASE("ranks: pictures of other sizes under the same names are other data") {
  if (*mpirun == '\0') return;
  const Ranks at;
  for (const std::string folder : {"a", "b"}) write_pictures(at / (folder + "/photos/train"), 12);
  write_bytes(at / "b/photos/train/dark/3.png", plain_png(64, 64, 9, 9, 9));
  const std::string line = std::string(papilio_program) +
                           " train --data photos --epochs 1 --test-share 0 --out run" + kSmall;
  const Outcome outcome = at.run_in({"a", "b"}, line);
  CHECK_MESSAGE(outcome.code != 0, outcome.err);
  const auto said = own_lines(outcome.err);
  REQUIRE_MESSAGE(said.size() == 1, outcome.err);
  CHECK(said[0].find(" has other data than rank 0 on ") != std::string::npos);
  CHECK(said[0].find(" bytes, checksum of their sizes ") != std::string::npos);
}

TEST_CASE("ranks: another command, or an option at one rank alone, is named") {
  if (*mpirun == '\0') return;
  const Ranks at;
  const std::string train = std::string(papilio_program) + " train --quiet --out run " + kModel;
  const auto said = [&](const std::string& other) {
    const Outcome outcome = at.run_each({"exec " + train, "exec " + other});
    CHECK_MESSAGE(outcome.code != 0, outcome.err);
    const auto lines = own_lines(outcome.err);
    REQUIRE_MESSAGE(lines.size() == 1, outcome.err);
    return lines[0];
  };
  const std::string program(papilio_program);
  for (const std::string command : {"evaluate model", "finetune model"}) {
    const std::string name = command.substr(0, command.find(' '));
    const std::string line = said(program + ' ' + command);
    CHECK(line.find(": rank 1 on ") != std::string::npos);
    CHECK(line.ends_with(" runs another command than rank 0: " + name + " instead of train"));
  }
  CHECK(said(train + "--checkpoint-steps 3")
            .ends_with("'checkpoint-steps = 3', there 'checkpoint-steps = 0'"));
  const Outcome version = at.run_ranks(3, "--version");
  CHECK_MESSAGE(version.code == 0, version.err);
  CHECK(std::ranges::count(version.out, '\n') == 1);
  const Outcome unknown = at.run_ranks(3, "trian");
  CHECK_MESSAGE(unknown.code == 2, unknown.err);
  const std::string says = "papilio: unknown command trian";
  const size_t first = unknown.err.find(says);
  REQUIRE_MESSAGE(first != std::string::npos, unknown.err);
  CHECK(unknown.err.find(says, first + 1) == std::string::npos);
}

TEST_CASE("ranks: rank 0's disk is full: the last checkpoint is whole, and all end") {
  if (*mpirun == '\0' || *faults_library == '\0') return;
  Ranks at;
  const std::string line = "train " + kModel + "--epochs 8 --checkpoint-steps 2 --quiet --out run";
  at.set_faults("write", "run/", 120);
  const Outcome outcome = at.run(Ranks::line(2, line), KilledAfter{60});
  CHECK_MESSAGE(outcome.code == 1, outcome.err);
  const auto said = own_lines(outcome.err);
  REQUIRE_MESSAGE(!said.empty(), outcome.err);
  for (size_t i = 0; i + 1 < said.size(); ++i) CHECK(said[i].find(": warning: ") != said[i].npos);
  CHECK(said.back().find(": warning: ") == std::string::npos);
  CHECK(said.back().find("No space left on device") != std::string::npos);
  check_newest_checkpoint(at, "run");
  at.end_faults();
  CHECK(at.run_ranks(3, line + " --resume").code == 0);
}

#if defined(__x86_64__)
TEST_CASE("ranks: other kernels of products are refused where bits are promised, and said else") {
  if (*mpirun == '\0') return;
  const Ranks at;
  const std::string line = std::string(papilio_program) + " train --quiet --epochs 1 " + kModel;
  const auto with = [&](const std::string& more) {
    return at.run_each(
        {"exec " + line + more, "exec env OPENBLAS_CORETYPE=Nehalem " + line + more});
  };
  const Outcome refused = with(" --reproducible 2 --out bits");
  CHECK_MESSAGE(refused.code != 0, refused.err);
  const auto said = own_lines(refused.err);
  REQUIRE_MESSAGE(said.size() == 1, refused.err);
  CHECK(said[0].starts_with("papilio train: --reproducible promises bits, and rank 1 on "));
  CHECK(said[0].find(" has other kernels than rank 0 on ") != std::string::npos);
  CHECK(said[0].find("(Nehalem)") != std::string::npos);
  const Outcome warned = with(" --out run");
  CHECK_MESSAGE(warned.code == 0, warned.err);
  const auto warnings = own_lines(warned.err);
  REQUIRE_MESSAGE(warnings.size() == 1, warned.err);
  CHECK(warnings[0].starts_with("papilio train: warning: rank 1 on "));
}
#endif

TEST_CASE("ranks: folders need not be shared, and data that one rank lacks are its own line") {
  if (*mpirun == '\0') return;
  const Ranks at;
  write_pictures(at / "a/photos/train", 12);
  write_pictures(at / "b/photos/train", 12);
  const auto run_in = [&](const std::string& other) {
    const std::string line = std::string(papilio_program) +
                             " train --data photos --epochs 1 --test-share 0 --out run" + kSmall;
    return at.run_in({"a", other}, line);
  };
  const Outcome apart = run_in("b");
  CHECK_MESSAGE(apart.code == 0, apart.err);
  CHECK(std::filesystem::exists(at / "a/run/model.safetensors"));
  CHECK(!std::filesystem::exists(at / "b/run"));
  std::filesystem::create_directories(at / "c");
  std::filesystem::remove_all(at / "a/run");
  const Outcome without = run_in("c");
  CHECK_MESSAGE(without.code != 0, without.err);
  const auto said = own_lines(without.err);
  REQUIRE_MESSAGE(said.size() == 1, without.err);
  CHECK(said[0].starts_with("papilio train: rank 1 of 2 on "));
  CHECK(said[0].find("photos") != std::string::npos);
}

TEST_CASE("ranks: wrong uses are one line of one rank") {
  if (*mpirun == '\0') return;
  const Ranks at;
  const auto said = [&](int n, const std::string& command, int code) {
    const Outcome outcome = at.run_ranks(n, command);
    CHECK_MESSAGE(outcome.code == code, outcome.err);
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
        "papilio inspect: runs in one process, and Open MPI's mpirun started 2: several can train, "
        "finetune, dreambooth and controlnet");
  for (const std::string command : {"generate", "evaluate", "demo"})
    CHECK(said(2, command + " sd", 2).starts_with("papilio " + command + ": runs in one process"));
  CHECK(said(2, "dreambooth sd --instance-data-dir own --instance-prompt x", 2) ==
        "papilio dreambooth: --batch-size 1: expected at least 2, one for each rank");
  CHECK(said(5, "controlnet sd --data shapes", 2) ==
        "papilio controlnet: --batch-size 4: expected at least 5, one for each rank");
  fs::create_directories(at / "shapes");
  write_bytes(at / "shapes/metadata.jsonl", R"({"file_name": "a.png", "text": "a circle"})");
  CHECK(said(3, "train --data shapes --resolution 16 --reproducible 2", 2) ==
        "papilio train: --reproducible 2: expected at most as many ranks, got 3");
  CHECK(said(2, "train --fit-memory", 2).starts_with("papilio train: --fit-memory: "));
  CHECK(said(2, "finetune nowhere --out run", 1).starts_with("papilio finetune: nowhere"));
}

TEST_CASE("ranks: without MPI, or with another one, a launcher's processes say so in one line") {
  Workplace at;
  at.set_environment("OMPI_COMM_WORLD_RANK", "0");
  at.set_environment("OMPI_COMM_WORLD_SIZE", "2");
  at.set_environment("PAPILIO_MPI_MODULE", "/nowhere/libpapilio_mpi.so");
  const Outcome outcome = at.run(words("train --epochs 1 --out run"));
  CHECK_MESSAGE(outcome.code == 1, outcome.err);
  CHECK(outcome.out == "");
  const bool built = *mpi_module != '\0';
  CHECK(outcome.err.starts_with(built ? "papilio train: MPI cannot be loaded: "
                                      : "papilio train: this build of Papilio has no MPI: "));
  CHECK(std::ranges::count(outcome.err, '\n') == 1);
  if (!built || *mpirun == '\0') return;
  // One line by one rank, also of several; and a module of something else.
  Ranks several;
  for (const std::string module : {"/nowhere/libpapilio_mpi.so", faults_library}) {
    several.set_environment("PAPILIO_MPI_MODULE", module);
    const Outcome none = several.run_ranks(3, "train --epochs 1 --out run");
    CHECK_MESSAGE(none.code == 1, none.err);
    const auto said = own_lines(none.err);
    REQUIRE_MESSAGE(said.size() == 1, none.err);
    CHECK(said[0].starts_with("papilio train: MPI cannot be loaded: "));
    CHECK(said[0].find(module) != std::string::npos);
  }
  // As under MPICH's mpiexec, while Papilio is built with Open MPI: each is alone.
  at.set_environment("PAPILIO_MPI_MODULE", mpi_module);
  at.set_environment("OMPI_COMM_WORLD_SIZE", "");
  at.set_environment("PMI_RANK", "0");
  at.set_environment("PMI_SIZE", "2");
  const Outcome other = at.run(words("train --epochs 1 --out run"));
  CHECK_MESSAGE(other.code == 1, other.err);
  CHECK(other.err.find("papilio train: started by MPICH's mpiexec as one of 2 ranks, but the MPI "
                       "that Papilio is built with (Open MPI") != std::string::npos);
}

}  // namespace papilio::test
