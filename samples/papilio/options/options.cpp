#include "samples/papilio/options/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include "nn/data/formats/file.h"
#include "samples/papilio/options/nearest.h"
#include "samples/papilio/options/toml.h"
#include "samples/papilio/version.h"

namespace papilio::cli {

namespace {

constexpr size_t kHelpColumn = 28, kHelpWidth = 92;

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

std::string number_text(double value) {
  char text[32];
  if (value == std::trunc(value) && std::abs(value) < 1e15)
    return std::to_string(int64_t(value));  // 1000000, where to_chars says 1e+06
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

template <class Number>
bool parse_number(const std::string& text, Number& value) {
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && at == end;
}

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return char(std::tolower(c)); });
  return text;
}

// The name in a file.
std::string key_of(const Options::Option& option) {
  return option.positional ? lower(option.name) : option.name;
}

// "from 0 to below 1", ">= 1", ""
std::string bounds_text(const Options::Option& o) {
  const bool lowest = std::isinf(o.least), highest = std::isinf(o.most);
  if (lowest && highest) return "";
  if (highest) return " >= " + number_text(o.least);
  return " from " + number_text(o.least) + " to " + (o.most_excluded ? "below " : "") +
         number_text(o.most);
}

bool within(const Options::Option& o, double value) {
  return std::isfinite(value) && value >= o.least &&
         (o.most_excluded ? value < o.most : value <= o.most);
}

template <class Number>
void set_number(const Options::Option& o, Number& variable, const std::string& text,
                const std::string& where, const char* what) {
  Number value{};
  check<UsageError>(parse_number(text, value) && within(o, double(value)), where, o.shown_name(),
                    ": expected ", what, bounds_text(o), ", got ", toml_string(text));
  variable = value;
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

// run.toml and adapter_config.json are UTF-8: what is not cannot be written there.
void check_text(const Options::Option& o) {
  const auto plain = [&](const std::string& text) {
    check<UsageError>(nn::is_plain_text(text), o.shown_name(),
                      ": expected UTF-8 text without control characters");
  };
  if (const auto* text = std::get_if<std::string*>(&o.variable)) plain(**text);
  if (const auto* list = std::get_if<std::vector<std::string>*>(&o.variable))
    std::ranges::for_each(**list, plain);
}

std::string value_text(const Options::Variable& variable) {
  return std::visit(Overloaded{[](const bool* v) { return std::string(*v ? "true" : "false"); },
                               [](const int64_t* v) { return std::to_string(*v); },
                               [](const double* v) { return number_text(*v); },
                               [](const std::string* v) { return *v; },
                               [](const std::vector<std::string>* v) { return joined(*v, " "); }},
                    variable);
}

}  // namespace

Options::Option& Options::Option::range(double from, double to) {
  least = from;
  most = to;
  return *this;
}

Options::Option& Options::Option::below(double from, double to) {
  most_excluded = true;
  return range(from, to);
}

Options::Option& Options::Option::choices(std::vector<std::string> values) {
  allowed = std::move(values);
  return *this;
}

Options::Option& Options::Option::required() {
  is_required = true;
  return *this;
}

Options::Option& Options::Option::default_is(std::string text) {
  default_text = std::move(text);
  return *this;
}

Options::Option& Options::Option::line_only() {
  in_file = false;
  return *this;
}

std::string Options::Option::shown_name() const {
  return positional ? name : "--" + name;
}

Options::Options(std::string command, std::string usage, std::string summary)
    : command_(std::move(command)), usage_(std::move(usage)), summary_(std::move(summary)) {}

Options::Option& Options::add(std::string_view names, Variable variable, std::string value_name,
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
  options_.push_back(std::move(option));
  return options_.back();
}

Options::Option& Options::flag(std::string_view names, bool& variable, std::string help) {
  return add(names, &variable, "", std::move(help));
}

void Options::config_options() {
  add("config", &config_, "FILE", "settings in TOML, as a run.toml has them; the line goes before")
      .line_only();
  flag("h,help", help_, "print this and do nothing").line_only();
}

