#include "nn/text/normalize.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

#include "nn/text/utf8.h"

namespace papilio::test {

// The number is Python's over its unicodedata (tests/peers/make_unicode.py).
TEST_CASE("normal form C and lower case of every character are Python's") {
  uint64_t hash = 0xCBF29CE484222325;
  for (uint32_t code = 0; code < 0x110000; ++code) {
    if (code >= 0xD800 && code <= 0xDFFF) continue;
    std::string character;
    nn::append_utf8(character, char32_t(code));
    for (const char byte : nn::lower_case(nn::nfc(character)))
      hash = (hash ^ uint8_t(byte)) * 0x100000001B3;
  }
  CHECK(hash == 0xA574708EF31ACF54);
}

TEST_CASE("normal form C: marks in order, compositions, exclusions, Hangul") {
  CHECK(nn::nfc("e\u0301") == "\u00e9");
  CHECK(nn::nfc("\u212b") == "\u00c5");                   // angstrom
  CHECK(nn::nfc("\u1e9b\u0323") == "\u1e9b\u0323");       // The Unicode Standard, annex 15
  CHECK(nn::nfc("q\u0307\u0323") == "q\u0323\u0307");     // by class
  CHECK(nn::nfc("a\u0323\u0302") == "\u1ead");            // two steps
  CHECK(nn::nfc("a\u0302\u0323") == "\u1ead");            // in the other order
  CHECK(nn::nfc("\u0958") == "\u0915\u093c");             // never composed again
  CHECK(nn::nfc("\u1112\u1161\u11ab") == "\ud55c");       // a syllable of three
  CHECK(nn::nfc("\uac00\u11a8") == "\uac01");             // of a syllable and an end
  CHECK(nn::nfc("a\u0301\u0301") == "\u00e1\u0301");      // blocked
  CHECK(nn::nfc("\u0301a") == "\u0301a");                 // a mark with nothing before
  CHECK(nn::nfc("caf\xe9 e\u0301") == "caf\xe9 \u00e9");  // bytes that are no UTF-8
  CHECK(nn::nfc("") == "");
}

TEST_CASE("lower case: whatever stands around, and the one that becomes two") {
  CHECK(nn::lower_case("ÀÉÎ ΣΑΣ ЖЯ ABC ß") == "àéî σασ жя abc ß");
  CHECK(nn::lower_case("\u0130") == "i\u0307");
  CHECK(nn::lower_case("\u01c5\u2126\U00010400") == "\u01c6\u03c9\U00010428");
  CHECK(nn::lower_case("A\xff"
                       "B") ==
        "a\xff"
        "b");
}

}  // namespace papilio::test
