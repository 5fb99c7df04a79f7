// Whole commands on a disk that is full, that fails, or whose machine is switched off: at every
// place where the folder changes.
#include <doctest/doctest.h>
#include <signal.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tests/paths.h"
#include "tests/samples/papilio/program.h"

namespace papilio::test {

namespace {

namespace fs = std::filesystem;

const std::string kSmall =
    "--hidden-size 16 --layers 1 --heads 2 --patch-size 4 --batch-size 100 --quiet ";

// Runs the command with the n-th of the calls failing (`stays`: and all behind it) for n = 1, 2,
// ... until none is left to fail. `reset` prepares the folder before each run. Returns how often it
// failed.
int for_each_fault(Workplace& at, const std::string& calls, int error, bool stays,
                   const std::string& line, const std::function<void()>& reset,
                   const std::function<void(const Outcome&)>& after) {
  // Each tensor is a write: further on not every one is tried.
  for (int n = 1, failed = 0; n < 1000; n += calls == "write" ? 1 + n / 3 : 1, ++failed) {
    at.end_faults();
    reset();
    at.set_faults(calls, "out/", n);
    at.set_environment("PAPILIO_FAULT_ERROR", std::to_string(error));
    at.set_environment("PAPILIO_FAULT_TO", std::to_string(stays ? 1000000 : n));
    const Outcome outcome = at.run(words(line));
    CAPTURE(n);
    CAPTURE(outcome.err);
    after(outcome);
    // Nothing failed, and nothing was said.
    if (outcome.code == 0 && outcome.err.empty()) return failed;
  }
  FAIL("it never ends well");
  return 0;
}

// Bytes of what a folder says it is, "" if it says nothing.
std::string said(const Workplace& at, const std::string& folder) {
  std::string all;
  const bool adapter = fs::exists(at / (folder + "/adapter_config.json"));
  if (!adapter && !fs::exists(at / (folder + "/config.json"))) return "";
  for (const char* file :
       {"config.json", "model.safetensors", "preprocessor_config.json", "adapter_config.json",
        "adapter_model.safetensors", "id2label.json", "tokenizer.json"})
    all += std::string(file) + '\n' + at.bytes(folder + '/' + file);
  return all;
}

}  // namespace

TEST_CASE(
    "a run that is killed anywhere leaves the old model, the new one or none; the next command has "
    "one of them") {
  if (*faults_library == '\0') return;
  Workplace at;
  at.json(words("train --classes 5-9 --epochs 1 --out old " + kSmall));
  at.json(words("train --classes 0-4 --epochs 1 --out new " + kSmall));
  for (const char* way : {"boft -b 8 -m 1", "boft -b 4 -m 2"}) {
    const bool first = way[6] == 'b' && way[8] == '8';
    at.json(words("finetune old --epochs 1 -t query --batch-size 100 --classes " +
                  std::string(first ? "0-4 --out a" : "5-9 --out b") + " --method " + way));
  }
  at.json(words("merge old a --out merged"));
  at.json(words("convert b --to compact --out compact"));
  const std::string gpt2 = std::string(source_root) + "/tests/golden/gpt2/gpt2";
  at.json(words("convert " + gpt2 + " --to nf4 --out nf4"));
  fs::copy(gpt2, at / "text");
  write_bytes(at / "text/tokenizer.json", "another one");
  const struct {
    std::string line, before, after;
  } cases[] = {
      {"train --classes 0-4 --epochs 1 --overwrite --out out " + kSmall, "old", "new"},
      {"finetune old --epochs 1 -t query --batch-size 100 --classes 5-9 -b 4 -m 2 --overwrite "
       "--quiet --out out",
       "a", "b"},
      {"merge old a --overwrite --quiet --out out", "new", "merged"},
      {"convert " + gpt2 + " --to nf4 --overwrite --quiet --out out", "text", "nf4"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.line);
    const std::string old = said(at, c.before), done = said(at, c.after);
    REQUIRE(!old.empty());
    REQUIRE(!done.empty());
    REQUIRE(old != done);
    bool kept = false, nothing = false;
    std::string without_overwrite = c.line;
    without_overwrite.erase(without_overwrite.find("--overwrite "), 12);
    const int places = for_each_fault(
        at, "rename remove", 0, false, c.line,
        [&] {
          fs::remove_all(at / "out");
          fs::copy(at / c.before, at / "out", fs::copy_options::recursive);
        },
        [&](const Outcome& outcome) {
          CHECK((outcome.code == 0 || outcome.code == 128 + SIGKILL));
          const std::string now = said(at, "out");
          CHECK((now == old || now == done || now.empty()));
          kept |= now == old;
          nothing |= now.empty();
          if (outcome.code == 0) CHECK(now == done);
          // The next command finds it whole.
          at.end_faults();
          const Outcome next = at.run(words(without_overwrite));
          CAPTURE(next.err);
          CHECK(next.code == 2);
          CHECK(next.err.find(" already; choose another folder") != std::string::npos);
          const std::string again = said(at, "out");
          CHECK((again == old || again == done));
          if (!now.empty()) CHECK(again == now);
          CHECK_FALSE(fs::exists(at / "out/.old"));
          CHECK_FALSE(fs::exists(at / "out/.new.list"));
        });
    CHECK(places > 8);
    CHECK(kept);
    CHECK(nothing);
  }
}

TEST_CASE("a disk that is full or fails: one message, and no result that is not whole") {
  if (*faults_library == '\0') return;
  Workplace at;
  at.json(words("train --classes 0-4 --epochs 1 --out old " + kSmall));
  at.json(words("finetune old --epochs 1 -t query --batch-size 100 --classes 5-9 --out a"));
  const std::string line = " --epochs 1 --out out " + kSmall;
  for (const std::string& command :
       {"train --classes 5-9" + line,
        std::string("finetune old --epochs 1 -t query --batch-size 100 --classes 5-9 --quiet "
                    "--out out"),
        std::string("merge old a --quiet --out out"),
        std::string("convert a --to compact --quiet --out out")}) {
    CAPTURE(command);
    const struct {
      std::string calls;
      int error;
      std::string message;
    } faults[] = {{"write", ENOSPC, "No space left on device"},
                  {"fsync", EIO, "Input/output error"}};
    for (const auto& fault : faults) {
      std::vector<std::string> left;
      const int places = for_each_fault(
          at, fault.calls, fault.error, true, command, [&] { fs::remove_all(at / "out"); },
          [&](const Outcome& outcome) {
            left.push_back(said(at, "out"));
            if (outcome.code == 0) return;
            CHECK(outcome.code == 1);
            CHECK(outcome.err.find(fault.message) != std::string::npos);
            CHECK(outcome.err.find("out/") != std::string::npos);
            CHECK(!fs::exists(at / "out/.new"));
          });
      CHECK(places >= 2);
      for (const std::string& result : left) CHECK((result.empty() || result == left.back()));
    }
  }
}

TEST_CASE(
    "a disk that is full or fails under --overwrite: the old result or the new one is there") {
  if (*faults_library == '\0') return;
  Workplace at;
  at.json(words("train --classes 5-9 --epochs 1 --out other " + kSmall));
  at.json(words("train --classes 0-4 --epochs 1 --out old " + kSmall));
  at.json(words("finetune old --epochs 1 -t query --batch-size 100 --classes 5-9 --out a"));
  at.json(words("merge old a --out merged"));
  const std::string before = said(at, "other"), after = said(at, "merged");
  const struct {
    std::string calls;
    int error;
    bool stays;
  } faults[] = {{"write", ENOSPC, true}, {"fsync", EIO, true},  {"rename", EIO, false},
                {"write", EIO, false},   {"rename", EIO, true}, {"readdir", EIO, false}};
  for (const auto& fault : faults) {
    CAPTURE(fault.calls);
    CAPTURE(fault.stays);
    bool named = false;
    for_each_fault(
        at, fault.calls, fault.error, fault.stays, "merge old a --overwrite --quiet --out out",
        [&] {
          fs::remove_all(at / "out");
          fs::copy(at / "other", at / "out", fs::copy_options::recursive);
        },
        [&](const Outcome& outcome) {
          CHECK(outcome.code == (said(at, "out") == after ? 0 : 1));
          const bool stuck =  // nothing can be moved back either
              outcome.err.find("; the new result is in out/.new, the old one in out/.old\n") !=
              std::string::npos;
          named |= stuck;
          // A folder that cannot be read cannot be removed either.
          if (fault.calls != "readdir") CHECK(fs::exists(at / "out/.new") == stuck);
          CHECK(fs::exists(at / "out/.old") == stuck);
          if (!stuck) CHECK(said(at, "out") == (outcome.code == 0 ? after : before));
          if (stuck) CHECK(at.bytes("out/.new/config.json") == at.bytes("merged/config.json"));
        });
    CHECK(named == (fault.calls == "rename" && fault.stays));
  }
}

TEST_CASE("a limit on the size of files (ulimit -f) is an error with a reason, as a full disk") {
  const Workplace at("/bin/sh");
  const std::string line = "train --classes 0-4 --epochs 1 --out out " + kSmall;
  const Outcome outcome =
      at.run({"-c", "ulimit -f 20 && exec " + std::string(papilio_program) + ' ' + line});
  CHECK(outcome.code == 1);
  CHECK_MESSAGE(outcome.err.find("File too large") != std::string::npos, outcome.err);
  CHECK(!fs::exists(at / "out/model.safetensors"));
}

}  // namespace papilio::test
