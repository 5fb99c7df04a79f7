#include "tensor/files/detail/json.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "tensor/error.h"
#include "tensor/files/detail/file_format.h"
#include "tensor/files/detail/regular_file.h"

namespace papilio {

using nlohmann::json;

namespace {

constexpr int kDeepest = 64;
constexpr size_t kLargest = 100'000'000;

const json kNull = nullptr;

}  // namespace

json parse_json(std::string_view text, const std::string& where) {
  std::vector<std::set<std::string>> keys;  // of the objects that are open, outermost first
  const auto callback = [&](int depth, json::parse_event_t event, json& parsed) {
    check<FileError>(depth <= kDeepest, where, ": JSON nested deeper than ", kDeepest);
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key) {
      check<FileError>(keys.back().insert(parsed.get<std::string>()).second, where, ": the key \"",
                       parsed.get<std::string>(), "\" appears twice");
    }
    return true;
  };
  try {
    return json::parse(text.begin(), text.end(), callback);
  } catch (const json::exception& e) {
    const std::string format = format_of(text);
    check<FileError>(format.empty(), where, ": is ", format, ", expected JSON");
    // "[json.exception.parse_error.101] parse error at ...": the words for people come behind.
    const std::string why = e.what();
    throw FileError(str(where, ": not valid JSON: ", why.substr(why.find("] ") + 2)));
  }
}

json read_json(const std::filesystem::path& path) {
  const RegularFile file(path);
  check<FileError>(file.size() <= kLargest, path.string(),
                   ": expected a JSON file of at most 100 MB, got ", file.size(), " bytes");
  return parse_json(file.read(kLargest), path.string());
}

JsonFields::JsonFields(const json& object, std::string where)
    : object_(object), where_(std::move(where)) {
  check<FileError>(object.is_object(), where_, ": expected a JSON object, got ",
                   object.type_name());
}

const json& JsonFields::value(const char* key) {
  read_.push_back(key);
  const auto found = object_.find(key);
  return found == object_.end() ? kNull : *found;
}

bool JsonFields::has(const char* key) const {
  return object_.contains(key);
}

JsonFields JsonFields::object(const char* key) {
  static const json kEmpty = json::object();
  const json& v = value(key);
  return {v.is_null() ? kEmpty : v, where_ + ": " + key};
}

void JsonFields::fail(const char* key, const char* expected) const {
  std::string came = object_.contains(key)
                         ? object_.at(key).dump(-1, ' ', false, json::error_handler_t::replace)
                         : "nothing";
  if (came.size() > 80) came = came.substr(0, 77) + "...";
  throw FileError(str(where_, ": ", key, ": expected ", expected, ", got ", came));
}

int64_t JsonFields::integer(const char* key, int64_t otherwise, int64_t least, int64_t most) {
  const json& v = value(key);
  if (v.is_null()) return otherwise;
  std::string expected = "a whole number";
  if (most != INT64_MAX) {
    expected += str(" from ", least, " to ", most);
  } else if (least != INT64_MIN) {
    expected += str(" >= ", least);
  }
  if (!v.is_number_integer() ||
      (v.is_number_unsigned() && v.get<uint64_t>() > uint64_t(INT64_MAX)) ||
      v.get<int64_t>() < least || v.get<int64_t>() > most) {
    fail(key, expected.c_str());
  }
  return v.get<int64_t>();
}

double JsonFields::number(const char* key, double otherwise) {
  const json& v = value(key);
  if (v.is_null()) return otherwise;
  if (!v.is_number() || !std::isfinite(v.get<double>())) fail(key, "a number");
  return v.get<double>();
}

bool JsonFields::boolean(const char* key, bool otherwise) {
  const json& v = value(key);
  if (v.is_null()) return otherwise;
  if (!v.is_boolean()) fail(key, "true or false");
  return v.get<bool>();
}

std::string JsonFields::string(const char* key, std::string otherwise) {
  const json& v = value(key);
  if (v.is_null()) return otherwise;
  if (!v.is_string()) fail(key, "a string");
  return v.get<std::string>();
}

std::vector<std::string> JsonFields::strings(const char* key) {
  const json& v = value(key);
  if (v.is_null()) return {};
  if (!v.is_array() || !std::ranges::all_of(v, [](const json& e) { return e.is_string(); })) {
    fail(key, "a list of strings");
  }
  return v.get<std::vector<std::string>>();
}

std::vector<int64_t> JsonFields::integers(const char* key) {
  const json& v = value(key);
  if (v.is_null()) return {};
  const auto whole = [](const json& e) {
    return e.is_number_integer() &&
           (!e.is_number_unsigned() || e.get<uint64_t>() <= uint64_t(INT64_MAX));
  };
  if (whole(v)) return {v.get<int64_t>()};
  if (!v.is_array() || !std::ranges::all_of(v, whole))
    fail(key, "a whole number or a list of them");
  return v.get<std::vector<int64_t>>();
}

std::vector<std::string> JsonFields::unread() const {
  std::vector<std::string> result;
  for (const auto& [key, v] : object_.items()) {
    const bool silent = v.is_null() || (v.is_boolean() && !v.get<bool>()) ||
                        ((v.is_array() || v.is_object() || v.is_string()) && v.empty());
    if (!silent && std::ranges::find(read_, key) == read_.end()) result.push_back(key);
  }
  return result;
}

}  // namespace papilio