Options::Option* Options::find(std::string_view name) {
  const auto found = std::ranges::find(options_, name, &Option::name);
  return found == options_.end() ? nullptr : &*found;
}

Options::Origin Options::origin(std::string_view name) const {
  return std::ranges::find(options_, name, &Option::name)->origin;
}

void Options::set(Option& o, const std::vector<std::string>& values, const std::string& where) {
  if (auto* list = std::get_if<std::vector<std::string>*>(&o.variable)) {
    **list = values;
    return;
  }
  if (!o.allowed.empty()) {
    const std::string text = joined(values, ",");
    check<UsageError>(std::ranges::count(o.allowed, text) == 1, where, o.shown_name(),
                      ": expected ", joined(o.allowed, ", "), ", got ", toml_string(text),
                      did_you_mean(text, o.allowed));
  }
  auto* text = std::get_if<std::string*>(&o.variable);
  if (text != nullptr) {
    **text = joined(values, ",");
    return;
  }
  check<UsageError>(values.size() == 1, where, o.shown_name(), ": expected one value, got ",
                    values.size());
  std::visit(
      Overloaded{[&](bool* v) {
                   check<UsageError>(values[0] == "true" || values[0] == "false", where,
                                     o.shown_name(), ": expected true or false, got ",
                                     toml_string(values[0]));
                   *v = values[0] == "true";
                 },
                 [&](int64_t* v) { set_number(o, *v, values[0], where, "a whole number"); },
                 [&](double* v) { set_number(o, *v, values[0], where, "a number"); }, [](auto*) {}},
      o.variable);
}

void Options::parse_line(const std::vector<std::string>& words) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  std::vector<CLI::Option*> parsers;
  std::vector<std::string> known;
  for (const Option& o : options_) {
    std::string names = o.positional ? lower(o.name) : "--" + o.name;
    if (o.letter != 0) names = str('-', o.letter, ',') + names;
    if (!o.positional) known.push_back("--" + o.name);
    if (std::holds_alternative<bool*>(o.variable)) {
      parsers.push_back(app.add_flag(names));
    } else {
      CLI::callback_t keep = [](const CLI::results_t&) { return true; };
      parsers.push_back(app.add_option(names, keep, ""));
      parsers.back()->type_name("value");
      if (std::holds_alternative<std::vector<std::string>*>(o.variable))
        parsers.back()->expected(1, 1 << 20)->allow_extra_args(o.positional);
    }
  }
  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::ArgumentMismatch& e) {
    const std::string text = e.what(), name = text.substr(0, text.find(':'));
    const bool twice = text.find("Most") != std::string::npos;
    throw UsageError(name + (twice ? ": given more than once" : ": expected a value behind it"));
  } catch (const CLI::ParseError& e) {
    throw UsageError(e.what());
  }
  std::vector<std::string> rest = app.remaining();
  std::erase(rest, "--");
  const auto end_of_options = std::ranges::find(words, "--");
  for (const std::string& word : rest) {
    if (!word.starts_with('-') || word == "-") continue;
    if (std::find(end_of_options, words.end(), word) != words.end()) continue;
    const std::string name = word.substr(0, word.find('='));
    throw UsageError("unknown option " + name + did_you_mean(name, known));
  }
  if (!rest.empty())
    throw UsageError("unexpected " + toml_string(rest[0]) + "; usage: " + usage_line());
  for (size_t i = 0; i < options_.size(); ++i) {
    Option& o = options_[i];
    if (parsers[i]->count() == 0) continue;
    const bool is_flag = std::holds_alternative<bool*>(o.variable);
    set(o, is_flag ? std::vector{parsers[i]->results().back()} : parsers[i]->results(), "");
    o.origin = Origin::line;
  }
}

