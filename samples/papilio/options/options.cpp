#include "samples/papilio/options/options.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <sstream>
#include <stdexcept>

#include "samples/papilio/options/command_line.h"
#include "samples/papilio/options/settings_file.h"

namespace papilio::cli {

namespace {

constexpr size_t kHelpColumn = 28, kHelpWidth = 92;

template <class Pointers>
const void* address(const Pointers& variable) {
  return std::visit([](const auto* pointer) { return static_cast<const void*>(pointer); },
                    variable);
}

// Text broken into lines no longer than the width, the later ones indented.
std::string wrapped(const std::string& text, size_t indent) {
  std::istringstream words(text);
  std::string result, word;
  size_t column = indent;
  while (words >> word) {
    if (column > indent && column + 1 + word.size() > kHelpWidth) {
      result += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      result += ' ';
      ++column;
    }
    result += word;
    column += word.size();
  }
  return result;
}

std::string help_of(const Option& o) {
  std::string left = o.letter != 0 ? str("  -", o.letter, ", ") : "  ";
  left += o.shown_name();
  if (!o.positional && !o.value_name.empty()) left += ' ' + o.value_name;
  std::string right = o.help;
  const std::string normally =
      !o.default_text.empty() || o.is_flag() || o.is_required ? o.default_text : o.value_text();
  if (!normally.empty()) right += " [" + normally + ']';
  left += left.size() + 2 > kHelpColumn ? '\n' + std::string(kHelpColumn, ' ')
                                        : std::string(kHelpColumn - left.size(), ' ');
  return left + wrapped(right, kHelpColumn) + '\n';
}

}  // namespace

Options::Options(std::string command, std::string usage, std::string summary)
    : command_(std::move(command)), usage_(std::move(usage)), summary_(std::move(summary)) {}

Option& Options::add(std::string_view names, Option::Variable variable, std::string value_name,
                     std::string help) {
  Option option;
  if (names.size() > 2 && names[1] == ',') {
    option.letter = names[0];
    names.remove_prefix(2);
  }
  option.name = names;
  option.positional = std::isupper(static_cast<unsigned char>(names[0])) != 0;
  option.variable = variable;
  option.value_name = std::move(value_name);
  option.help = std::move(help);
  option.section = section_;
  for (const Option& other : options_) {
    const bool same = other.key() == option.key() || address(other.variable) == address(variable) ||
                      (option.letter != 0 && other.letter == option.letter);
    if (same) {
      throw std::logic_error(str("papilio ", command_, ": ", option.shown_name(), " and ",
                                 other.shown_name(), " share a name, a letter or a variable"));
    }
  }
  return options_.emplace_back(std::move(option));
}

Option& Options::flag(std::string_view names, bool& variable, std::string help) {
  return add(names, &variable, "", std::move(help));
}

void Options::config_options(std::string& config, bool& help) {
  config_ = &config;
  add("config", &config, "FILE", "settings in TOML, as a run.toml has them; the line goes before")
      .line_only();
  flag("h,help", help, "print this and do nothing").line_only();
}

const Option& Options::find(Handle variable) const {
  for (const Option& option : options_)
    if (address(option.variable) == address(variable)) return option;
  throw std::logic_error("papilio " + command_ + ": no option fills this variable");
}

Option& Options::option(Handle variable) {
  return const_cast<Option&>(find(variable));
}

Options::Origin Options::origin(Handle variable) const {
  return find(variable).origin;
}

bool Options::parse(const Words& words) {
  for (const std::string& word : words) {
    if (word == "--") break;
    if (word != "--help" && word != "-h") continue;
    std::fputs(help().c_str(), stdout);
    return false;
  }
  parse_command_line(options_, words, other_names_, usage_line());
  if (config_ != nullptr && !config_->empty()) read_settings(options_, *config_, command_);
  for (const Option& o : options_) {
    check<UsageError>(!o.is_required || (o.origin != Origin::unset && !o.value_text().empty()),
                      "missing ", o.shown_name(), "; usage: ", usage_line());
  }
  return true;
}

void Options::applies_when(bool condition, const std::vector<Handle>& variables,
                           const std::string& why) {
  for (const Handle variable : variables) {
    Option& o = option(variable);
    if (condition) continue;
    check<UsageError>(o.origin != Origin::line, o.shown_name(), ": has a meaning only with ", why);
    o.applies = false;
  }
}

void Options::name_if_given(const std::vector<Handle>& variables) {
  for (const Handle variable : variables)
    if (!given(variable)) option(variable).applies = false;
}

std::set<std::string> Options::may_differ_on_resume() const {
  std::set<std::string> keys;
  for (const Option& option : options_)
    if (!option.same_on_resume) keys.insert(option.key());
  return keys;
}

std::string Options::usage_line() const {
  return "papilio " + command_ + ' ' + usage_;
}

std::string Options::help() const {
  std::string text = usage_line() + "\n\n" + wrapped(summary_, 0) + '\n', section;
  for (const Option& o : options_) {
    if (o.help.empty()) continue;  // it is known only to be refused with a reason
    if (o.section != section) text += '\n' + (section = o.section) + '\n';
    text += help_of(o);
  }
  if (!examples_.empty()) text += "\nExamples\n";
  for (const std::string& line : examples_) text += "  " + line + '\n';
  return text;
}

std::string Options::toml() const {
  return settings_text(options_, command_);
}

}  // namespace papilio::cli
