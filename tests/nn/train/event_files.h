// TensorBoard's event files, read as its reader does.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/temporary_folder.h"

namespace papilio::test {

template <class T>
T number_at(const std::string& bytes, size_t at) {
  T value;
  REQUIRE(at + sizeof value <= bytes.size());
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// The records' data; their framing is checked with a bitwise CRC-32C of its own.
inline std::vector<std::string> records(const std::string& bytes) {
  const auto masked = [](const std::string& data) {
    uint32_t crc = 0xffffffffu;
    for (const char c : data) {
      for (int bit = 0; bit < 8; ++bit) {
        const uint32_t in = (uint32_t(static_cast<unsigned char>(c)) >> bit) & 1;
        crc = (crc >> 1) ^ (((crc ^ in) & 1) ? 0x82f63b78u : 0);
      }
    }
    crc = ~crc;
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
  };
  std::vector<std::string> result;
  for (size_t at = 0; at < bytes.size();) {
    const auto length = size_t(number_at<uint64_t>(bytes, at));
    CHECK(number_at<uint32_t>(bytes, at + 8) == masked(bytes.substr(at, 8)));
    result.push_back(bytes.substr(at + 12, length));
    REQUIRE(result.back().size() == length);
    CHECK(number_at<uint32_t>(bytes, at + 12 + length) == masked(result.back()));
    at += 16 + length;
  }
  return result;
}

// A field of a protocol buffer: its number, and its value as a number or as bytes.
struct ProtoField {
  uint64_t number = 0, value = 0;
  std::string bytes = {};
};

inline std::vector<ProtoField> proto_fields(const std::string& message) {
  std::vector<ProtoField> fields;
  size_t at = 0;
  const auto varint = [&] {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      REQUIRE(at < message.size());
      const auto byte = static_cast<unsigned char>(message[at++]);
      value |= uint64_t(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < message.size()) {
    const uint64_t key = varint(), wire = key & 7;
    ProtoField field{.number = key >> 3};
    if (wire == 0) {
      field.value = varint();
    } else {
      const size_t length = wire == 1 ? 8 : wire == 5 ? 4 : size_t(varint());
      field.bytes = message.substr(at, length);
      REQUIRE(field.bytes.size() == length);
      at += length;
    }
    fields.push_back(field);
  }
  return fields;
}

struct Event {
  double wall_time = 0;
  int64_t step = 0;
  bool start = false;  // a SessionLog: what is from this step on is made again
  std::vector<std::pair<std::string, float>> scalars = {};
};

inline Event event_of(const std::string& record) {
  Event event;
  for (const ProtoField& field : proto_fields(record)) {
    if (field.number == 1) event.wall_time = number_at<double>(field.bytes, 0);
    if (field.number == 2) event.step = int64_t(field.value);
    if (field.number == 7) event.start = true;
    if (field.number != 5) continue;  // a summary
    for (const ProtoField& value : proto_fields(field.bytes)) {
      std::pair<std::string, float> scalar;
      for (const ProtoField& part : proto_fields(value.bytes)) {
        if (part.number == 1) scalar.first = part.bytes;
        if (part.number == 2) scalar.second = number_at<float>(part.bytes, 0);
      }
      event.scalars.push_back(scalar);
    }
  }
  return event;
}

// The events of each of the folder's files, the earliest file first.
inline std::vector<std::vector<Event>> event_files(const std::filesystem::path& folder) {
  std::vector<std::vector<Event>> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::vector<Event>& events = files.emplace_back();
    for (const std::string& record : records(read_bytes(entry.path())))
      events.push_back(event_of(record));
    REQUIRE(!events.empty());
  }
  std::ranges::sort(files, {}, [](const auto& events) { return events[0].wall_time; });
  return files;
}

// A tag's steps with their values.
using Curve = std::vector<std::pair<int64_t, float>>;

// The curves that TensorBoard shows: a SessionLog START takes away what is from its step on.
inline std::map<std::string, Curve> curves(const std::filesystem::path& folder) {
  std::map<std::string, Curve> result;
  for (const auto& events : event_files(folder)) {
    for (const Event& event : events) {
      for (auto& [tag, curve] : result)
        if (event.start) std::erase_if(curve, [&](const auto& p) { return p.first >= event.step; });
      for (const auto& [tag, value] : event.scalars) result[tag].emplace_back(event.step, value);
    }
  }
  return result;
}

}  // namespace papilio::test
