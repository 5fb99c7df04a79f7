#include "nn/data/sources/webdataset.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "nn/data/sources/image_sources.h"
#include "tests/nn/data/files.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

namespace fs = std::filesystem;

// Samples from `first`: a picture whose red is the sample's number, and its class, the number
// modulo 3.
std::string shard(int first, int n) {
  std::vector<std::string> members;
  for (int i = first; i < first + n; ++i) {
    const std::string key = "data/" + std::to_string(1000 + i);
    members.push_back(tar_member(key + ".png", plain_png(2, 2, i, 0, 0)));
    members.push_back(tar_member(key + ".cls", std::to_string(i % 3) + "\n"));
    members.push_back(tar_member(key + ".seg.png", "another picture"));
  }
  return tar(members);
}

}  // namespace

TEST_CASE("webdataset: one file, or a folder of shards with their parts in their names") {
  const TemporaryFolder folder;
  write_bytes(folder / "photos-train-0000.tar", shard(0, 9));
  write_bytes(folder / "photos-train-0001.tar", shard(9, 9));
  write_bytes(folder / "photos-validation-0000.tar", shard(30, 3));
  write_bytes(folder / "photos-test-0000.tar", shard(60, 6));
  const nn::ImageSplits splits = nn::open_images(folder.path());
  CHECK(splits.kind == "webdataset");
  CHECK(splits.class_names() == std::vector<std::string>{"0", "1", "2"});
  REQUIRE(splits.train->size() == 18);
  CHECK(splits.validation->size() == 3);
  CHECK(splits.test->size() == 6);
  for (int64_t i = 0; i < 18; ++i) {
    CHECK(splits.train->sample(i).pixels[0] == i);
    CHECK(splits.train->label(i) == i % 3);
  }
  CHECK(splits.test->name(0) == (folder / "photos-test-0000.tar/data/1060.png").string());
  CHECK(splits.train->files(9) == std::vector{folder / "photos-train-0001.tar"});
  write_bytes(folder / "classes.txt", "cat\ndog\nowl\n");
  CHECK(nn::open_images(folder.path()).class_names() ==
        std::vector<std::string>{"cat", "dog", "owl"});
  const nn::ImageSplits one =
      nn::open_images(folder / "photos-train-0000.tar", {.validation = 0, .test = 0});
  CHECK(one.train->size() == 9);
  CHECK(one.class_names()[2] == "owl");
}

TEST_CASE("webdataset: packed by gzip; other compressions are named") {
  const TemporaryFolder folder;
  write_bytes(folder / "photos-train-0000.tar", shard(0, 6));
  write_bytes(folder / "photos-train-0001.tar.gz", gzip(shard(9, 6)));
  write_bytes(folder / "photos-test-0000.tgz", gzip(shard(30, 3)));
  const nn::ImageSplits splits = nn::open_images(folder.path(), {.validation = 0, .test = 0});
  REQUIRE(splits.train->size() == 12);
  CHECK(splits.train->sample(11).pixels[0] == 14);
  CHECK(splits.test->size() == 3);
  CHECK(splits.test->name(0) == (folder / "photos-test-0000.tgz/data/1030.png").string());
  CHECK(nn::open_images(folder / "photos-test-0000.tgz").kind == "webdataset");

  const std::string xz = std::string(
                             "\xfd"
                             "7zXZ\0",
                             6) +
                         std::string(600, 'x');
  write_bytes(folder / "photos-train-0002.tar.xz", xz);
  const nn::ImageSplits some = nn::open_images(folder.path());
  CHECK(some.notes == std::vector<std::string>{(folder / "photos-train-0002.tar.xz").string() +
                                               ": is left out: xz data"});
  const TemporaryFolder other;
  write_bytes(other / "a.tar.xz", xz);
  const std::string says = ": is xz data; tar files are read as they are or packed by gzip";
  CHECK(refusal(other / "a.tar.xz") == says);
  CHECK(refusal(other.path()) == "/a.tar.xz" + says);
  // In a set of pictures in folders a shard is no part.
  fs::create_directories(other / "owl");
  write_bytes(other / "owl/1.png", plain_png(2, 2, 1, 0, 0));
  CHECK(nn::open_images(other.path()).kind == "folder");
  // Cut gzip data is no shard, or one that is refused.
  const std::string whole = gzip(shard(0, 3));
  for (size_t length = 0; length < whole.size(); length += 7) {
    write_bytes(folder / "cut.tar.gz", whole.substr(0, length));
    CHECK(!refusal(folder / "cut.tar.gz").empty());
  }
}

