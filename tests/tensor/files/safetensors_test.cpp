#include "tensor/files/safetensors.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "autograd/backward.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/files/atomic_file.h"
#include "tensor/files/detail/safetensors_header.h"
#include "tensor/random.h"
#include "tests/capture_bound.h"
#include "tests/in_child.h"
#include "tests/temporary_folder.h"
#include "tests/tensor/faults.h"

using namespace papilio;
using namespace papilio::test;

namespace {

using Tensors = std::map<std::string, Tensor>;

// What the reference implementation (Python package safetensors 0.8.0) writes for the same tensors
// and metadata.
std::string reference_file() {
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"i64":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},)"
      R"("f64":{"dtype":"F64","shape":[],"data_offsets":[8,16]},)"
      R"("a":{"dtype":"F32","shape":[2],"data_offsets":[16,24]},)"
      R"("b":{"dtype":"F32","shape":[0,3],"data_offsets":[24,24]},)"
      R"("i32":{"dtype":"I32","shape":[1],"data_offsets":[24,28]},)"
      R"("bf":{"dtype":"BF16","shape":[1],"data_offsets":[28,30]},)"
      R"("f16":{"dtype":"F16","shape":[1],"data_offsets":[30,32]},)"
      R"("u8":{"dtype":"U8","shape":[3],"data_offsets":[32,35]},)"
      R"("bool":{"dtype":"BOOL","shape":[2,1],"data_offsets":[35,37]}})";
  std::string file;
  const uint64_t n = (header.size() + 7) / 8 * 8;
  for (int i = 0; i < 8; ++i) file += char(n >> (8 * i) & 0xff);
  file += header + std::string(n - header.size(), ' ');
  file += std::string("\xf9\xff\xff\xff\xff\xff\xff\xff", 8);  // -7
  file += std::string("\0\0\0\0\0\0\xf8\x3f", 8);              // 1.5
  file += std::string("\0\0\x80\x3f\0\0\0\xc0", 8);            // 1, -2
  file += std::string("\3\0\0\0", 4) + std::string("\x80\x3f", 2) +
          std::string("\0\x38", 2);  // 3, 1, 0.5
  return file + std::string("\1\2\xff\1\0", 5);
}

Tensors reference_tensors() {
  return {{"a", tensor<float>({1, -2})},
          {"b", empty({0, 3})},
          {"bf", tensor<BFloat16>({BFloat16(1.0f)})},
          {"bool", tensor<bool>({true, false}, {2, 1})},
          {"f16", tensor<Float16>({Float16(0.5f)})},
          {"f64", scalar(1.5, {.dtype = DType::float64})},
          {"i32", tensor<int32_t>({3})},
          {"i64", tensor<int64_t>({-7})},
          {"u8", tensor<uint8_t>({1, 2, 255})}};
}

bool same(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() &&
         a.to_vector<double>() == b.to_vector<double>();
}

bool same(const Tensors& a, const Tensors& b) {
  bool equal = a.size() == b.size();
  for (const auto& [name, x] : a) equal = equal && b.count(name) && same(x, b.at(name));
  return equal;
}

}  // namespace

TEST_CASE("safetensors: the reference implementation's bytes, written and read") {
  const TemporaryFolder folder;
  save_safetensors(folder / "a", reference_tensors(), {{"format", "pt"}});
  CHECK(read_bytes(folder / "a") == reference_file());
  const auto file = load_safetensors(folder / "a");
  CHECK(same(file.tensors, reference_tensors()));
  CHECK(file.metadata == Metadata{{"format", "pt"}});
}

TEST_CASE("safetensors: empty files, odd names and metadata survive") {
  const TemporaryFolder folder;
  save_safetensors(folder / "none", {});
  CHECK(read_bytes(folder / "none") == std::string("\x8\0\0\0\0\0\0\0{}      ", 16));
  CHECK(load_safetensors(folder / "none").tensors.empty());

  const Tensors tensors = {
      {"", ones({2})}, {"a \"b\"\\\n\t\x7f\xc3\xa9", arange(3)}, {"..", arange(1)}};
  const Metadata metadata = {{"", ""}, {"k\n", "{\"a\": 1}"}, {"\xe2\x82\xac", "\x01"}};
  save_safetensors(folder / "odd", tensors, metadata);
  const auto file = load_safetensors(folder / "odd");
  CHECK(same(file.tensors, tensors));
  CHECK(file.metadata == metadata);
}

