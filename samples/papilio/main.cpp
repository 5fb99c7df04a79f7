// papilio: the library's command line. Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted.
#include <csignal>
#include <cstdio>
#include <new>
#include <string>
#include <vector>

#include "samples/papilio/commands/commands.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/nearest.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/run/ranks.h"
#include "samples/papilio/version.h"
#include "tensor/text.h"

using namespace papilio;

namespace {

std::vector<std::string> commands_in_ranks() {
  std::vector<std::string> names;
  for (const cli::Command& c : cli::kCommands) {
    if (c.in_ranks) names.emplace_back(c.name);
  }
  return names;
}

void print_help() {
  std::puts(
      "papilio COMMAND [options]\n\n"
      "Orthogonal finetuning (OFT, BOFT) of vision transformers, GPT-2 and Stable Diffusion.\n\n"
      "Commands");
  for (const cli::Command& c : cli::kCommands) std::printf("  %-10s %s\n", c.name, c.summary);
  std::printf("\nSeveral processes share %s\n  mpirun -n 4 papilio train ...\n",
              joined(commands_in_ranks(), ", ", " and ").c_str());
  std::puts(
      "\nOptions\n"
      "  --help     also behind a command: its options and examples\n"
      "  --version\n\n"
      "Examples\n"
      "  papilio train --classes 0-4 --out runs/base\n"
      "  papilio finetune runs/base --method boft --classes 5-9 --out runs/boft\n"
      "  papilio evaluate runs/base --adapter runs/boft\n"
      "  papilio finetune gpt2 --data novel.txt --out runs/novel\n"
      "  papilio dreambooth sd15 --instance-data-dir dog --instance-prompt \"a sks dog\"");
}

int run(const cli::Words& words) {
  if (words.empty()) {
    print_help();
    return 2;
  }
  const std::string& first = words[0];
  if (first == "help" && words.size() > 1) return run({words[1], "--help"});
  if (first == "--help" || first == "-h" || first == "help") {
    print_help();
    return 0;
  }
  if (first == "--version") {
    std::printf("papilio %s\n", cli::kVersion);
    return 0;
  }
  std::vector<std::string> names;
  for (const cli::Command& c : cli::kCommands) {
    if (first == c.name) {
      cli::begin_ranks(c.name, commands_in_ranks());
      const int code = c.run({words.begin() + 1, words.end()});
      cli::end_ranks();
      return code;
    }
    names.emplace_back(c.name);
  }
  const bool option = first.starts_with('-');
  if (option) names = {"--help", "--version"};
  throw cli::UsageError(str(option ? "unknown option " : "unknown command ", cli::printable(first),
                            cli::did_you_mean(first, names)));
}

int fail(const cli::Words& words, const char* message, int code) {
  std::string who = "papilio";
  for (const cli::Command& c : cli::kCommands) {
    if (!words.empty() && words[0] == c.name) who += ' ' + words[0];
  }
  return cli::fail_ranks(who, message, code);
}

}  // namespace

int main(int argc, char** argv) {
  // A file that grows beyond `ulimit -f` is an error as a full disk is, not the end.
  std::signal(SIGXFSZ, SIG_IGN);
  const cli::Words words(argv + 1, argv + argc);
  try {
    cli::find_rank();
    const int code = run(words);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
      return fail(words, "standard output cannot be written", 1);
    return code;
  } catch (const ArgumentError& e) {
    return fail(words, e.what(), 2);
  } catch (const std::bad_alloc&) {
    return fail(words, "out of memory", 1);
  } catch (const std::exception& e) {
    return fail(words, e.what(), 1);
  }
}