TEST_CASE("webdataset: as tar packs a folder: its own entries and files without endings pass") {
  const TemporaryFolder folder;
  const fs::path file = folder / "a.tar";
  const std::string picture = plain_png(2, 2, 1, 0, 0);
  const std::string long_name = std::string(120, 'x') + ".png";
  for (const std::vector<std::string>& before : std::vector<std::vector<std::string>>{
           {tar_member("./", "", '5')},
           {tar_member("data", "", '5'), tar_member("data/deep/", "", '5')},
           {tar_member("./README", "words"), tar_member("./._0.png", "macOS")},
           {tar_member("././@LongLink", long_name, 'L'), tar_member("x", "", '5'),
            tar_member("pax_global_header", "27 comment=0123456789abcde\n", 'g')}}) {
    std::vector<std::string> members = before;
    for (const std::string key : {"./0", "./1"}) {
      members.push_back(tar_member(key + ".cls", key == "./0" ? "red" : "blue"));
      members.push_back(tar_member(key + ".png", picture));
      members.push_back(tar_member("./more" + key.substr(1), "", '5'));
    }
    for (const bool packed : {false, true}) {
      write_bytes(file, packed ? gzip(tar(members)) : tar(members));
      const nn::ImageSplits splits = nn::open_images(file, {.validation = 0, .test = 0});
      CHECK(splits.kind == "webdataset");
      CHECK(splits.train->size() == 2);
      CHECK(splits.class_names() == std::vector<std::string>{"blue", "red"});
    }
  }
  const auto refused = [&](const std::vector<std::string>& members, const std::string& says) {
    write_bytes(file, tar(members));
    CHECK(refusal(file) == says);
  };
  refused({tar_member("./", "", '5'), tar_member("./1.cls", "a"), tar_member("./0.cls", "a"),
           tar_member("./1.png", picture), tar_member("./0.png", picture)},
          ", ./1: has no picture (.jpg, .jpeg or .png); a sample's files must be neighbours (tar "
          "--sort=name)");
  refused({tar_member("cat/", "", '5'), tar_member("cat/1.png", picture)},
          ", cat/1: has no class (.cls, or label in .json); folders of pictures are read unpacked");
}

TEST_CASE("webdataset: labels in JSON; what a sample lacks is said") {
  const TemporaryFolder folder;
  const fs::path file = folder / "a.tar";
  const std::string picture = plain_png(2, 2, 1, 0, 0);
  write_bytes(file, tar({tar_member("0.json", R"({"label": "red", "other": [1]})"),
                         tar_member("0.png", picture), tar_member("1.png", picture),
                         tar_member("1.json", R"({"label": "blue"})")}));
  CHECK(nn::open_images(file, {.validation = 0, .test = 0}).class_names() ==
        std::vector<std::string>{"blue", "red"});
  const auto refused = [&](const std::vector<std::string>& members, const std::string& says) {
    write_bytes(file, tar(members));
    CHECK(refusal(file) == says);
  };
  refused({tar_member("0.png", picture)},
          ", 0: has no class (.cls, or label in .json); folders of pictures are read unpacked");
  refused({tar_member("0.cls", "1")}, ", 0: has no picture (.jpg, .jpeg or .png)");
  refused({tar_member("0.png", picture), tar_member("0.jpg", picture), tar_member("0.cls", "1")},
          ", 0.jpg: is a second picture of its sample");
  refused({tar_member("0.png", picture), tar_member("0.json", R"({"label": 0.5})")},
          ", 0: has no class (.cls, or label in .json)");
  refused({tar_member("0.png", picture), tar_member("0.cls", std::string(2000, '1'))},
          ", 0.cls: is too long for a class");
  write_bytes(folder / "classes.txt", "cat\n");
  refused({tar_member("0.png", picture), tar_member("0.cls", "7")},
          "/0.png: class 7 is out of range for 1 names");
  write_bytes(file, tar({tar_member("0.png", picture), tar_member("0.cls", "0")}).substr(0, 700));
  CHECK(refusal(file) != "");
}

TEST_CASE("webdataset: a README.txt, first or between samples, is left out and said") {
  const TemporaryFolder folder;
  const fs::path file = folder / "a.tar";
  const auto sample = [](int i) {
    const std::string key = std::to_string(i);
    return tar_member(key + ".png", plain_png(2, 2, i, 0, 0)) + tar_member(key + ".cls", key);
  };
  const std::string read_me = tar_member("README.txt", "words"),
                    info = tar_member("dataset_info.json", R"({"version": 1})");
  for (const std::vector<std::string>& members :
       std::vector<std::vector<std::string>>{{read_me, info, sample(0), sample(1), sample(2)},
                                             {sample(0), sample(1), read_me, info, sample(2)},
                                             {sample(0), read_me, sample(1), sample(2), info}}) {
    for (const bool packed : {false, true}) {
      write_bytes(file, packed ? gzip(tar(members)) : tar(members));
      const nn::ImageSplits splits = nn::open_images(file, {.validation = 0, .test = 0});
      CHECK(splits.kind == "webdataset");
      REQUIRE(splits.train->size() == 3);
      for (int64_t i = 0; i < 3; ++i) {
        CHECK(splits.train->sample(i).pixels[0] == i);  // in the archive's order
        CHECK(splits.train->label(i) == i);
        CHECK(splits.train->name(i) == file.string() + '/' + std::to_string(i) + ".png");
      }
      CHECK(splits.notes ==
            std::vector<std::string>{
                file.string() +
                ": left out, neither picture nor class: README.txt, dataset_info.json"});
    }
  }
  // Without samples it is none.
  write_bytes(file, tar({read_me, info}));
  CHECK(refusal(file) == ": holds no picture with a label");
  write_bytes(file, tar({read_me}));
  CHECK_FALSE(refusal(file).empty());
}

}  // namespace papilio::test
