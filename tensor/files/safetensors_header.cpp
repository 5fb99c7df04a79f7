#include "tensor/files/detail/safetensors_header.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "tensor/error.h"

namespace papilio {

const std::vector<SafetensorsType>& safetensors_types() {
  static const std::vector<SafetensorsType> types = {
      {"BOOL", 8, DType::boolean},
      {"F4", 4, {}},
      {"F6_E2M3", 6, {}},
      {"F6_E3M2", 6, {}},
      {"U8", 8, DType::uint8},
      {"I8", 8, {}},
      {"F8_E5M2", 8, {}},
      {"F8_E4M3", 8, {}},
      {"F8_E8M0", 8, {}},
      {"F8_E4M3FNUZ", 8, {}},
      {"F8_E5M2FNUZ", 8, {}},
      {"I16", 16, {}},
      {"U16", 16, {}},
      {"F16", 16, DType::float16},
      {"BF16", 16, DType::bfloat16},
      {"I32", 32, DType::int32},
      {"U32", 32, {}},
      {"F32", 32, DType::float32},
      {"C64", 64, {}},
      {"F64", 64, DType::float64},
      {"I64", 64, DType::int64},
      {"U64", 64, {}},
  };
  return types;
}

const SafetensorsType& safetensors_type(DType dtype) {
  const auto& types = safetensors_types();
  return *std::find_if(types.begin(), types.end(), [&](const auto& t) { return t.dtype == dtype; });
}

const SafetensorsType& safetensors_int8() {
  const auto& types = safetensors_types();
  return *std::find_if(types.begin(), types.end(), [](const auto& t) { return t.name == "I8"; });
}

std::string in_quotes(std::string_view name) {
  std::string shown = "'";
  for (char c : name.substr(0, 120)) shown += static_cast<unsigned char>(c) < ' ' ? '?' : c;
  return shown + (name.size() > 120 ? "...'" : "'");
}

namespace {

// Receives JSON events and allows exactly the header's form. An event that returns false ends the
// parse; `error_` says why.
class Parser : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Parser(SafetensorsHeader& header) : header_(header) {}
  const std::string& error() const { return error_; }

