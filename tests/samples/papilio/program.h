// The papilio program as a user runs it.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tests/paths.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

struct Outcome {
  int code;  // 128 + the signal if one ended it; 99 if it could not be started
  std::string out, err;
};

// A folder in which the program runs, one command after another.
class Workplace {
 public:
  Workplace() : Workplace(papilio_program) {}
  explicit Workplace(const char* program) : program_(program) {}
  // Starts `papilio words...` and waits. `meanwhile` is called with the process's id before.
  template <class F>
  Outcome run(const std::vector<std::string>& words, F meanwhile) const {
    const int process = start(words);
    meanwhile(process);
    return finish(process);
  }
  Outcome run(const std::vector<std::string>& words) const {
    return run(words, [](int) {});
  }
  // In the programs that are started from here on.
  void set_environment(const std::string& name, const std::string& value) {
    environment_[name] = value;
  }
  // Makes them fail from here on: their n-th of these calls ("write rename") on files whose path
  // holds `path`, and all after it, as on a full disk (faults.cpp).
  void set_faults(const std::string& calls, const std::string& path, int n = 1);
  // Without them again.
  void end_faults() { set_environment("LD_PRELOAD", ""); }
  // Programs that are started from here on are no superuser's, who may write everywhere.
  void drop_superuser() { superuser_ = false; }
  // With --json --quiet; the object it prints. Fails the test if it does not end with 0.
  nlohmann::json json(std::vector<std::string> words) const;

  std::filesystem::path operator/(std::string_view name) const { return folder_ / name; }
  std::string bytes(std::string_view name) const { return read_bytes(folder_ / name); }

 private:
  int start(const std::vector<std::string>& words) const;
  Outcome finish(int process) const;

  const char* program_;
  TemporaryFolder folder_;
  std::map<std::string, std::string> environment_;
  bool superuser_ = true;
};

// Has the process ended? It can still be waited for.
bool has_ended(int process);
// For Workplace::run: kills the process (code 128 + 9) if it has not ended after so long.
struct KilledAfter {
  int seconds;
  void operator()(int process) const;
};

// Four steps of a model of 5 tokens of width 16.
inline const std::string kTinyModel =
    "--hidden-size 16 --layers 1 --heads 2 --patch-size 4 --epochs 1 --batch-size 70 ";
// Such a model of the digits 0 and 1, in the folder `base`.
void train_base(const Workplace& at);

// A command line that is refused: its exit code, and what its one line says.
struct RefusedCommand {
  std::string line;
  int code;
  std::string says;
};
// Runs each: nothing on standard output, one line on standard error.
void check_refused(const Workplace& at, const std::vector<RefusedCommand>& cases);

// "train --classes 0-1" -> {"train", "--classes", "0-1"}
std::vector<std::string> words(const std::string& line);

}  // namespace papilio::test
