#include "boft/ops/butterfly_shape.h"

#include <cstdint>
#include <string>

#include <doctest/doctest.h>

namespace papilio::test {

namespace {

std::string message(int64_t d, int64_t size, int64_t num, int64_t m) {
  try {
    butterfly_shape("layer.q", d, size, num, m);
  } catch (const ArgumentError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("butterfly_shape") {
  const ButterflyShape a = butterfly_shape("layer.q", 48, 0, 12, 3),
                       b = butterfly_shape("layer.q", 10, 5, 0, 1);
  CHECK(a.b == 4);
  CHECK(a.blocks == 12);
  CHECK(a.segment() == 16);
  CHECK(a.factors() == Dims{3, 12, 4, 4});
  CHECK(b.blocks == 2);
  CHECK(b.segment() == 5);
}

TEST_CASE("butterfly_shape accepts exactly what the rules say") {
  for (int64_t d = 1; d <= 48; ++d)
    for (int64_t b = 1; b <= d + 1; ++b)
      for (int64_t m = 1; m <= 7; ++m) {
        const bool even =
            b % 2 == 0 && d % b == 0 && d / b % 2 == 0 && d % (b * (1 << (m - 1))) == 0;
        const bool valid = d % b == 0 && (m == 1 || even);
        CHECK((message(d, b, 0, m) == "no error") == valid);
        if (d % b == 0) CHECK((message(d, 0, d / b, m) == "no error") == valid);
      }
}

TEST_CASE("butterfly_shape's errors name the numbers and what would work") {
  CHECK(message(768, 0, 0, 1) ==
        "layer.q: expected exactly one of boft_block_size and boft_block_num above 0, got 0 and 0");
  CHECK(
      message(768, 4, 192, 1) ==
      "layer.q: expected exactly one of boft_block_size and boft_block_num above 0, got 4 and 192");
  CHECK(
      message(768, -4, 0, 1) ==
      "layer.q: expected exactly one of boft_block_size and boft_block_num above 0, got -4 and 0");
  CHECK(message(768, 4, 0, 0) == "layer.q: expected boft_n_butterfly_factor of at least 1, got 0");
  CHECK(message(0, 4, 0, 1) == "layer.q: expected at least one input coordinate, got 0");
  CHECK(message(768, 5, 0, 1) ==
        "layer.q: boft_block_size 5 does not divide 768 coordinates; nearest valid "
        "boft_block_size: 4 and 6");
  CHECK(message(768, 1000, 0, 1) ==
        "layer.q: boft_block_size 1000 does not divide 768 coordinates; nearest valid "
        "boft_block_size: 768");
  CHECK(message(768, 0, 5, 2) ==
        "layer.q: boft_block_num 5 does not divide 768 coordinates; nearest valid boft_block_num: "
        "4 and 6");
  CHECK(message(12, 3, 0, 2) ==
        "layer.q: boft_n_butterfly_factor 2 needs an even block size, got 3; nearest valid "
        "boft_block_size: 2 and 6, or boft_n_butterfly_factor up to 1");
  CHECK(message(24, 4, 0, 3) ==
        "layer.q: boft_n_butterfly_factor 3 needs a number of blocks divisible by 2^2, got 6 "
        "blocks of 4; nearest valid boft_block_size: 2 and 6, or boft_n_butterfly_factor up to 2");
  CHECK(message(24, 0, 6, 3) ==
        "layer.q: boft_n_butterfly_factor 3 needs a number of blocks divisible by 2^2, got 6 "
        "blocks of 4; nearest valid boft_block_num: 4 and 12, or boft_n_butterfly_factor up to 2");
  CHECK(message(15, 3, 0, 2) ==
        "layer.q: boft_n_butterfly_factor 2 needs an even block size, got 3; no block size fits; "
        "boft_n_butterfly_factor can be at most 1");
  CHECK(message(48, 4, 0, 100) ==
        "layer.q: boft_n_butterfly_factor 100 needs a number of blocks divisible by 2^99, got 12 "
        "blocks of 4; no block size fits; boft_n_butterfly_factor can be at most 4");
  CHECK(message(64, 64, 0, 2) ==
        "layer.q: boft_n_butterfly_factor 2 needs a number of blocks divisible by 2^1, got 1 block "
        "of 64; nearest valid boft_block_size: 32, or boft_n_butterfly_factor up to 1");
}

TEST_CASE("butterfly_shape answers at once, however many factors are asked for") {
  for (int64_t m : {int64_t(62), int64_t(1) << 62, INT64_MAX}) {
    CHECK(
        message(48, 4, 0, m) ==
        str("layer.q: boft_n_butterfly_factor ", m, " needs a number of blocks divisible by 2^",
            m - 1,
            ", got 12 blocks of 4; no block size fits; boft_n_butterfly_factor can be at most 4"));
  }
}

}  // namespace papilio::test
