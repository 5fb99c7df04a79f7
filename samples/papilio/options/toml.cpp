#include "samples/papilio/options/toml.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <set>
#include <utility>

#include "tensor/error.h"

namespace papilio::cli {

namespace {

class Parser {
 public:
  Parser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  std::vector<TomlEntry> entries() {
    std::vector<TomlEntry> result;
    std::set<std::string> seen;
    for (skip(true); at_ < text_.size(); skip(true)) {
      TomlEntry entry{key(), {}, where()};
      check<FileError>(seen.insert(entry.key).second, where(), ": ", entry.key, " appears twice");
      skip(false);
      expect('=', "'=' after the key " + entry.key);
      skip(false);
      if (peek() == '[') {
        entry.values = array();
      } else {
        entry.values = {value()};
      }
      skip(false);
      if (at_ < text_.size() && peek() != '\n') fail("the end of the line");
      result.push_back(std::move(entry));
    }
    return result;
  }

 private:
  std::string where() const { return str(name_, ", line ", line_); }

  [[noreturn]] void fail(const std::string& expected) const {
    const std::string_view rest = text_.substr(std::min(at_, text_.size()));
    const std::string_view came = rest.substr(0, std::min<size_t>(rest.find('\n'), 30));
    throw FileError(str(where(), ": expected ", expected, ", got ",
                        came.empty() ? "the end of the line" : str('\'', came, '\'')));
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\n'; }
  char take() {
    const char c = peek();
    ++at_;
    return c;
  }
  void expect(char c, const std::string& what) {
    if (peek() != c) fail(what);
    ++at_;
  }

  // Blanks and comments; ends of lines too, if asked.
  void skip(bool lines) {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (c == ' ' || c == '\t' || c == '\r' || (lines && c == '\n')) {
        line_ += c == '\n';
        ++at_;
      } else {
        break;
      }
    }
  }

  std::string key() {
    const auto bare = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
    };
    if (peek() == '[') fail("key = value (there are no sections)");
    const size_t begin = at_;
    while (bare(peek())) ++at_;
    if (at_ == begin) fail("key = value");
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::vector<std::string> array() {
    std::vector<std::string> values;
    expect('[', "'['");
    for (skip(true); peek() != ']'; skip(true)) {
      values.push_back(value());
      skip(true);
      if (peek() != ']') expect(',', "',' or ']'");
    }
    ++at_;
    return values;
  }

  std::string value() {
    if (peek() == '\'') {
      const size_t begin = ++at_;
      while (peek() != '\'' && peek() != '\n') ++at_;
      std::string text(text_.substr(begin, at_ - begin));
      expect('\'', "' at the end of the string");
      return text;
    }
    if (peek() == '"') {
      ++at_;
      std::string text;
      while (peek() != '"' && peek() != '\n') text += peek() == '\\' ? escape() : take();
      expect('"', "\" at the end of the string");
      return text;
    }
    // A number or a boolean; the option that takes it knows which.
    const size_t begin = at_;
    while (std::isalnum(static_cast<unsigned char>(peek())) != 0 || peek() == '.' ||
           peek() == '+' || peek() == '-' || peek() == '_') {
      ++at_;
    }
    std::string word(text_.substr(begin, at_ - begin));
    const bool plain = word == "true" || word == "false" || word == "inf" || word == "nan" ||
                       word.find_first_of("0123456789") < 2;
    if (!plain) {
      at_ = begin;
      fail("a number, true, false, [...] or a string in quotes");
    }
    std::erase(word, '_');
    return word;
  }

  char escape() {
    ++at_;
    switch (take()) {
      case '"':
        return '"';
      case '\\':
        return '\\';
      case 'n':
        return '\n';
      case 't':
        return '\t';
      default:
        at_ -= 2;
        fail("\\\\, \\\", \\n or \\t (or a string in single quotes, which has no escapes)");
    }
  }

  std::string_view text_;
  const std::string& name_;
  size_t at_ = 0;
  int line_ = 1;
};

}  // namespace

std::vector<TomlEntry> parse_toml(std::string_view text, const std::string& name) {
  return Parser(text, name).entries();
}

std::string toml_string(std::string_view text) {
  if (text.find_first_of("\\\"\n\t") == std::string_view::npos)
    return '"' + std::string(text) + '"';
  if (text.find_first_of("'\n") == std::string_view::npos) return '\'' + std::string(text) + '\'';
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c == '\n' ? "\\n" : c == '\t' ? "\\t" : std::string(1, c);
  }
  return quoted + '"';
}

}  // namespace papilio::cli