  bool null() override {
    const bool no_metadata = place_ == Place::top && name_ == "__metadata__";
    return no_metadata || passed_over() || unexpected("null");
  }
  bool boolean(bool value) override {
    return passed_over() || unexpected(value ? "true" : "false");
  }
  bool number_integer(number_integer_t value) override {
    return passed_over() || unexpected(str(value));
  }
  bool number_float(number_float_t, const string_t& text) override {
    return passed_over() || unexpected(text);
  }
  bool binary(binary_t&) override { return unexpected("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (passed_over()) return true;
    if (place_ == Place::shape) {
      if (value > uint64_t(std::numeric_limits<int64_t>::max())) {
        return refuse(str("a dimension of ", value, " (at most 2^63 - 1)"));
      }
      entry_.shape.push_back(int64_t(value));
    } else if (place_ == Place::offsets) {
      if (offsets_ == 2) return refuse("data_offsets with more than 2 entries");
      (offsets_ == 0 ? entry_.begin : entry_.end) = value;
      ++offsets_;
    } else {
      return unexpected(str(value));
    }
    return true;
  }

  bool string(string_t& value) override {
    if (passed_over()) return true;
    if (place_ == Place::metadata && has_key_) {
      has_key_ = false;
      return header_.metadata.emplace(std::move(key_), value).second ||
             refuse("the key appears twice");
    }
    if (place_ != Place::tensor || key_ != "dtype") return unexpected("a string");
    const auto& types = safetensors_types();
    const auto found =
        std::find_if(types.begin(), types.end(), [&](const auto& t) { return t.name == value; });
    if (found == types.end()) return refuse("unknown dtype " + in_quotes(value));
    entry_.type = &*found;
    return true;
  }

  bool start_object(size_t) override {
    if (passed_over()) return deeper();
    if (place_ == Place::outside) {
      place_ = Place::top;
    } else if (place_ == Place::top) {
      place_ = name_ == "__metadata__" ? Place::metadata : Place::tensor;
      entry_ = {};
      seen_ = offsets_ = 0;
      extra_ = false;
    } else {
      return unexpected("an object");
    }
    return true;
  }

  bool key(string_t& value) override {
    if (depth_ > 0) return true;
    if (place_ == Place::top) {
      name_ = std::move(value);
      if (name_ == "__metadata__")
        return !std::exchange(metadata_seen_, true) || refuse("appears twice");
      if (header_.tensors.count(name_)) return refuse("the name appears twice");
      if (name_.find('\0') != std::string::npos) return refuse("the name holds a NUL character");
      if (name_.find("../") != std::string::npos) return refuse("the name holds '../'");
      return true;
    }
    key_ = std::move(value);
    has_key_ = true;
    if (place_ == Place::metadata) return true;
    const int bit = key_ == "dtype" ? 1 : key_ == "shape" ? 2 : key_ == "data_offsets" ? 4 : 0;
    extra_ = bit == 0;
    if (seen_ & bit) return refuse(in_quotes(key_) + " appears twice");
    seen_ |= bit;
    return true;
  }

  bool end_object() override {
    if (depth_ > 0) return shallower();
    const Place ended = place_;
    place_ = ended == Place::top ? Place::outside : Place::top;
    if (ended != Place::tensor) return true;
    if (seen_ != 7) {
      return refuse(str("has no ", seen_ & 1 ? seen_ & 2 ? "data_offsets" : "shape" : "dtype"));
    }
    if (offsets_ != 2) return refuse(str("data_offsets with ", offsets_, " entries (expected 2)"));
    header_.tensors.emplace(std::move(name_), std::move(entry_));
    return true;
  }

  bool start_array(size_t) override {
    if (passed_over()) return deeper();
    if (place_ != Place::tensor || (key_ != "shape" && key_ != "data_offsets"))
      return unexpected("an array");
    place_ = key_ == "shape" ? Place::shape : Place::offsets;
    return true;
  }

  bool end_array() override {
    if (depth_ > 0) return shallower();
    place_ = Place::tensor;
    return true;
  }

  bool parse_error(size_t at, const std::string&, const nlohmann::json::exception&) override {
    error_ = str("the header is not UTF-8 JSON (byte ", at, ")");
    return false;
  }

 private:
  static constexpr int kDeepest = 100;
  enum class Place { outside, top, metadata, tensor, shape, offsets };

  // Whether a value belongs to a field of an entry that the format does not know: anything is
  // right.
  bool passed_over() const { return depth_ > 0 || (place_ == Place::tensor && extra_); }
  bool deeper() { return ++depth_ <= kDeepest || refuse("a field nested too deep"); }
  bool shallower() {
    --depth_;
    return true;
  }

  bool refuse(const std::string& rule) {
    if (place_ == Place::metadata)
      error_ = "__metadata__ " + in_quotes(key_) + ": " + rule;
    else if (name_ == "__metadata__")
      error_ = "__metadata__: " + rule;
    else
      error_ = "tensor " + in_quotes(name_) + ": " + rule;
    return false;
  }

  bool unexpected(const std::string& what) {
    switch (place_) {
      case Place::outside:
        error_ = "expected a JSON object as the header, got " + what;
        return false;
      case Place::top:
        return refuse("expected an object, got " + what);
      case Place::metadata:
        return refuse("expected a string, got " + what);
      case Place::shape:
        return refuse("expected dimensions that are integers from 0, got " + what);
      case Place::offsets:
        return refuse("expected data_offsets that are integers from 0, got " + what);
      case Place::tensor:
        break;
    }
    return refuse(
        str("expected ", key_ == "dtype" ? "a string" : "an array", " as ", key_, ", got ", what));
  }

  SafetensorsHeader& header_;
  std::string error_;
  Place place_ = Place::outside;
  std::string name_, key_;  // the tensor's, and the one inside it
  bool has_key_ = false, metadata_seen_ = false;
  bool extra_ = false;  // the entry's field is none of the three
  int depth_ = 0;       // of objects and lists inside such a field
  SafetensorsEntry entry_;
  int seen_ = 0, offsets_ = 0;
};

// Bytes of a tensor; nothing when they, or the elements, number 2^63 or more, or do not fill the
// last byte.
std::optional<uint64_t> bytes_of(const SafetensorsEntry& entry) {
  uint64_t bits = uint64_t(entry.type->bits), n = 1;
  bool empty = false;
  for (const int64_t size : entry.shape) {
    if (size == 0)
      empty = true;  // the other sizes must still have a product
    else if (__builtin_mul_overflow(n, uint64_t(size), &n))
      return {};
  }
  if (n > uint64_t(std::numeric_limits<int64_t>::max())) return {};
  if (empty) return 0;
  // n elements of 4 or 6 bits need not fill whole bytes; wider types are whole bytes.
  if (bits % 8 == 0) {
    return __builtin_mul_overflow(n, bits / 8, &n) ? std::nullopt : std::optional(n);
  }
  if (__builtin_mul_overflow(n, bits, &n) || n % 8 != 0) return {};
  return n / 8;
}

}  // namespace

SafetensorsHeader parse_safetensors_header(const std::string& file, std::string_view json,
                                           uint64_t data_bytes) {
  SafetensorsHeader header;
  // The JSON library would skip a byte order mark and take NUL for the end.
  check<FileError>(!json.starts_with("\xef\xbb\xbf"), file,
                   ": the header begins with a byte order mark");
  check<FileError>(json.find('\0') == json.npos, file, ": the header holds a NUL byte");
  Parser parser(header);
  const bool parsed = nlohmann::json::sax_parse(json.begin(), json.end(), &parser);
  check<FileError>(parsed, file, ": ", parser.error());

  std::vector<const std::pair<const std::string, SafetensorsEntry>*> order;
  order.reserve(header.tensors.size());
  for (const auto& named : header.tensors) {
    const auto& [name, entry] = named;
    const auto refuse = [&, &n = name](const auto&... rule) {
      throw FileError(str(file, ": tensor ", in_quotes(n), ": ", rule...));
    };
    if (entry.begin > entry.end)
      refuse("data_offsets begin at ", entry.begin, " and end at ", entry.end);
    if (entry.end > data_bytes) {
      refuse("data_offsets end at ", entry.end, ", the file has ", data_bytes, " bytes of data");
    }
    const auto bytes = bytes_of(entry);
    if (!bytes) refuse("the shape's elements cannot be counted in bytes of ", entry.type->name);
    if (*bytes != entry.end - entry.begin) {
      refuse("shape and dtype ask for ", *bytes, " bytes, data_offsets give ",
             entry.end - entry.begin);
    }
    order.push_back(&named);
  }
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return std::pair(a->second.begin, a->second.end) < std::pair(b->second.begin, b->second.end);
  });
  uint64_t covered = 0;
  const std::string* last = nullptr;
  for (const auto* named : order) {
    const auto& [name, entry] = *named;
    check<FileError>(entry.begin >= covered, file, ": tensor ", in_quotes(name),
                     ": shares bytes with tensor ", in_quotes(last ? *last : name));
    check<FileError>(entry.begin == covered, file, ": tensor ", in_quotes(name), ": ",
                     entry.begin - covered, " bytes before it belong to no tensor");
    covered = entry.end;
    last = &name;
  }
  check<FileError>(covered == data_bytes, file, ": ", data_bytes - covered,
                   " bytes at the end belong to no tensor");
  return header;
}

}  // namespace papilio
