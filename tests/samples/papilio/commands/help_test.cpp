// papilio --help, --version, and the help of every command.
#include <doctest/doctest.h>

#include <sstream>
#include <string>

#include "tests/samples/papilio/program.h"

using namespace papilio;
using test::Workplace;

TEST_CASE("help, version, and the help of every command") {
  const Workplace at;
  CHECK(at.run({}).code == 2);
  CHECK(at.run({"--help"}).code == 0);
  CHECK(at.run({"help", "train"}).out == at.run({"train", "--help"}).out);
  CHECK(at.run({"help", "tarin"}).code == 2);
  CHECK(at.run({"--version"}).out.starts_with("papilio 0."));
  CHECK(at.run({"train", "--help"}).out.find("adamw: decoupled; sgd: added") != std::string::npos);
  for (const char* command :
       {"train", "finetune", "dreambooth", "controlnet", "evaluate", "merge", "convert", "predict",
        "generate", "inspect", "explain", "data", "demo"}) {
    CAPTURE(command);
    const auto help = at.run({command, "--help"});
    CHECK(help.code == 0);
    CHECK(help.err == "");
    CHECK(help.out.starts_with(std::string("papilio ") + command));
    CHECK(help.out.find("Examples\n") != std::string::npos);
    std::istringstream lines(help.out);
    for (std::string line; std::getline(lines, line);) CHECK_MESSAGE(line.size() <= 100, line);
  }
}
