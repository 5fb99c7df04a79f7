#include "boft/files/config_json.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <variant>

#include "tensor/error.h"
#include "tensor/files/detail/as_file_error.h"
#include "tensor/files/detail/json.h"
#include "tensor/text.h"

namespace papilio::boft {

using nlohmann::json;

namespace {

// The PEFT release whose file format this is.
constexpr const char* kPeftVersion = "0.21.2";

// Every field from its key; one that is missing or null keeps its value.
class Reader : public FieldVisitor {
 public:
  explicit Reader(JsonFields& fields) : fields_(fields) {}

  void integer(const char* key, int64_t& value, int64_t least, int64_t) override {
    value = fields_.integer(key, value, least);
  }
  void number(const char* key, double& value, double) override {
    value = fields_.number(key, value);
  }
  void rate(const char* key, double& value) override { value = fields_.number(key, value); }
  void flag(const char* key, bool& value) override { value = fields_.boolean(key, value); }
  void flag_or_word(const char* key, bool& value, Names words, const char* reason) override {
    const auto& v = fields_.value(key);
    if (!v.is_string()) return flag(key, value);
    if (std::ranges::find(words, v.get<std::string>()) != words.end()) return;
    const std::string expected =
        str("true, false, ", joined(quoted({words.begin(), words.end()}), ", ", " or "), " (",
            reason, ')');
    fields_.fail(key, expected.c_str());
  }
  void choice(const char* key, std::string& value, Names) override {
    value = fields_.string(key, value);
  }
  void text(const char* key, std::string& value) override { value = fields_.string(key, value); }
  void json(const char* key, std::string& value) override {
    if (const auto& v = fields_.value(key); !v.is_null()) value = v.dump();
  }
  void names(const char* key, ModuleNames& value) override {
    const auto& v = fields_.value(key);
    if (v.is_null()) return;
    if (!v.is_string() && !v.is_array()) fields_.fail(key, "a string or a list of strings");
    if (v.is_string())
      value = v.get<std::string>();
    else
      value = fields_.strings(key);
  }
  void list(const char* key, std::vector<std::string>& value) override {
    value = fields_.strings(key);
  }
  void one_or_more(const char* key, std::vector<std::string>& value) override {
    const auto& v = fields_.value(key);
    if (!v.is_string())
      value = fields_.strings(key);
    else if (const std::string one = v.get<std::string>(); !one.empty())
      value = {one};
  }
  void indices(const char* key, std::vector<int64_t>& value) override {
    value = fields_.integers(key);
  }
  void integers_by_module(const char* key, std::map<std::string, int64_t>& value,
                          int64_t least) override {
    by_module(key, value,
              [&](JsonFields& inside, const char* name) { return inside.integer(name, 0, least); });
  }
  void numbers_by_module(const char* key, std::map<std::string, double>& value) override {
    by_module(key, value,
              [](JsonFields& inside, const char* name) { return inside.number(name, 0); });
  }
  void must_be_false(Names keys) override {
    for (const char* key : keys) {
      if (fields_.boolean(key, false)) fields_.fail(key, "false (not supported)");
    }
  }
  void must_be_null(Names keys) override {
    for (const char* key : keys) {
      const auto& v = fields_.value(key);
      if (!v.is_null() && !v.empty() && v != nlohmann::json(false))
        fields_.fail(key, "null (not supported)");
    }
  }
  void ignored(Names keys) override {
    for (const char* key : keys) fields_.value(key);
  }

 private:
  template <class Value, class Get>
  void by_module(const char* key, std::map<std::string, Value>& value, Get&& get) {
    const auto& object = fields_.value(key);
    if (object.is_null()) return;
    if (!object.is_object()) fields_.fail(key, "an object of numbers by module");
    JsonFields inside(object, key);
    for (const auto& [name, number] : object.items()) {
      if (!number.is_number()) fields_.fail(key, "an object of numbers by module");
      value[name] = get(inside, name.c_str());
    }
  }

  JsonFields& fields_;
};

class Writer : public FieldVisitor {  // NOLINT(bugprone-exception-escape): of the JSON library
 public:
  nlohmann::json document;
  std::vector<std::string> keys;  // in the order of the visit

