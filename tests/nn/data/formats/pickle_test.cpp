// Pickles: what CIFAR's files hold is read, whatever would run something is not.
#include "nn/data/formats/detail/pickle.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "nn/data/formats/detail/file.h"
#include "nn/data/sources/cifar.h"
#include "tensor/error.h"
#include "tests/paths.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

using namespace std::string_literals;
using Kind = nn::Pickle::Kind;

const std::vector<std::string> kTen(10, "class");

std::string complaint(const std::string& bytes) {
  try {
    const nn::Pickle pickle(bytes, "x");
  } catch (const FileError& e) {
    return e.what();
  }
  return "";
}

std::string batch(int protocol) {
  return nn::read_unpacked(str(source_root, "/tests/golden/pickles/protocol", protocol, ".gz"));
}

}  // namespace

TEST_CASE("pickles: Python's own of protocols 3 to 5 are a CIFAR batch") {
  for (const int protocol : {3, 4, 5}) {
    CAPTURE(protocol);
    const nn::ImageData images = nn::read_cifar_pickle(batch(protocol), kTen, "x");
    REQUIRE(images->size() == 10);
    for (int64_t i = 0; i < 10; ++i) {
      const nn::Image image = images->sample(i);
      CHECK(images->label(i) == i);
      CHECK(image.pixels[3] == 20 * i);
      CHECK(image.pixels[4] == 7);
      CHECK(image.pixels[3071] == 200);
    }
  }
  // Protocol 2 has no bytes; Python 3 writes them as a call.
  CHECK(complaint(batch(2)) ==
        "x: the pickle asks for _codecs.encode; only NumPy's arrays of bytes are read, and nothing "
        "is run");
}

TEST_CASE("pickles: values of every kind, remembered and recalled") {
  // {"a": [1, -2, 300, None, True], "b": the same list}
  const std::string bytes =
      "\x80\x02}q\x00(U\x01"
      "aq\x01]q\x02(K\x01J\xfe\xff\xff\xffM\x2c\x01N\x88"
      "eU\x01"
      "bh\x02u."s;
  const nn::Pickle pickle(bytes, "x");
  const auto* a = pickle.find(pickle.root(), "a");
  REQUIRE(a != nullptr);
  CHECK(a == pickle.find(pickle.root(), "b"));
  CHECK(pickle.find(pickle.root(), "c") == nullptr);
  REQUIRE(a->items.size() == 5);
  CHECK(pickle.at(a->items[1]).number == -2);
  CHECK(pickle.at(a->items[2]).number == 300);
  CHECK(pickle.at(a->items[3]).kind == Kind::none);
  CHECK(pickle.at(a->items[4]).number == 1);
  CHECK(pickle.find(*a, "a") == nullptr);
  // A list that holds itself is no trouble.
  const nn::Pickle cycle(
      "\x80\x02]q\x00h\x00"
      "a."s,
      "x");
  CHECK(&cycle.at(cycle.root().items[0]) == &cycle.root());
  const nn::Pickle wide("\x80\x02\x8a\x02\x00\xff."s, "x");
  CHECK(wide.root().number == -256);
}

TEST_CASE("pickles that would run something, or lie") {
  CHECK(complaint("cos\nsystem\n(S'ls'\ntR.") == "x: expected a pickle of protocol 2 to 5");
  CHECK(complaint("\x80\x02"
                  "cos\nsystem\nX\x02\0\0\0ls\x85R."s) ==
        "x: the pickle asks for os.system; only NumPy's arrays of bytes are read, and nothing is "
        "run");
  CHECK(complaint("\x80\x04\x8c\x08"
                  "builtins\x8c\x04"
                  "eval\x93."s)
            .find("asks for builtins.eval") != std::string::npos);
  CHECK(complaint("\x80\x02"
                  "cnumpy\nload\n."s)
            .find("asks for numpy.load") != std::string::npos);
  CHECK(complaint("\x80\x02i"s) ==
        "x: the pickle holds the opcode 105, which no file of pictures needs");
  CHECK(complaint("\x80\x06N."s) == "x: the pickle has an unknown protocol");
  for (const std::string& bad : {"\x80\x02."s, "\x80\x02t."s, "\x80\x02NNNa."s, "\x80\x02h\x07."s,
                                 "\x80\x02}(Nu."s, "\x80\x02(NR."s, "\x80\x02}b."s, "\x80\x02NNR."s,
                                 "\x80\x02\x8a\x09xxxxxxxxx."s, "\x80\x02T\xff\xff\xff\xff"s}) {
    CAPTURE(bad);
    CHECK(complaint(bad).starts_with("x: the pickle "));
  }
  const std::string good = batch(4);
  for (size_t length = 0; length < good.size(); length += length < 300 ? 1 : 997)
    CHECK(!complaint(good.substr(0, length)).empty());
  CHECK(complaint("\x80\x02" + std::string(1'000'001, 'N')) ==
        "x: the pickle holds more than a million values");
}

}  // namespace papilio::test
