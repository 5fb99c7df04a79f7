// gzip and tar: what is read, and what is refused.
#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "nn/data/formats/detail/gzip.h"
#include "nn/data/formats/detail/tar.h"
#include "tensor/error.h"
#include "tests/nn/data/files.h"

namespace papilio::test {

TEST_CASE("gzip: cut short anywhere, any bit flipped in data or checksum, or followed by dirt") {
  const std::string text = "forty-two butterflies, forty-two butterflies\n", good = gzip(text);
  CHECK(nn::gunzip(good, "x") == text);
  CHECK(nn::gunzip(gzip(""), "x").empty());
  for (size_t length = 0; length < good.size(); ++length)
    CHECK_THROWS_AS(nn::gunzip(good.substr(0, length), "x"), FileError);
  for (size_t bit = 80; bit < 8 * good.size(); ++bit) {
    std::string bad = good;
    bad[bit / 8] = char(bad[bit / 8] ^ (1 << bit % 8));
    std::string got = text, what;
    try {
      got = nn::gunzip(bad, "x");
    } catch (const FileError& e) {
      what = e.what();
    }
    CHECK_MESSAGE(got == text, bit);  // padding bits of the last block mean nothing
    CHECK((what.empty() || what.starts_with("x: the gzip data is ")));
  }
  std::string crc = good;
  crc[good.size() - 8] = char(~crc[good.size() - 8]);
  CHECK_THROWS_WITH_AS(nn::gunzip(crc, "x"), "x: the gzip data is corrupt (incorrect data check)",
                       FileError);
  std::string length = good;
  length.back() = 1;
  CHECK_THROWS_WITH_AS(nn::gunzip(length, "x"),
                       "x: the gzip data is corrupt (incorrect length check)", FileError);
  // Members one after another are gzip's own rule; anything else behind one is not.
  CHECK(nn::gunzip(good + good, "x") == text + text);
  CHECK_THROWS_WITH_AS(nn::gunzip(good + "dirt", "x"),
                       "x: the gzip data is corrupt (incorrect header check)", FileError);
  // ... but for zeros, with which tapes and disk blocks are filled up.
  const std::string zeros(700, '\0');
  CHECK(nn::gunzip(good + zeros, "x") == text);
  CHECK(nn::gunzip(good + zeros + good + zeros, "x") == text + text);
  CHECK_THROWS_AS(nn::gunzip(good + zeros + "dirt", "x"), FileError);
  CHECK_THROWS_AS(nn::gunzip(zeros, "x"), FileError);
}

TEST_CASE("gzip: a bomb stops at the limit") {
  const std::string bomb = gzip(gzip(std::string(8'000'000, '\0')));
  CHECK(bomb.size() < 2000);
  const std::string inner = nn::gunzip(bomb, "x");
  CHECK_THROWS_WITH_AS(nn::gunzip(inner, "x", 1'000'000), "x: unpacks to more than 1000000 bytes",
                       FileError);
  // The limit is that of memory. Data that says its size takes no more; data that says a wrong one,
  // as members one after another do, grows into more memory beside what is there.
  const std::string one = gzip(std::string(400'000, 'a'));
  CHECK(nn::gunzip(one, "x", 400'000).size() == 400'000);
  CHECK_THROWS_AS(nn::gunzip(one, "x", 399'999), FileError);
  CHECK(nn::gunzip(one + one, "x", 2'000'000).size() == 800'000);
  CHECK_THROWS_AS(nn::gunzip(one + one, "x", 1'000'000), FileError);
  std::string lies = one;
  lies.replace(lies.size() - 4, 4, "\xff\xff\xff\x7f");
  CHECK_THROWS_WITH_AS(nn::gunzip(lies, "x"),
                       "x: the gzip data is corrupt (incorrect length check)", FileError);
}

TEST_CASE("tar: files in their order, folders passed over") {
  const std::string bytes =
      tar({tar_member("a/", "", '5'), tar_member("a/one", "1"),
           tar_member("a/./two", std::string(700, '2')), tar_member("empty", "")});
  CHECK(nn::is_tar(bytes));
  const auto members = nn::read_tar(bytes, "x");
  REQUIRE(members.size() == 3);
  CHECK(members[0].path == "a/one");
  CHECK(members[0].data == "1");
  CHECK(members[1].data == std::string(700, '2'));
  CHECK(members[2].data.empty());
  CHECK(nn::read_tar(tar({}), "x").empty());
  // POSIX puts the beginning of a long path into a field of its own; times may stand in a header.
  std::string prefixed = tar_member("b", "1");
  prefixed.replace(345, 4, "long");
  const auto other = nn::read_tar(
      tar({tar_member("pax", "20 mtime=1234567890\n", 'x'), with_checksum(prefixed)}), "x");
  REQUIRE(other.size() == 1);
  CHECK(other[0].path == "long/b");
}

TEST_CASE("tar: long names of GNU and pax, names beyond ASCII, v7, what macOS adds") {
  const std::string name = std::string(120, 'd') + "/Schl\xc3\xbcssel.png",
                    pax_path = str(name.size() + 10, " path=", name, "\n");
  const auto paths = [](const std::vector<std::string>& members) {
    std::vector<std::string> result;
    for (const nn::TarMember& member : nn::read_tar(tar(members), "x"))
      result.push_back(member.path);
    return result;
  };
  using Paths = std::vector<std::string>;
  const std::string file = tar_member("short", "1"), other = tar_member("other", "2");
  const std::string long_link = tar_member("././@LongLink", name + '\0', 'L');
  CHECK(paths({long_link, file, other}) == Paths{name, "other"});
  CHECK(paths({tar_member("pax", pax_path, 'x'), file, other}) == Paths{name, "other"});
  CHECK(paths({tar_member("pax", "20 mtime=1234567890\n" + pax_path, 'x'), file}) == Paths{name});
  CHECK(paths({tar_member("K", "target", 'K'), long_link, file}) == Paths{name});
  const std::string archive =
      tar({tar_member("pax", "10 size=3\n", 'x'), tar_member("a", "123", '0', "00000000000")});
  CHECK(nn::read_tar(archive, "x").at(0).data == "123");
  CHECK(paths({tar_member("Schl\xc3\xbcssel", "1")}) == Paths{"Schl\xc3\xbcssel"});
  CHECK(paths({tar_member("__MACOSX/a/._b", "1"), tar_member("a/._b", "1"),
               tar_member("a/.DS_Store", "1"), tar_member("a/__MACOSX/b", "1"),
               tar_member("a/b", "1")}) == Paths{"a/b"});
  // v7 has no magic, marks no files and has a slash behind folders; what follows the link's name
  // is not its own.
  const auto v7 = [](std::string member) {
    member[156] = '\0';
    member.replace(257, 255, 255, 'x');
    return with_checksum(member);
  };
  CHECK(nn::is_tar(v7(tar_member("a", ""))));
  CHECK(paths({v7(tar_member("a/", "")), v7(tar_member("a/b", ""))}) == Paths{"a/b"});
  CHECK_FALSE(nn::is_tar(std::string(512, '\0')));
  CHECK_FALSE(nn::is_tar(std::string(600, 'x')));
}

TEST_CASE("tar: members that climb, point elsewhere or lie are refused") {
  const auto complaint = [](const std::string& bytes) -> std::string {
    try {
      nn::read_tar(bytes, "x");
    } catch (const FileError& e) {
      return e.what();
    }
    return "";
  };
  const std::string inside = " is no path inside the archive's own folder";
  CHECK(complaint(tar({tar_member("/etc/passwd", "x")})) == "x: /etc/passwd" + inside);
  CHECK(complaint(tar({tar_member("../up", "x")})) == "x: ../up" + inside);
  CHECK(complaint(tar({tar_member("a/../../up", "x")})) == "x: a/../../up" + inside);
  CHECK(complaint(tar({tar_member("a/..", "", '5')})) == "x: a/.." + inside);
  CHECK(complaint(tar({tar_member("", "x")})) == "x: " + inside);
  CHECK(complaint(tar({tar_member("l", "", '1')})) == "x: l is a link");
  CHECK(complaint(tar({tar_member("l", "", '2')})) == "x: l is a link");
  for (char kind : {'3', '4', '6', 'S'})
    CHECK(complaint(tar({tar_member("d", "", kind)})) == "x: d is neither a file nor a folder");
  const auto behind = [&](const std::string& records, char kind = 'x') {
    return complaint(tar({tar_member("pax", records, kind), tar_member("a", "1")}));
  };
  CHECK(behind("16 path=../../x\n") == "x: ../../x" + inside);
  CHECK(behind("11 path=/x\n") == "x: /x" + inside);
  CHECK(behind(std::string("12 path=a\0b\n", 12)) == "x: a");  // what() ends at NUL
  CHECK(behind("../x", 'L') == "x: ../x" + inside);
  CHECK(behind("11 size=-1\n") ==
        "x: a says it has no readable size, which is not what the archive holds");
  CHECK(behind("20 size=99999999999\n") ==
        "x: a says it has 99999999999 bytes, which is not what the archive holds");
  CHECK(behind("10 path=x\n", 'g') ==
        "x: a tar header that names or sizes all files is not supported");
  CHECK(behind("22 GNU.sparse.major=1\n") == "x: holds sparse files");
  for (const char* records : {"path=x\n", "5 path=x\n", "99 path=x\n", "10 path=xx", "0 \n",
                              "99999999999999999999 path=x\n", "4 x\n"})
    CHECK(behind(records) == "x: an extended tar header is corrupt");
  CHECK(complaint(tar({tar_member("big", "x", '0', "77777777777")})) ==
        "x: big says it has 8589934591 bytes, which is not what the archive holds");
  // GNU's binary sizes, negative ones among them, are for files no data set has.
  CHECK(
      complaint(tar({tar_member("big", "x", '0', "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")}))
          .starts_with("x: big says it has no readable size"));
  const std::string good = tar({tar_member("a", std::string(600, 'a'))});
  for (size_t length : {0u, 1u, 511u, 512u, 1000u, 1536u, 2047u})
    CHECK(complaint(good.substr(0, length)).starts_with("x: "));
  CHECK(complaint(good.substr(0, 2048)).empty());  // one empty block is end enough
  for (size_t bit = 0; bit < 8 * 512; ++bit) {
    std::string bad = good;
    bad[bit / 8] = char(bad[bit / 8] ^ (1 << bit % 8));
    if (bit / 8 < 148 || bit / 8 > 155) CHECK_MESSAGE(!complaint(bad).empty(), bit);
  }
}

}  // namespace papilio::test
