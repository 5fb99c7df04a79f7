// The papilio program as a user runs it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/temporary_folder.h"

namespace papilio::test {

struct Outcome {
  int code;  // 128 + the signal where one ended it
  std::string out, err;
};

// A folder in which the program runs, one command after another.
class Workplace {
 public:
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
  // With --json --quiet; the object it prints. Fails the test where it does not end with 0.
  nlohmann::json json(std::vector<std::string> words) const;

  std::filesystem::path operator/(std::string_view name) const { return folder_ / name; }
  std::string bytes(std::string_view name) const { return read_bytes(folder_ / name); }

 private:
  int start(const std::vector<std::string>& words) const;
  Outcome finish(int process) const;

  TemporaryFolder folder_;
};

// "train --classes 0-1" -> {"train", "--classes", "0-1"}
std::vector<std::string> words(const std::string& line);

}  // namespace papilio::test
