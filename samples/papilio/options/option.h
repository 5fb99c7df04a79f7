// One option of a command: what it is called, what it takes, and the variable it fills.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "tensor/error.h"

namespace papilio::cli {

// Options of other tools' scripts that are called otherwise here: {"--learning_rate", "here --lr"}.
using OtherNames = std::map<std::string, std::string>;

// Wrong use of the command line; main prints it and exits with 2.
struct UsageError : ArgumentError {
  using ArgumentError::ArgumentError;
};

struct Option {
  using Variable = std::variant<bool*, int64_t*, double*, std::string*, std::vector<std::string>*>;
  enum class Origin { unset, file, line };

  std::string name;  // "batch-size"; of a positional "MODEL"
  char letter = 0;   // 'b' of -b
  std::string value_name, help, section;
  Variable variable;
  bool positional = false, is_required = false, in_file = true, applies = true;
  bool same_on_resume = true, is_text = false;
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
  // A text for a model to read: bytes that are no UTF-8 are refused.
  Option& text();
  // Neither read from nor written to run.toml.
  Option& line_only();
  // It says how a run is done and shown, not what it computes: --resume takes another value.
  Option& may_differ_on_resume();

  std::string shown_name() const;  // "--batch-size", "MODEL"
  std::string key() const;         // in a file: "batch-size", "model"
  bool is_flag() const { return std::holds_alternative<bool*>(variable); }
  bool is_list() const { return std::holds_alternative<std::vector<std::string>*>(variable); }

  // Fills the variable. Throws UsageError, behind `where`, for values that it does not take.
  void set(const std::vector<std::string>& values, const std::string& where);
  std::string value_text() const;  // "64", "a b"
  // The value as TOML. Throws UsageError for text that is not UTF-8, or has control characters.
  std::string value_toml() const;
};

}  // namespace papilio::cli
