// JSON documents from files that may be wrong: strict parsing, and fields read with their type and
// range checked.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace papilio {

// Parses a whole document. Throws FileError that begins with `where` for text that is not JSON (of
// another format by its name: "is gzip data"), a key that appears twice in one object, and nesting
// deeper than 64.
nlohmann::json parse_json(std::string_view text, const std::string& where);
// The same of a file of at most 100 MB.
nlohmann::json read_json(const std::filesystem::path& path);

// Typed access to one object's fields. Every getter returns `otherwise` for a missing key or null,
// and throws FileError with the place, the key, what came and what is allowed for a wrong type or a
// number out of range.
class JsonFields {
 public:
  // Throws if `object` is no object. Refers to it.
  JsonFields(const nlohmann::json& object, std::string where);

  int64_t integer(const char* key, int64_t otherwise, int64_t least = INT64_MIN,
                  int64_t most = INT64_MAX);
  double number(const char* key, double otherwise);
  bool boolean(const char* key, bool otherwise);
  std::string string(const char* key, std::string otherwise);
  std::vector<std::string> strings(const char* key);
  // A whole number or a list of them.
  std::vector<int64_t> integers(const char* key);
  // The value as it is, null if it is missing.
  const nlohmann::json& value(const char* key);
  // Does the key stand there, with whatever value?
  bool has(const char* key) const;
  // The fields of the object that lies there, none if it is missing.
  JsonFields object(const char* key);

  // Keys that no getter has asked for and whose value says something (not null, false or empty), in
  // the document's order.
  std::vector<std::string> unread() const;
  // Where the object lies: a file, or a file and a key.
  const std::string& where() const { return where_; }
  [[noreturn]] void fail(const char* key, const char* expected) const;

 private:
  const nlohmann::json& object_;
  std::string where_;
  std::vector<std::string> read_;
};

}  // namespace papilio
