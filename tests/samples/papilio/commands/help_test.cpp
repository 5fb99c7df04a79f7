// papilio --help, --version, and the help of every command.
#include <doctest/doctest.h>

#include <filesystem>
#include <sstream>
#include <string>

#include "tests/samples/papilio/program.h"

using namespace papilio;
namespace fs = std::filesystem;
using test::words;
using test::Workplace;

namespace {

// A text in one line, wherever it was broken.
std::string unwrapped(const std::string& text) {
  std::istringstream words(text);
  std::string line;
  for (std::string word; words >> word;) line += (line.empty() ? "" : " ") + word;
  return line;
}

// What --help says of an option, in one line: the lines below its name are indented.
std::string entry(const std::string& help, const std::string& option) {
  std::istringstream lines(help);
  std::string found;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("  " + option + ' '))
      found = line;
    else if (!found.empty() && line.starts_with("      "))
      found += line;
    else if (!found.empty())
      break;
  }
  return unwrapped(found);
}

}  // namespace

TEST_CASE("help, version, and the help of every command") {
  const Workplace at;
  CHECK(at.run({}).code == 2);
  CHECK(at.run({"--help"}).code == 0);
  CHECK(at.run({"help", "train"}).out == at.run({"train", "--help"}).out);
  CHECK(at.run({"help", "tarin"}).code == 2);
  CHECK(at.run({"--version"}).out.starts_with("papilio 0."));
  const auto says = [&](const std::string& line, const char* text) {
    return unwrapped(at.run(words(line)).out).find(text) != std::string::npos;
  };
  for (const char* text : {"GPT-2", "Stable Diffusion", "nf4", "transformers5", "mpirun -n 4"})
    CHECK_MESSAGE(says("--help", text), text);
  CHECK(says("train --help", "papilio train --data FOLDER --help"));
  for (const char* command : {"train", "finetune", "evaluate"})
    CHECK(says(std::string(command) + " --help", ".safetensors file of"));
  for (const char* text : {"WebDataset", "metadata.csv"}) CHECK(says("data --help", text));
  CHECK(says("finetune --help", "papilio finetune gpt2 --data"));
  CHECK_FALSE(says("dreambooth --help", "linear:"));
  CHECK_FALSE(says("dreambooth --help", "--layers-to-transform"));
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

TEST_CASE("help: what a pipeline's training has is not what a classifier's has") {
  const Workplace at;
  const auto of = [&](const std::string& command, const char* option) {
    return entry(at.run(words(command + " --help")).out, option);
  };
  const std::string methods =
      "--method NAME boft: a rotation of m butterfly factors and a scale; oft: one block-diagonal "
      "rotation; lora: low-rank; hra: a chain of reflections; ";
  CHECK(of("finetune", "--method") == methods + "linear: a new head; full [boft]");
  CHECK(of("dreambooth", "--method") == methods + "full [boft]");
  CHECK(of("controlnet", "--method") == methods.substr(0, methods.size() - 2) + " [boft]");
  fs::create_directory(at / "captioned");
  test::write_bytes(at / "captioned/metadata.csv", "file_name,text\n0.png,a square\n");
  test::write_bytes(at / "captioned/0.png", "no picture");
  for (const char* command : {"train", "finetune"}) {
    CHECK(of(command, "--optimizer") ==
          "--optimizer NAME adamw, adamw8bit (its moments in 8 bits, as bitsandbytes has them) or "
          "sgd [adamw]");
    CHECK(of(command, "--use-8bit-adam") == "");
    CHECK(
        of(command, "--weight-decay")
            .starts_with(
                "--weight-decay W adamw: decoupled; sgd: added to the gradient; not on biases, "));
  }
  for (const char* command : {"dreambooth", "controlnet", "train --data captioned"}) {
    CAPTURE(command);
    CHECK(of(command, "--optimizer") == "");
    CHECK(of(command, "--use-8bit-adam").starts_with("--use-8bit-adam AdamW's moments in 8 bits"));
    CHECK(of(command, "--weight-decay")
              .starts_with("--weight-decay W decoupled; not on biases, norms and scales ["));
  }
  for (const char* command : {"dreambooth", "controlnet"}) {
    CAPTURE(command);
    CHECK(of(command, "--dropout").ends_with(" [boft 0.1, else 0]"));
    CHECK(of(command, "--bias").ends_with(" [boft boft_only, else none]"));
    CHECK(of(command, "-n, --block-num").ends_with(" [8, if --block-size is not given]"));
  }
  CHECK(of("train", "--initializer-range").ends_with(" [0.1; gpt2 0.02]"));
  CHECK(of("train", "--patch-size").ends_with(" [digits 2, else 16 or less, for 7 tokens a side]"));
}
