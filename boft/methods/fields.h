// The fields of a configuration under PEFT's names, each said once with its range: reading, writing
// and checking visit the same list.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tensor/error.h"

namespace papilio::boft {

// Which modules a configuration names: nothing, a regular expression that must match a module's
// whole path, or a list of names and suffixes. {.target_modules = {"query", "value"}} or
// {.target_modules = ".*query"}.
class ModuleNames {
 public:
  enum class Kind { none, pattern, list };

  ModuleNames() = default;
  // A pattern, or a list of names.
  ModuleNames(std::string pattern) : kind_(Kind::pattern), names_{std::move(pattern)} {}
  ModuleNames(const char* pattern) : ModuleNames(std::string(pattern)) {}
  ModuleNames(std::vector<std::string> names) : kind_(Kind::list), names_(std::move(names)) {}
  ModuleNames(std::initializer_list<std::string> names)
      : ModuleNames(std::vector<std::string>(names)) {}

  // Which of them it is; `given` if it is one of the two.
  Kind kind() const { return kind_; }
  bool given() const { return kind_ != Kind::none; }
  // The pattern, and the list.
  const std::string& pattern() const { return names_.front(); }
  const std::vector<std::string>& names() const { return names_; }
  bool operator==(const ModuleNames&) const = default;

 private:
  Kind kind_ = Kind::none;
  std::vector<std::string> names_;
};

// Names of fields, or words that a field may have.
using Names = std::initializer_list<const char*>;

// Told about each field of a configuration: its key in adapter_config.json, its value and its
// range.
class FieldVisitor {
 public:
  virtual ~FieldVisitor() = default;

  // A whole number from least to most.
  virtual void integer(const char* key, int64_t& value, int64_t least,
                       int64_t most = INT64_MAX) = 0;
  // A finite number >= least.
  virtual void number(const char* key, double& value,
                      double least = -std::numeric_limits<double>::infinity()) = 0;
  virtual void rate(const char* key, double& value) = 0;  // in [0, 1)
  virtual void flag(const char* key, bool& value) = 0;
  // A flag that PEFT also writes as a word; these mean true. `reason`: why no others.
  virtual void flag_or_word(const char* key, bool& value, Names words, const char* reason) = 0;
  virtual void choice(const char* key, std::string& value, Names choices) = 0;
  virtual void text(const char* key, std::string& value) = 0;  // empty: null
  virtual void json(const char* key, std::string& value) = 0;  // any value, as its text
  virtual void names(const char* key, ModuleNames& value) = 0;
  virtual void list(const char* key, std::vector<std::string>& value) = 0;         // empty: null
  virtual void one_or_more(const char* key, std::vector<std::string>& value) = 0;  // "x" is ["x"]
  virtual void indices(const char* key, std::vector<int64_t>& value) = 0;          // >= 0
  // Values of some modules by a regular expression for the path's end; empty: {}.
  virtual void integers_by_module(const char* key, std::map<std::string, int64_t>& value,
                                  int64_t least) = 0;
  virtual void numbers_by_module(const char* key, std::map<std::string, double>& value) = 0;
  // Options of PEFT that change the mathematics and are not supported: these must be false, those
  // null, false or empty.
  virtual void must_be_false(Names) {}
  virtual void must_be_null(Names) {}
  // Options that say nothing about the adapter.
  virtual void ignored(Names) {}
};

// Throws ArgumentError for the first value out of its range.
class FieldCheck : public FieldVisitor {
 public:
  explicit FieldCheck(const char* config) : config_(config) {}

  void integer(const char* key, int64_t& value, int64_t least, int64_t most) override;
  void number(const char* key, double& value, double least) override;
  void rate(const char* key, double& value) override;
  void flag(const char*, bool&) override {}
  void flag_or_word(const char*, bool&, Names, const char*) override {}
  void choice(const char* key, std::string& value, Names choices) override;
  void text(const char*, std::string&) override {}
  void json(const char*, std::string&) override {}
  void names(const char*, ModuleNames&) override {}
  void list(const char*, std::vector<std::string>&) override {}
  void one_or_more(const char*, std::vector<std::string>&) override {}
  void indices(const char* key, std::vector<int64_t>& value) override;
  void integers_by_module(const char* key, std::map<std::string, int64_t>& value,
                          int64_t least) override;
  void numbers_by_module(const char* key, std::map<std::string, double>& value) override;

 private:
  const char* config_;
};

}  // namespace papilio::boft