void Options::parse_file(const std::string& path) {
  std::error_code ignored;
  check<FileError>(!std::filesystem::is_directory(path, ignored), path,
                   ": is a folder; expected a file of settings");
  std::ifstream file(path, std::ios::binary);  // a pipe is as good as a file
  check<FileError>(bool(file), path, ": cannot be read");
  constexpr std::streamsize kLargest = 1 << 20;
  std::string text(size_t(kLargest) + 1, '\0');
  file.read(text.data(), kLargest + 1);
  text.resize(size_t(file.gcount()));
  check<FileError>(int64_t(text.size()) <= kLargest, path,
                   ": is larger than 1 MiB; expected a file of settings");
  std::vector<std::string> known;
  for (const Option& o : options_) {
    if (o.in_file) known.push_back(key_of(o));
  }
  for (const TomlEntry& entry : parse_toml(text, path)) {
    // Of the program that wrote it, and of how the result came to be: no settings.
    if (entry.key == "version" || entry.key.starts_with("trained-")) continue;
    if (entry.key == "command") {
      check<UsageError>(entry.values == std::vector{command_}, entry.where,
                        ": settings of papilio ", joined(entry.values, " "), ", not of ", command_);
      continue;
    }
    const auto option = std::ranges::find_if(
        options_, [&](const Option& o) { return o.in_file && key_of(o) == entry.key; });
    check<UsageError>(option != options_.end(), entry.where, ": unknown key ", entry.key,
                      did_you_mean(entry.key, known));
    if (option->origin == Origin::line) continue;
    set(*option, entry.values, entry.where + ": ");
    option->origin = Origin::file;
  }
}

bool Options::parse(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (word == "--") break;
    if (word != "--help" && word != "-h") continue;
    std::fputs(help().c_str(), stdout);
    return false;
  }
  parse_line(words);
  if (!config_.empty()) parse_file(config_);
  for (const Option& o : options_) {
    check<UsageError>(
        !o.is_required || (o.origin != Origin::unset && !value_text(o.variable).empty()),
        "missing ", o.shown_name(), "; usage: ", usage_line());
  }
  return true;
}

void Options::applies_when(bool condition, const std::vector<std::string>& names,
                           const std::string& why) {
  if (condition) return;
  for (const std::string& name : names) {
    Option* o = find(name);
    check<UsageError>(o->origin != Origin::line, o->shown_name(), ": has a meaning only with ",
                      why);
    o->applies = false;
  }
}

std::string Options::usage_line() const {
  return "papilio " + command_ + ' ' + usage_;
}

std::string Options::help() const {
  std::string text = usage_line() + "\n\n" + wrapped(summary_, 0) + '\n', section;
  for (const Option& o : options_) {
    if (o.section != section) text += '\n' + (section = o.section) + '\n';
    std::string left = o.letter != 0 ? str("  -", o.letter, ", ") : "  ";
    left += o.shown_name();
    if (!o.positional && !o.value_name.empty()) left += ' ' + o.value_name;
    std::string right = o.help;
    const std::string normally =
        !o.default_text.empty() || std::holds_alternative<bool*>(o.variable) || o.is_required
            ? o.default_text
            : value_text(o.variable);
    if (!normally.empty()) right += " [" + normally + ']';
    if (left.size() + 2 > kHelpColumn) {
      text += left + '\n' + std::string(kHelpColumn, ' ');
    } else {
      text += left + std::string(kHelpColumn - left.size(), ' ');
    }
    text += wrapped(right, kHelpColumn) + '\n';
  }
  if (!examples_.empty()) text += "\nExamples\n";
  for (const std::string& line : examples_) text += "  " + line + '\n';
  return text;
}

std::string Options::toml() const {
  std::string text = "version = " + toml_string(kVersion) + '\n';
  text += "command = " + toml_string(command_) + '\n';
  for (const Option& o : options_) {
    if (!o.in_file || !o.applies) continue;
    check_text(o);
    std::string value;
    if (const auto* string = std::get_if<std::string*>(&o.variable)) {
      value = toml_string(**string);
    } else if (const auto* list = std::get_if<std::vector<std::string>*>(&o.variable)) {
      for (const std::string& v : **list) value += (value.empty() ? "" : ", ") + toml_string(v);
      value = '[' + value + ']';
    } else {
      value = value_text(o.variable);
    }
    text += key_of(o) + " = " + value + '\n';
  }
  return text;
}

}  // namespace papilio::cli
