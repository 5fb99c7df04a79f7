// Files that lie: each rule of the format, broken once.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "tensor/creation.h"
#include "tensor/files/safetensors.h"
#include "tests/in_child.h"
#include "tests/temporary_folder.h"

using namespace papilio;
using namespace papilio::test;

namespace {

std::string with_length(uint64_t n, const std::string& rest) {
  return std::string(reinterpret_cast<const char*>(&n), 8) + rest;
}

std::string file_of(const std::string& json, size_t data_bytes = 0) {
  return with_length(json.size(), json + std::string(data_bytes, '\0'));
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" +
         offsets + "}";
}

class Refusals {
 public:
  // `rule` is what follows the file's name in the message.
  void expect(const std::string& bytes, const std::string& rule) {
    write_bytes(path_, bytes);
    std::string message = "(accepted)";
    try {
      load_safetensors(path_);
    } catch (const FileError& e) {
      message = e.what();
    }
    CHECK(message == path_.string() + ": " + rule);
  }
  void expect_header(const std::string& json, const std::string& rule, size_t data_bytes = 0) {
    CAPTURE(json.substr(0, 200));
    expect(file_of(json, data_bytes), rule);
  }
  void expect_tensor(const std::string& dtype, const std::string& shape, const std::string& offsets,
                     const std::string& rule, size_t data_bytes = 16) {
    expect_header("{" + entry("w", dtype, shape, offsets) + "}", "tensor 'w': " + rule, data_bytes);
  }
  void accept(const std::string& bytes) {
    write_bytes(path_, bytes);
    CHECK_NOTHROW(load_safetensors(path_));
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "lie.safetensors";
};

}  // namespace

TEST_CASE("safetensors that lie: the length of the header") {
  Refusals r;
  r.expect("", "0 bytes are too few for a safetensors file");
  r.expect("1234567", "7 bytes are too few for a safetensors file");
  r.expect(std::string("\x3c\0\0\0\0\xff\xff\xff", 8) + "{}",
           "the header's length is 18446742974197923900, the file has 2 bytes after it");
  r.expect(with_length(3, "{}"), "the header's length is 3, the file has 2 bytes after it");
  for (uint64_t n = uint64_t(-16); n != 0; ++n) {  // 8 + n wraps
    r.expect(with_length(n, "{}"),
             str("the header's length is ", n, ", the file has 2 bytes after it"));
  }
  r.expect(with_length(0, ""), "the header is not UTF-8 JSON (byte 1)");
  std::string too_long = "{}";
  too_long.resize(100000001, ' ');
  r.expect(with_length(too_long.size(), too_long),
           "the header's length is 100000001 (at most 100000000)");
}

TEST_CASE("safetensors that lie: JSON") {
  Refusals r;
  r.expect_header("\xff", "the header is not UTF-8 JSON (byte 1)");
  r.expect_header("{", "the header is not UTF-8 JSON (byte 2)");
  r.expect_header("{\"\xff\":1}", "the header is not UTF-8 JSON (byte 3)");
  r.expect_header("{\"\xc0\xaf\":1}", "the header is not UTF-8 JSON (byte 3)");
  r.expect_header("{} x", "the header is not UTF-8 JSON (byte 4)");
  r.expect_header("{},", "the header is not UTF-8 JSON (byte 3)");
  r.expect_header("{/**/}", "the header is not UTF-8 JSON (byte 2)");
  r.expect_header("\xef\xbb\xbf{}", "the header begins with a byte order mark");
  r.expect_header(std::string("{}\0x", 4), "the header holds a NUL byte");
  r.expect_header("[]", "expected a JSON object as the header, got an array");
  r.expect_header("null", "expected a JSON object as the header, got null");
  r.expect_header("3", "expected a JSON object as the header, got 3");
  r.expect_header(std::string(100000, '['), "expected a JSON object as the header, got an array");
  std::string deep, closed;
  for (int i = 0; i < 100000; ++i) deep += "{\"a\":", closed += "}";
  r.expect_header(deep + "1" + closed, "tensor 'a': a field nested too deep");
  r.expect_header(R"({"w":{"shape":)" + std::string(100000, '['),
                  "tensor 'w': expected dimensions that are integers from 0, got an array");
  r.accept(file_of(" \n\t\r{}"));
  r.accept(file_of("{}  \n"));
}

TEST_CASE("safetensors that lie: keys") {
  Refusals r;
  const std::string good = entry("w", "U8", "[1]", "[0,1]");
  r.expect_header("{" + good + "," + good + "}", "tensor 'w': the name appears twice", 1);
  r.expect_header("{" + entry("a", "U8", "[0]", "[0,0]") + "," + good + "," +
                      entry("\\u0061", "U8", "[0]", "[0,0]") + "}",
                  "tensor 'a': the name appears twice", 1);
  r.expect_header(R"({"w":{"dtype":"U8","dtype":"U8"}})", "tensor 'w': 'dtype' appears twice");
  r.expect_header(R"({"w":{"shape":[],"shape":[]}})", "tensor 'w': 'shape' appears twice");
  r.expect_header(R"({"w":{"data_offsets":[0,0],"data_offsets":[0,0]}})",
                  "tensor 'w': 'data_offsets' appears twice");
  // Fields of an entry that the format does not know are passed over, as the reference does.
  r.expect_header(R"({"w":{"more":1}})", "tensor 'w': has no dtype");
  for (const char* extra : {"1", "-1", "1.5", "null", "true", R"("dtype")", "[]", R"(["F32",[1]])",
                            R"({"dtype":"F32","shape":[3]})", R"([{"a":[null,{"b":-2}]}])"}) {
    const std::string field = R"("more":)" + std::string(extra) + ',';
    r.accept(file_of(
        R"({"w":{)" + field + R"("dtype":"U8",)" + field + R"("shape":[1],"data_offsets":[0,1]}})",
        1));
  }
  r.expect_header(R"({"w":{"more":[1}})", "the header is not UTF-8 JSON (byte 16)");
  r.expect_header(R"({"w":{}})", "tensor 'w': has no dtype");
  r.expect_header(R"({"w":{"dtype":"U8"}})", "tensor 'w': has no shape");
  r.expect_header(R"({"w":{"dtype":"U8","shape":[]}})", "tensor 'w': has no data_offsets");
  r.expect_header(R"({"w":1})", "tensor 'w': expected an object, got 1");
  r.expect_header(R"({"w":"x"})", "tensor 'w': expected an object, got a string");
  r.expect_header(R"({"w":[]})", "tensor 'w': expected an object, got an array");
  r.expect_header(R"({"w":{"dtype":1}})", "tensor 'w': expected a string as dtype, got 1");
  r.expect_header(R"({"w":{"dtype":{}}})", "tensor 'w': expected a string as dtype, got an object");
  r.expect_header(R"({"w":{"shape":"[1]"}})",
                  "tensor 'w': expected an array as shape, got a string");
  r.expect_header(R"({"w":{"data_offsets":null}})",
                  "tensor 'w': expected an array as data_offsets, got null");
  r.expect_header(R"({"a\u0000b":{}})", "tensor 'a?b': the name holds a NUL character");
  r.expect_header(R"({"../../etc/passwd":{}})", "tensor '../../etc/passwd': the name holds '../'");
  r.expect_header("{\"" + std::string(1000, 'n') + "\":{}}",
                  "tensor '" + std::string(120, 'n') + "...': has no dtype");
  r.expect_header(R"({"a\nb":{}})", "tensor 'a?b': has no dtype");
}

TEST_CASE("safetensors that lie: metadata") {
  Refusals r;
  r.accept(file_of(R"({"__metadata__":null})"));
  r.expect_header(R"({"__metadata__":null,"__metadata__":{}})", "__metadata__: appears twice");
  r.expect_header(R"({"w":null})", "tensor 'w': expected an object, got null");
  r.expect_header(R"({"__metadata__":{"a":1}})", "__metadata__ 'a': expected a string, got 1");
  r.expect_header(R"({"__metadata__":{"a":null}})",
                  "__metadata__ 'a': expected a string, got null");
  r.expect_header(R"({"__metadata__":{"a":{"b":"c"}}})",
                  "__metadata__ 'a': expected a string, got an object");
  r.expect_header(R"({"__metadata__":{"a":["b"]}})",
                  "__metadata__ 'a': expected a string, got an array");
  r.expect_header(R"({"__metadata__":{"a":"1","a":"2"}})",
                  "__metadata__ 'a': the key appears twice");
  r.expect_header(R"({"__metadata__":"a"})", "__metadata__: expected an object, got a string");
  r.expect_header(R"({"__metadata__":[]})", "__metadata__: expected an object, got an array");
  r.expect_header(R"({"__metadata__":{},"__metadata__":{}})", "__metadata__: appears twice");
  r.accept(file_of(R"({"__metadata__":{}})"));
}

TEST_CASE("safetensors that lie: dtypes and shapes") {
  Refusals r;
  r.expect_tensor("F31", "[1]", "[0,4]", "unknown dtype 'F31'");
  r.expect_tensor("f32", "[1]", "[0,4]", "unknown dtype 'f32'");
  r.expect_tensor("F32", "[-1]", "[0,4]", "expected dimensions that are integers from 0, got -1");
  r.expect_tensor("F32", "[1.0]", "[0,4]", "expected dimensions that are integers from 0, got 1.0");
  r.expect_tensor("F32", "[1e0]", "[0,4]", "expected dimensions that are integers from 0, got 1e0");
  r.expect_tensor("F32", "[true]", "[0,4]",
                  "expected dimensions that are integers from 0, got true");
  r.expect_tensor("F32", "[\"1\"]", "[0,4]",
                  "expected dimensions that are integers from 0, got a string");
  r.expect_tensor("F32", "[{}]", "[0,4]",
                  "expected dimensions that are integers from 0, got an object");
  r.expect_tensor("F32", "[18446744073709551616]", "[0,4]",
                  "expected dimensions that are integers from 0, got 18446744073709551616");
  // Products that wrap to 0 or to something small.
  r.expect_tensor("F32", "[2,18446744073709551614]", "[0,0]",
                  "a dimension of 18446744073709551614 (at most 2^63 - 1)");
  for (const std::string shape :
       {"[2,9223372036854775807]", "[4294967296,4294967296]", "[0,4294967296,4294967296]",
        "[4611686018427387904]", "[4294967296,4294967296,0]"}) {
    CAPTURE(shape);
    r.expect_tensor("F32", shape, "[0,0]",
                    "the shape's elements cannot be counted in bytes of F32");
  }
  r.expect_tensor("F32", "[3]", "[0,16]", "shape and dtype ask for 12 bytes, data_offsets give 16");
  r.expect_tensor("F32", "[2,3]", "[0,16]",
                  "shape and dtype ask for 24 bytes, data_offsets give 16");
  r.expect_tensor("F32", "[]", "[0,16]", "shape and dtype ask for 4 bytes, data_offsets give 16");
  r.expect_tensor("F32", "[0]", "[0,16]", "shape and dtype ask for 0 bytes, data_offsets give 16");
  r.expect_tensor("F4", "[3]", "[0,2]", "the shape's elements cannot be counted in bytes of F4", 2);
  r.expect_tensor("F32", "[1,1,1,1,1,1,1,1,4]", "[0,16]", "9 dimensions (at most 8)");
}

TEST_CASE("safetensors that lie: offsets") {
  Refusals r;
  r.expect_tensor("F32", "[4]", "[0,16]", "data_offsets end at 16, the file has 14 bytes of data",
                  14);
  r.expect_header("{" + entry("w", "F32", "[4]", "[0,16]") + "}",
                  "2 bytes at the end belong to no tensor", 18);
  r.expect_header("{}", "5 bytes at the end belong to no tensor", 5);
  r.expect_tensor("F32", "[4]", "[]", "data_offsets with 0 entries (expected 2)");
  r.expect_tensor("F32", "[4]", "[0]", "data_offsets with 1 entries (expected 2)");
  r.expect_tensor("F32", "[4]", "[0,16,16]", "data_offsets with more than 2 entries");
  r.expect_tensor("F32", "[4]", "[-1,15]",
                  "expected data_offsets that are integers from 0, got -1");
  r.expect_tensor("F32", "[4]", "[0,16.0]",
                  "expected data_offsets that are integers from 0, got 16.0");
  r.expect_tensor("F32", "[4]", "[0.5,16]",
                  "expected data_offsets that are integers from 0, got 0.5");
  r.expect_tensor("F32", "[250]", "[0,1e3]",
                  "expected data_offsets that are integers from 0, got 1e3", 1000);
  r.expect_tensor("F32", "[4]", "[16,0]", "data_offsets begin at 16 and end at 0");
  r.expect_tensor("F32", "[4]", "[18446744073709551608,8]",
                  "data_offsets begin at 18446744073709551608 and end at 8");
  r.expect_tensor("U8", "[16]", "[18446744073709551599,18446744073709551615]",
                  "data_offsets end at 18446744073709551615, the file has 16 bytes of data");
  r.expect_tensor("F32", "[2]", "[8,16]", "8 bytes before it belong to no tensor");

  const auto two = [](const std::string& a, const std::string& b) {
    return "{" + entry("a", "U8", "[4]", a) + "," + entry("b", "U8", "[4]", b) + "}";
  };
  r.expect_header(two("[0,4]", "[6,10]"), "tensor 'b': 2 bytes before it belong to no tensor", 10);
  r.expect_header(two("[0,4]", "[2,6]"), "tensor 'b': shares bytes with tensor 'a'", 6);
  r.expect_header(two("[0,4]", "[0,4]"), "tensor 'b': shares bytes with tensor 'a'", 4);
  std::string ten = "{";
  for (char c = '0'; c <= '9'; ++c)
    ten += (c > '0' ? "," : "") + entry(std::string(1, c), "F32", "[2]", "[0,8]");
  r.expect_header(ten + "}", "tensor '1': shares bytes with tensor '0'", 8);
  // An empty tensor may lie at any border, not inside another.
  const auto with_empty = [](const std::string& offsets) {
    return "{" + entry("a", "U8", "[4]", "[0,4]") + "," + entry("e", "U8", "[0]", offsets) + "}";
  };
  r.accept(file_of(with_empty("[0,0]"), 4));
  r.accept(file_of(with_empty("[4,4]"), 4));
  r.expect_header(with_empty("[2,2]"), "tensor 'e': shares bytes with tensor 'a'", 4);
}

TEST_CASE("safetensors that lie: bool bytes") {
  Refusals r;
  std::string bytes = file_of("{" + entry("w", "BOOL", "[2]", "[0,2]") + "}", 2);
  r.accept(bytes);
  bytes.back() = 2;
  r.expect(bytes, "tensor 'w': a BOOL byte is neither 0 nor 1");
}

TEST_CASE("safetensors that lie: cut at every length, every bit of the header flipped") {
  Refusals r;
  const TemporaryFolder folder;
  save_safetensors(folder / "good", {{"x", ones({2, 2})}, {"flag", tensor<bool>({true, false})}},
                   {{"format", "pt"}});
  const std::string good = read_bytes(folder / "good");
  for (size_t n = 0; n < good.size(); ++n) {
    write_bytes(r.path(), std::string_view(good).substr(0, n));
    CHECK_THROWS_AS(load_safetensors(r.path()), FileError);
  }
  int accepted = 0;
  const size_t header_end = good.size() - 18;
  for (size_t bit = 0; bit < header_end * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = char(bad[bit / 8] ^ 1 << bit % 8);
    write_bytes(r.path(), bad);
    try {
      for (const auto& [name, x] : load_safetensors(r.path()).tensors) x.to_vector<float>();
      ++accepted;  // another letter in a name or in the metadata
    } catch (const FileError& e) {
      CHECK(std::string_view(e.what()).starts_with(r.path().string() + ": "));
      CHECK(std::string_view(e.what()).find('\n') == std::string_view::npos);
    }
  }
  CHECK(accepted < 200);
}

TEST_CASE("safetensors that lie: cut while mapped, the process ends with one line") {
  const TemporaryFolder folder;
  save_safetensors(folder / "a", {{"x", ones({8192})}});
  const auto result = in_child([&] {
    const auto x = load_safetensors(folder / "a").tensors.at("x");
    std::filesystem::resize_file(folder / "a", 4096);
    ::_exit(x.data<float>()[8191] == 1 ? 4 : 5);
  });
  CHECK(result.status == 1);
  CHECK(result.error ==
        "error: " + (folder / "a").string() + " was shortened while it was in use\n");
}
