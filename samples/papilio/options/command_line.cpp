#include "samples/papilio/options/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>

#include "samples/papilio/options/nearest.h"
#include "samples/papilio/options/toml.h"
#include "tensor/text.h"

namespace papilio::cli {

namespace {

// CLI11's own option for each of ours, in their order.
std::vector<CLI::Option*> declare(CLI::App& app, const std::deque<Option>& options) {
  std::vector<CLI::Option*> parsers;
  for (const Option& o : options) {
    std::string names = o.positional ? o.key() : "--" + o.name;
    if (o.letter != 0) names = str('-', o.letter, ',') + names;
    if (o.is_flag()) {
      parsers.push_back(app.add_flag(names));
      continue;
    }
    const CLI::callback_t keep = [](const CLI::results_t&) { return true; };
    parsers.push_back(app.add_option(names, keep, ""));
    parsers.back()->type_name("value");
    if (o.is_list()) parsers.back()->expected(1, 1 << 20)->allow_extra_args(o.positional);
  }
  return parsers;
}

// Words as they are, but options whose names have _ as a guide's script writes them: with -, if
// that is one's name.
std::vector<std::string> with_own_names(std::vector<std::string> words,
                                        const std::deque<Option>& options) {
  for (std::string& word : words) {
    if (word == "--") break;
    if (!word.starts_with("--")) continue;
    std::string name = word.substr(0, word.find('='));
    const size_t length = name.size();
    std::ranges::replace(name, '_', '-');
    const bool known = std::ranges::any_of(
        options, [&](const Option& o) { return !o.positional && o.shown_name() == name; });
    if (known) word.replace(0, length, name);
  }
  return words;
}

// Throws UsageError for the first word that no option takes.
void check_rest(std::vector<std::string> rest, const std::vector<std::string>& words,
                const std::deque<Option>& options, const OtherNames& others,
                const std::string& usage) {
  std::vector<std::string> known, elsewhere;
  for (const Option& o : options)
    if (!o.positional) known.push_back(o.shown_name());
  std::erase(rest, "--");
  const auto end_of_options = std::ranges::find(words, "--");
  for (const std::string& word : rest) {
    if (!word.starts_with('-') || word == "-") continue;
    if (std::find(end_of_options, words.end(), word) != words.end()) continue;
    const std::string name = word.substr(0, word.find('='));
    const auto other = others.find(name);
    if (other == others.end())
      throw UsageError("unknown option " + name + did_you_mean(name, known));
    elsewhere.push_back(name + ": " + other->second);
  }
  check<UsageError>(elsewhere.empty(), "unknown option ", joined(elsewhere, "; "));
  check<UsageError>(rest.empty(), "unexpected ", toml_string(rest.empty() ? "" : rest[0]),
                    "; usage: ", usage);
}

}  // namespace

void parse_command_line(std::deque<Option>& options, const std::vector<std::string>& given,
                        const OtherNames& others, const std::string& usage) {
  const std::vector<std::string> words = with_own_names(given, options);
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  const std::vector<CLI::Option*> parsers = declare(app, options);
  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::ArgumentMismatch& e) {
    const std::string text = e.what(), name = text.substr(0, text.find(':'));
    const bool twice = text.find("Most") != std::string::npos;
    throw UsageError(name + (twice ? ": given more than once" : ": expected a value behind it"));
  } catch (const CLI::ParseError& e) {
    throw UsageError(e.what());
  }
  check_rest(app.remaining(), words, options, others, usage);
  for (size_t i = 0; i < options.size(); ++i) {
    if (parsers[i]->count() == 0) continue;
    const std::vector<std::string>& results = parsers[i]->results();
    options[i].set(options[i].is_flag() ? std::vector{results.back()} : results, "");
    options[i].origin = Option::Origin::line;
  }
}

}  // namespace papilio::cli
