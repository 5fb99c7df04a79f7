// papilio --help, --version, and the help of every command.
#include <doctest/doctest.h>

#include <sstream>
#include <string>

#include "tests/samples/papilio/program.h"

using namespace papilio;
using test::words;
using test::Workplace;

TEST_CASE("help, version, and the help of every command") {
  const Workplace at;
  CHECK(at.run({}).code == 2);
  CHECK(at.run({"--help"}).code == 0);
  CHECK(at.run({"help", "train"}).out == at.run({"train", "--help"}).out);
  CHECK(at.run({"help", "tarin"}).code == 2);
  CHECK(at.run({"--version"}).out.starts_with("papilio 0."));
  const auto says = [&](const std::string& line, const char* text) {
    return at.run(words(line)).out.find(text) != std::string::npos;
  };
  CHECK(says("train --help", "adamw: decoupled; sgd: added"));
  for (const char* text : {"GPT-2", "Stable Diffusion", "nf4", "transformers5", "mpirun -n 4"})
    CHECK_MESSAGE(says("--help", text), text);
  CHECK(says("train --help", "papilio train --data FOLDER --help"));
  for (const char* command : {"train", "finetune", "evaluate"})
    CHECK(says(std::string(command) + " --help", ".safetensors file of"));
  for (const char* text : {"WebDataset", "metadata.csv"}) CHECK(says("data --help", text));
  CHECK(says("finetune --help", "papilio finetune gpt2 --data"));
  CHECK_FALSE(says("dreambooth --help", "linear:"));
  CHECK_FALSE(says("dreambooth --help", "--layers-to-transform"));
  CHECK(says("dreambooth --help", "full"));
  CHECK_FALSE(says("controlnet --help", "; full"));
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
