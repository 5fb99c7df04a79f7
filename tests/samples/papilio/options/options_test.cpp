// The options of a command: what is wrong with a declaration shows as soon as it is made.
#include "samples/papilio/options/options.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

struct Settings {
  int64_t epochs = 3;
  double lr = 0.5;
  std::string out = "runs/a";
  std::vector<std::string> images;
  std::string config;
  bool fast = false, help = false;
};

cli::Options declare(Settings& s) {
  cli::Options options("try", "[IMAGE...] [options]", "Tries.");
  options.add("IMAGE", &s.images, "", "pictures");
  options.add("e,epochs", &s.epochs, "N", "passes").range(1, 100);
  options.add("lr", &s.lr, "RATE", "rate").below(0, 1);
  options.add("out", &s.out, "DIR", "folder");
  options.flag("fast", s.fast, "sooner");
  options.config_options(s.config, s.help);
  return options;
}

}  // namespace

TEST_CASE("two options of one name, letter or variable: an error where the second is declared") {
  Settings s;
  cli::Options options = declare(s);
  int64_t other = 0;
  const auto same = [](const char* one, const char* two) {
    return str("papilio try: ", one, " and ", two, " share a name, a letter or a variable");
  };
  CHECK_THROWS_WITH_AS(options.add("lr", &other, "N", ""), same("--lr", "--lr").c_str(),
                       std::logic_error);
  CHECK_THROWS_WITH_AS(options.add("e,eras", &other, "N", ""), same("--eras", "--epochs").c_str(),
                       std::logic_error);
  CHECK_THROWS_WITH_AS(options.add("image", &other, "N", ""), same("--image", "IMAGE").c_str(),
                       std::logic_error);
  CHECK_THROWS_WITH_AS(options.add("eras", &s.epochs, "N", ""), same("--eras", "--epochs").c_str(),
                       std::logic_error);
}

TEST_CASE("a variable that no option fills: an error that says so, whatever the condition") {
  Settings s;
  cli::Options options = declare(s);
  double other = 0;
  const char* message = "papilio try: no option fills this variable";
  CHECK_THROWS_WITH_AS(options.option(&other), message, std::logic_error);
  CHECK_THROWS_WITH_AS(options.given(&other), message, std::logic_error);
  CHECK_THROWS_WITH_AS(options.applies_when(true, {&s.lr, &other}, "--fast"), message,
                       std::logic_error);
}

TEST_CASE("a text for a model is UTF-8, on the line and in a file") {
  const TemporaryFolder folder;
  const std::string file = folder / "run.toml";
  Settings s;
  cli::Options options = declare(s);
  std::string prompt;
  options.add("prompt", &prompt, "TEXT", "beginning").text();
  REQUIRE(
      options.parse({"--prompt", "caf\u00e9", "--out", "\xff"}));  // a file's name may be anything
  CHECK(prompt == "caf\u00e9");
  CHECK_THROWS_WITH_AS(options.parse({"--prompt", "a,caf\xe9"}), "--prompt: byte 5 is not UTF-8",
                       cli::UsageError);
  write_bytes(file, "epochs = 7\nprompt = \"\xff\"\n");
  Settings again;
  cli::Options more = declare(again);
  more.add("prompt", &prompt, "TEXT", "beginning").text();
  CHECK_THROWS_WITH_AS(more.parse({"--config", file}),
                       (file + ", line 2: --prompt: byte 0 is not UTF-8").c_str(), cli::UsageError);
}

TEST_CASE("options stay where they are while others are declared and the whole moves") {
  Settings s;
  cli::Options options = declare(s);
  cli::Option& epochs = options.option(&s.epochs);
  std::vector<int64_t> more(100);
  for (size_t i = 0; i < more.size(); ++i) options.add(str("more-", i), &more[i], "N", "");
  const cli::Options moved = std::move(options);
  epochs.default_is("as many as it takes");
  CHECK(moved.help().find("passes [as many as it takes]\n") != std::string::npos);
}

TEST_CASE("the line goes before the file, the file before the defaults; run.toml is read back") {
  const TemporaryFolder folder;
  const std::string file = folder / "run.toml";
  write_bytes(file, "command = \"try\"\nepochs = 7\nlr = 0.25\nimage = ['b.png']\n");
  Settings s;
  cli::Options options = declare(s);
  REQUIRE(options.parse({"a.png", "--lr", "0.125", "--config", file}));
  CHECK(s.epochs == 7);
  CHECK(s.lr == 0.125);
  CHECK(s.out == "runs/a");
  CHECK(s.images == std::vector<std::string>{"a.png"});
  CHECK(options.origin(&s.epochs) == cli::Options::Origin::file);
  CHECK(options.origin(&s.lr) == cli::Options::Origin::line);
  CHECK(!options.given(&s.out));
  options.applies_when(false, {&s.out}, "--fast");
  const std::string toml = options.toml();
  CHECK(
      toml.ends_with("command = \"try\"\nimage = [\"a.png\"]\nepochs = 7\nlr = 0.125\n"
                     "fast = false\n"));
  write_bytes(file, toml);
  Settings again;
  REQUIRE(declare(again).parse({"--config", file}));
  CHECK(again.lr == 0.125);
  CHECK(again.images == s.images);
  CHECK_THROWS_WITH_AS(options.applies_when(false, {&s.lr}, "--fast"),
                       "--lr: has a meaning only with --fast", cli::UsageError);
}

}  // namespace papilio::test