TEST_CASE("safetensors: strided tensors are written row by row, gradients are not") {
  const TemporaryFolder folder;
  const auto x = arange(6).alias({{3, 2}, {1, 3}, 0});
  save_safetensors(folder / "a",
                   {{"x", x}, {"row", arange(6).alias({{2}, {2}, 1})}, {"w", leaf(ones({2}))}});
  const auto file = load_safetensors(folder / "a");
  CHECK(file.tensors.at("x").to_vector<int64_t>() == std::vector<int64_t>{0, 3, 1, 4, 2, 5});
  CHECK(file.tensors.at("row").to_vector<int64_t>() == std::vector<int64_t>{1, 3});
  CHECK_FALSE(file.tensors.at("w").requires_grad());
}

TEST_CASE(
    "safetensors: tensors lie in the mapping, outlive the reader, and writes never reach the "
    "file") {
  const TemporaryFolder folder;
  save_safetensors(folder / "a", {{"x", zeros({4})}, {"y", ones({4})}});
  const auto before = read_bytes(folder / "a");
  const MemoryStats stats = memory_stats();
  auto file = load_safetensors(folder / "a");
  CHECK(memory_stats().allocations == stats.allocations);
  const Tensor x = file.tensors.at("x");
  file.tensors.clear();
  fill_(x, 7);
  CHECK(x.to_vector<float>() == std::vector<float>(4, 7));
  CHECK(read_bytes(folder / "a") == before);
  CHECK(load_safetensors(folder / "a").tensors.at("x").to_vector<float>() ==
        std::vector<float>(4, 0));

  // Saving over the file that the tensors are mapped from.
  save_safetensors(folder / "a", {{"x", x}});
  CHECK(x.to_vector<float>() == std::vector<float>(4, 7));
  CHECK(load_safetensors(folder / "a").tensors.at("x").to_vector<float>() ==
        std::vector<float>(4, 7));
}

TEST_CASE("safetensors: data that is not aligned is copied") {
  const TemporaryFolder folder;
  const std::string json =
      R"({"b":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]},"x":{"dtype":"F64","shape":[1],"data_offsets":[1,9]}})";
  const double value = 2.5;
  const uint64_t n = json.size();
  std::string bytes(reinterpret_cast<const char*>(&n), 8);
  bytes += json + '\1' + std::string(reinterpret_cast<const char*>(&value), 8);
  write_bytes(folder / "a", bytes);
  const auto x = SafetensorsReader(folder / "a").tensor("x");
  CHECK(uintptr_t(x.raw_data()) % 8 == 0);
  CHECK(x.item() == 2.5);
}

TEST_CASE(
    "safetensors: the reader lists without loading, dtypes that Papilio lacks are refused when "
    "asked for") {
  const TemporaryFolder folder;
  std::string json = "{", data;
  uint64_t at = 0;
  for (const auto& type : safetensors_types()) {
    const uint64_t bytes = uint64_t(type.bits);  // 8 elements
    if (at > 0) json += ',';
    json += str("\"", type.name, "\":{\"dtype\":\"", type.name,
                "\",\"shape\":[8],\"data_offsets\":[", at, ",", at + bytes, "]}");
    at += bytes;
  }
  json += '}';
  const uint64_t n = json.size();
  write_bytes(folder / "a",
              std::string(reinterpret_cast<const char*>(&n), 8) + json + std::string(at, '\0'));
  const SafetensorsReader reader(folder / "a");
  CHECK(reader.entries().size() == 22);
  CHECK(reader.entries().at("F6_E2M3").end - reader.entries().at("F6_E2M3").begin == 6);
  const std::string path = (folder / "a").string();
  for (const auto& [name, entry] : reader.entries()) {
    CAPTURE_BOUND(name);
    if (entry.type->dtype) {
      CHECK(reader.tensor(name).to_vector<double>() == std::vector<double>(8, 0));
    } else {
      CHECK_THROWS_WITH_AS(
          reader.tensor(name),
          str(path, ": tensor '", name, "': dtype ", name, " is not supported").c_str(), FileError);
    }
  }
  const SafetensorsFile file = load_safetensors(folder / "a");
  CHECK(file.tensors.size() + file.unsupported.size() == 22);
  for (const auto& [name, dtype] : file.unsupported) CHECK(dtype == name);
  for (const char* name : {"C64", "F8_E4M3", "U64", "I8"}) CHECK(file.unsupported.contains(name));
  CHECK_THROWS_WITH_AS(reader.tensor("nine"), (path + ": no tensor 'nine'").c_str(), FileError);
}