  void integer(const char* key, int64_t& value, int64_t, int64_t) override { set(key, value); }
  void number(const char* key, double& value, double) override { set(key, value); }
  void rate(const char* key, double& value) override { set(key, value); }
  void flag(const char* key, bool& value) override { set(key, value); }
  void flag_or_word(const char* key, bool& value, Names, const char*) override { set(key, value); }
  void choice(const char* key, std::string& value, Names) override { set(key, value); }
  void text(const char* key, std::string& value) override { set_unless_empty(key, value); }
  void json(const char* key, std::string& value) override {
    set(key, value.empty() ? nlohmann::json() : nlohmann::json::parse(value));
  }
  void names(const char* key, ModuleNames& value) override {
    if (value.kind() == ModuleNames::Kind::pattern)
      set(key, value.pattern());
    else
      set_unless_empty(key, value.names());
  }
  void list(const char* key, std::vector<std::string>& value) override {
    set_unless_empty(key, value);
  }
  void one_or_more(const char* key, std::vector<std::string>& value) override {
    set_unless_empty(key, value);
  }
  void indices(const char* key, std::vector<int64_t>& value) override {
    set_unless_empty(key, value);
  }
  void integers_by_module(const char* key, std::map<std::string, int64_t>& value,
                          int64_t) override {
    document[key] = value.empty() ? nlohmann::json::object() : nlohmann::json(value);
  }
  void numbers_by_module(const char* key, std::map<std::string, double>& value) override {
    document[key] = value.empty() ? nlohmann::json::object() : nlohmann::json(value);
  }

 private:
  void set(const char* key, nlohmann::json value) {
    document[key] = std::move(value);
    keys.emplace_back(key);
  }
  template <class Value>
  void set_unless_empty(const char* key, const Value& value) {
    set(key, value.empty() ? nlohmann::json() : nlohmann::json(value));
  }
};

LoadedConfig from_json(const json& document, const std::string& where) {
  JsonFields fields(document, where);
  const std::string type = fields.string("peft_type", "");
  const std::vector<std::string> known = peft_types();
  if (std::ranges::find(known, type) == known.end())
    fields.fail("peft_type", joined(quoted(known), ", ", " or ").c_str());
  LoadedConfig loaded{default_config(type), {}};
  read_older(loaded.config, fields, where, loaded.warnings);
  Reader reader(fields);
  visit_fields(loaded.config, reader);
  // Facts about the file; they say nothing about the adapter.
  reader.ignored({"peft_type", "peft_version", "inference_mode"});
  as_file_error(where, [&] { validate(loaded.config); });
  for (const std::string& key : fields.unread()) {
    loaded.warnings.push_back(str(where, ": unknown key \"", key, "\" is ignored"));
  }
  return loaded;
}

}  // namespace

LoadedConfig parse_config(std::string_view text, const std::string& where) {
  return from_json(parse_json(text, where), where);
}

LoadedConfig read_config(const std::filesystem::path& path) {
  return from_json(read_json(path), path.string());
}

std::string config_text(const AdapterConfig& config) {
  Writer writer;
  try {
    AdapterConfig copy = config;
    visit_fields(copy, writer);
    writer.document["peft_type"] = peft_type(config);
    if (!is_from_before_0_18(config)) writer.document["peft_version"] = kPeftVersion;
    writer.document["inference_mode"] = true;
    return writer.document.dump(2) + '\n';
  } catch (const json::exception&) {
    throw ArgumentError("adapter_config.json: expected names in UTF-8, got other bytes");
  }
}

std::vector<FieldText> config_fields(const AdapterConfig& config) {
  Writer writer;
  AdapterConfig copy = config;
  visit_fields(copy, writer);
  std::vector<FieldText> fields;
  for (const std::string& key : writer.keys) {
    if (const json& value = writer.document[key]; !value.is_null())
      fields.push_back({key, value.dump(-1, ' ', false, json::error_handler_t::replace)});
  }
  return fields;
}

}  // namespace papilio::boft
