// The options of one command: each is declared once with the variable it fills; parsing, --help,
// --config and the run.toml written beside results all follow from the declaration.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tensor/error.h"

namespace papilio::cli {

// Wrong use of the command line; main prints it and exits with 2.
struct UsageError : ArgumentError {
  using ArgumentError::ArgumentError;
};

class Options {
 public:
  using Variable = std::variant<bool*, int64_t*, double*, std::string*, std::vector<std::string>*>;
  enum class Origin { unset, file, line };

  struct Option {
    std::string name;  // "batch-size"; of a positional "MODEL"
    char letter = 0;   // 'b' of -b
    std::string value_name, help, section;
    Variable variable;
    bool positional = false, is_required = false, in_file = true, applies = true;
    double least = -std::numeric_limits<double>::infinity(),
           most = std::numeric_limits<double>::infinity();
    bool most_excluded = false;
    std::vector<std::string> allowed;
    std::string default_text;  // for --help, instead of the variable's value
    Origin origin = Origin::unset;

    // Bounds of a number, both included (below: the upper one excluded).
    Option& range(double from, double to = std::numeric_limits<double>::infinity());
    Option& below(double from, double to);
    Option& choices(std::vector<std::string> values);
    Option& required();
    Option& default_is(std::string text);
    // Neither read from nor written to run.toml.
    Option& line_only();
    std::string shown_name() const;  // "--batch-size", "MODEL"
  };

  // usage: "MODEL [options]", behind the command's name.
  Options(std::string command, std::string usage, std::string summary);

  // Heading over the options that follow.
  void section(std::string title) { section_ = std::move(title); }
  // names: "batch-size", "b,block-size" or, all capitals, a positional, which a file knows by its
  // lower-case name. The reference holds until the next add.
  Option& add(std::string_view names, Variable variable, std::string value_name, std::string help);
  Option& option(std::string_view name) { return *find(name); }
  Option& flag(std::string_view names, bool& variable, std::string help);
  // --config and --help.
  void config_options();
  void example(std::string line) { examples_.push_back(std::move(line)); }

  // Fills the variables: defaults, then the file of --config, then the line (the words behind the
  // command). False: --help was asked for and printed. Throws UsageError with one clear line, and
  // FileError for a file that is broken.
  bool parse(const std::vector<std::string>& words);

  Origin origin(std::string_view name) const;
  bool given(std::string_view name) const { return origin(name) != Origin::unset; }
  // The named options have a meaning only in some uses (`why`: "--method lora"). Where they have
  // none, giving one on the line is an error, and run.toml leaves it out.
  void applies_when(bool condition, const std::vector<std::string>& names, const std::string& why);

  const std::string& command() const { return command_; }
  std::string help() const;
  // Every option with its value, in TOML that --config reads back, under the version and command.
  // Throws UsageError for a value that is not UTF-8.
  std::string toml() const;

 private:
  Option* find(std::string_view name);
  void parse_line(const std::vector<std::string>& words);
  void parse_file(const std::string& path);
  void set(Option& option, const std::vector<std::string>& values, const std::string& where);
  std::string usage_line() const;

  std::string command_, usage_, summary_, section_ = "Options";
  std::vector<Option> options_;
  std::vector<std::string> examples_;
  std::string config_;
  bool help_ = false;
};

}  // namespace papilio::cli