TEST_CASE("safetensors: names and values that no reader should meet are not written") {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& name, const std::string& message) {
    CHECK_THROWS_WITH_AS(save_safetensors(folder / "a", {{name, ones({1})}}), message.c_str(),
                         ArgumentError);
  };
  refused(std::string("a\0b", 3), "save_safetensors: the name 'a?b' holds a NUL character");
  refused("../a", "save_safetensors: the name '../a' holds '../'");
  refused("__metadata__", "save_safetensors: the name '__metadata__' is the metadata's");
  refused("\xff", "save_safetensors: expected a tensor's name in UTF-8, got '\xff'");
  CHECK_THROWS_WITH_AS(save_safetensors(folder / "a", {{"x", Tensor()}}),
                       "save_safetensors: tensor 'x' is undefined", ArgumentError);
  CHECK_THROWS_WITH_AS(save_safetensors(folder / "a", {}, {{"k", "\x80"}}),
                       "save_safetensors: expected metadata in UTF-8, got '\x80'", ArgumentError);
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("safetensors: killed or failing at any step, the last good file survives") {
  const TemporaryFolder folder;
  const auto path = folder / "a";
  const Tensors before = {{"x", zeros({3})}}, after = {{"x", ones({3})}, {"y", arange(2)}};
  int steps = 0;
  set_file_fault([&](std::string_view) { return ++steps, 0; });
  save_safetensors(folder / "count", after);
  set_file_fault({});
  CHECK(steps == 8);  // open, length, header, two tensors, sync, rename, sync folder
  for (int k = 0; k < steps; ++k) {
    CAPTURE(k);
    const auto expected = [&] { return k < steps - 1 ? before : after; };
    save_safetensors(path, before);
    const auto killed = in_child([&] {
      int step = 0;
      set_file_fault([&](std::string_view) { return step++ == k ? ::raise(SIGKILL) : 0; });
      save_safetensors(path, after);
    });
    CHECK(killed.status == 256 + SIGKILL);
    CHECK(same(load_safetensors(path).tensors, expected()));

    save_safetensors(path, before);
    int step = 0;
    set_file_fault([&](std::string_view) { return step++ == k ? ENOSPC : 0; });
    CHECK_THROWS_AS(save_safetensors(path, after), FileError);
    set_file_fault({});
    CHECK(same(load_safetensors(path).tensors, expected()));
  }
}

TEST_CASE("safetensors: a million tensors work, more than the header holds are refused") {
  const TemporaryFolder folder;
  const int n = 1000000;
  std::string json = "{";
  for (int i = 0; i < n; ++i) {
    json += str(i ? ",\"" : "\"", i, R"(":{"dtype":"U8","shape":[1],"data_offsets":[)", i, ",",
                i + 1, "]}");
  }
  json += '}';
  const uint64_t length = json.size();
  write_bytes(folder / "a",
              std::string(reinterpret_cast<const char*>(&length), 8) + json + std::string(n, '\5'));
  const SafetensorsReader reader(folder / "a");
  CHECK(reader.entries().size() == size_t(n));
  CHECK(reader.tensor("999999").item() == 5);

  Tensors tensors;
  const Tensor one = ones({1});
  for (int i = 0; i < 1000; ++i) tensors.emplace(std::to_string(i) + std::string(100000, 'n'), one);
  CHECK_THROWS_WITH_AS(
      save_safetensors(folder / "b", tensors),
      doctest::Contains("bytes (at most 100000000): too many tensors for one file"), ArgumentError);
}
