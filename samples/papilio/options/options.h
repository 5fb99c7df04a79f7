// The options of one command: each is declared once with the variable it fills; parsing, --help,
// --config and the run.toml written beside results all follow from the declaration.
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "samples/papilio/options/option.h"

namespace papilio::cli {

using Words = std::vector<std::string>;  // behind a command's name

class Options {
 public:
  using Origin = Option::Origin;
  // An option goes by the variable it fills, so that a wrong name does not compile. A variable that
  // no option fills is an error of the program: std::logic_error.
  using Handle = std::variant<const bool*, const int64_t*, const double*, const std::string*,
                              const std::vector<std::string>*>;

  // usage: "MODEL [options]", behind the command's name.
  Options(std::string command, std::string usage, std::string summary);

  // Heading over the options that follow.
  void section(std::string title) { section_ = std::move(title); }
  // names: "batch-size", "b,block-size" or, all capitals, a positional, which a file knows by its
  // lower-case name. The reference lives as long as these options. Throws std::logic_error for a
  // name, a letter or a variable that another option has.
  Option& add(std::string_view names, Option::Variable variable, std::string value_name,
              std::string help);
  Option& flag(std::string_view names, bool& variable, std::string help);
  Option& option(Handle variable);
  // --config and --help.
  void config_options(std::string& config, bool& help);
  void example(std::string line) { examples_.push_back(std::move(line)); }

  // Fills the variables: defaults, then the file of --config, then the line (the words behind the
  // command). False: --help was asked for and printed. Throws UsageError with one clear line, and
  // FileError for a file that is broken.
  bool parse(const Words& words);

  Origin origin(Handle variable) const;
  bool given(Handle variable) const { return origin(variable) != Origin::unset; }
  // These options have a meaning only in some uses (`why`: "--method lora"). If they have none,
  // giving one on the line is an error, and run.toml leaves it out.
  void applies_when(bool condition, const std::vector<Handle>& variables, const std::string& why);

  // The keys of those that may differ (Option::may_differ_on_resume).
  std::set<std::string> may_differ_on_resume() const;

  // run.toml names these if they were given, as runs from before them do not.
  void name_if_given(const std::vector<Handle>& variables);

  // What unknown options are that another tool's script has.
  void know_other_names(OtherNames names) { other_names_ = std::move(names); }

  const std::string& command() const { return command_; }
  std::string usage_line() const;  // "papilio inspect PATH [options]"
  std::string help() const;
  // run.toml: every option that applies, with its value, as --config reads it back.
  std::string toml() const;

 private:
  const Option& find(Handle variable) const;

  std::string command_, usage_, summary_, section_ = "Options";
  std::deque<Option> options_;  // whose elements stay where they are
  OtherNames other_names_;
  std::vector<std::string> examples_;
  const std::string* config_ = nullptr;
};

}  // namespace papilio::cli
