#include "samples/papilio/options/option.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <optional>
#include <system_error>
#include <utility>

#include "nn/data/formats/detail/file.h"
#include "nn/text/utf8.h"
#include "samples/papilio/options/nearest.h"
#include "samples/papilio/options/toml.h"
#include "tensor/detail/lower_case.h"
#include "tensor/text.h"

namespace papilio::cli {

namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

std::string number_text(double value) {
  char text[32];
  if (value == std::trunc(value) && std::abs(value) < 1e15)
    return std::to_string(int64_t(value));  // 1000000, not to_chars's 1e+06
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

template <class Number>
bool parse_number(const std::string& text, Number& value) {
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && at == end;
}

// "from 0 to below 1", ">= 1", ""
std::string bounds_text(const Option& o) {
  const bool lowest = std::isinf(o.least), highest = std::isinf(o.most);
  if (lowest && highest) return "";
  if (highest) return " >= " + number_text(o.least);
  return " from " + number_text(o.least) + " to " + (o.most_excluded ? "below " : "") +
         number_text(o.most);
}

bool within(const Option& o, double value) {
  return std::isfinite(value) && value >= o.least &&
         (o.most_excluded ? value < o.most : value <= o.most);
}

template <class Number>
void set_number(const Option& o, Number& variable, const std::string& text,
                const std::string& where, const char* what) {
  Number value{};
  check<UsageError>(parse_number(text, value) && within(o, double(value)), where, o.shown_name(),
                    ": expected ", what, bounds_text(o), ", got ", toml_string(text));
  variable = value;
}

void set_flag(const Option& o, bool& variable, const std::string& text, const std::string& where) {
  check<UsageError>(text == "true" || text == "false", where, o.shown_name(),
                    ": expected true or false, got ", toml_string(text));
  variable = text == "true";
}

// A list of several says which.
void check_utf8(const Option& o, const std::vector<std::string>& texts, const std::string& where) {
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::optional<size_t> broken = nn::first_invalid_utf8(texts[i]);
    check<UsageError>(!broken, where, o.shown_name(),
                      texts.size() > 1 ? str(", number ", i + 1) : "", ": byte ",
                      broken.value_or(0), " is not UTF-8");
  }
}

// run.toml and adapter_config.json are UTF-8: other bytes cannot be written there.
std::string checked_toml(const Option& o, const std::string& text) {
  check_utf8(o, {text}, "");
  check<UsageError>(nn::is_plain_text(text), o.shown_name(),
                    ": expected text without control characters");
  return toml_string(text);
}

}  // namespace

Option& Option::range(double from, double to) {
  least = from;
  most = to;
  return *this;
}

Option& Option::below(double from, double to) {
  most_excluded = true;
  return range(from, to);
}

Option& Option::choices(std::vector<std::string> values) {
  allowed = std::move(values);
  return *this;
}

Option& Option::required() {
  is_required = true;
  return *this;
}

Option& Option::default_is(std::string text) {
  default_text = std::move(text);
  return *this;
}

Option& Option::text() {
  is_text = true;
  return *this;
}

Option& Option::line_only() {
  in_file = false;
  return *this;
}

Option& Option::may_differ_on_resume() {
  same_on_resume = false;
  return *this;
}

std::string Option::shown_name() const {
  return positional ? name : "--" + name;
}

std::string Option::key() const {
  return positional ? lower_case(name) : name;
}

void Option::set(const std::vector<std::string>& values, const std::string& where) {
  if (is_text) check_utf8(*this, is_list() ? values : std::vector{joined(values, ",")}, where);
  if (auto* list = std::get_if<std::vector<std::string>*>(&variable)) {
    **list = values;
    return;
  }
  if (!allowed.empty()) {
    const std::string text = joined(values, ",");
    check<UsageError>(std::ranges::count(allowed, text) == 1, where, shown_name(), ": expected ",
                      joined(allowed, ", "), ", got ", toml_string(text),
                      did_you_mean(text, allowed));
  }
  if (auto* text = std::get_if<std::string*>(&variable)) {
    **text = joined(values, ",");
    return;
  }
  check<UsageError>(values.size() == 1, where, shown_name(), ": expected one value, got ",
                    values.size());
  std::visit(
      Overloaded{[&](bool* v) { set_flag(*this, *v, values[0], where); },
                 [&](int64_t* v) { set_number(*this, *v, values[0], where, "a whole number"); },
                 [&](double* v) { set_number(*this, *v, values[0], where, "a number"); },
                 [](auto*) {}},
      variable);
}

std::string Option::value_text() const {
  return std::visit(Overloaded{[](const bool* v) { return std::string(*v ? "true" : "false"); },
                               [](const int64_t* v) { return std::to_string(*v); },
                               [](const double* v) { return number_text(*v); },
                               [](const std::string* v) { return *v; },
                               [](const std::vector<std::string>* v) { return joined(*v, " "); }},
                    variable);
}

std::string Option::value_toml() const {
  if (const auto* text = std::get_if<std::string*>(&variable)) return checked_toml(*this, **text);
  const auto* list = std::get_if<std::vector<std::string>*>(&variable);
  if (list == nullptr) return value_text();
  std::vector<std::string> quoted;
  for (const std::string& text : **list) quoted.push_back(checked_toml(*this, text));
  return '[' + joined(quoted, ", ") + ']';
}

}  // namespace papilio::cli
