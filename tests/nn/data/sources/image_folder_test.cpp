#include "nn/data/sources/image_folder.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "nn/data/sources/image_sources.h"
#include "tensor/error.h"
#include "tests/capture_bound.h"
#include "tests/nn/data/files.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

namespace fs = std::filesystem;

// n pictures of each class, of a size of their own.
void write_classes(const fs::path& root, const std::vector<std::string>& classes, int n) {
  for (const std::string& name : classes) {
    fs::create_directories(root / name);
    for (int i = 0; i < n; ++i)
      write_bytes(root / name / (std::to_string(i) + ".png"), plain_png(i + 1, 2, i, 0, 0));
  }
}

std::set<std::string> names(const nn::ImageData& data) {
  std::set<std::string> result;
  for (int64_t i = 0; i < data->size(); ++i) result.insert(data->name(i));
  return result;
}

}  // namespace

TEST_CASE("a folder without parts is divided by seed, every class alike, every picture once") {
  TemporaryFolder folder;
  write_classes(folder.path(), {"dog", "cat", "Bird"}, 20);
  const nn::ImageSplits splits =
      nn::open_images(folder.path(), {.validation = 0.1, .test = 0.25, .seed = 1});
  CHECK(splits.kind == "folder");
  CHECK(splits.notes.empty());
  CHECK(splits.train->class_names() == std::vector<std::string>{"Bird", "cat", "dog"});
  CHECK(nn::class_counts(*splits.train) == std::vector<int64_t>(3, 13));
  CHECK(nn::class_counts(*splits.validation) == std::vector<int64_t>(3, 2));
  CHECK(nn::class_counts(*splits.test) == std::vector<int64_t>(3, 5));
  std::set<std::string> all = names(splits.train);
  all.merge(names(splits.validation));
  all.merge(names(splits.test));
  CHECK(all.size() == 60);
  const auto again = nn::open_images(folder.path(), {.validation = 0.1, .test = 0.25, .seed = 1});
  CHECK(names(again.test) == names(splits.test));
  const auto other = nn::open_images(folder.path(), {.validation = 0.1, .test = 0.25, .seed = 2});
  CHECK(names(other.test) != names(splits.test));
  for (int64_t i = 0; i < splits.test->size(); ++i) {
    const nn::Image image = splits.test->sample(i);
    CHECK(image.width == image.pixels[0] + 1);
    CHECK(splits.test->files(i) == std::vector<fs::path>{splits.test->name(i)});
  }
  CHECK_THROWS_AS(nn::open_images(folder.path(), {.validation = 0.5, .test = 0.5}), ArgumentError);
}

TEST_CASE("train, val and test folders keep their parts and train's classes") {
  TemporaryFolder folder;
  write_classes(folder / "train", {"a", "b", "c"}, 10);
  nn::ImageSplits splits = nn::open_images(folder.path());
  CHECK(splits.train->size() == 24);
  write_classes(folder / "val", {"c"}, 2);
  write_classes(folder / "test", {"a", "c"}, 3);
  splits = nn::open_images(folder.path());
  CHECK(splits.train->size() == 30);
  CHECK(splits.validation->size() == 2);
  CHECK(splits.validation->label(0) == 2);
  CHECK(splits.test->class_names() == splits.train->class_names());
  CHECK(nn::class_counts(*splits.test) == std::vector<int64_t>{3, 0, 3});
  write_classes(folder / "test", {"d"}, 1);
  CHECK(refusal(folder.path()) == "/test/d: is a class that the training part does not have");
}

TEST_CASE("parts are recognised under any of their names, and are never classes") {
  for (const auto& [train, validation, test] :
       {std::tuple("training", "", "testing"), std::tuple("Train", "Val", "Test"),
        std::tuple("train", "dev", "TEST"), std::tuple("TRAIN", "Validation", "")}) {
    CAPTURE_BOUND(train);
    TemporaryFolder folder;
    write_classes(folder / train, {"cat", "dog"}, 10);
    if (*validation != '\0') write_classes(folder / validation, {"cat", "dog"}, 2);
    if (*test != '\0') write_classes(folder / test, {"cat", "dog"}, 3);
    write_classes(folder / "@eaDir", {"thumb"}, 1);
    write_classes(folder / "__MACOSX", {"x"}, 1);
    write_classes(folder / train / "cat", {"@eaDir"}, 4);
    const nn::ImageSplits splits = nn::open_images(folder.path());
    CHECK(splits.class_names() == std::vector<std::string>{"cat", "dog"});
    CHECK(splits.notes.empty());
    CHECK(splits.validation->size() == (*validation != '\0' ? 4 : 2));
    CHECK(splits.test->size() == (*test != '\0' ? 6 : 2));
    CHECK(splits.train->size() == 20 - (*validation == '\0' ? 2 : 0) - (*test == '\0' ? 2 : 0));
  }
}

TEST_CASE("parts without one to train on, and one part twice, are refused in words") {
  TemporaryFolder folder;
  write_classes(folder / "val", {"cat", "dog"}, 3);
  write_classes(folder / "test", {"cat", "dog"}, 3);
  CHECK(refusal(folder.path()) ==
        ": holds val, a part of a data set, but none to train on; name that one train, or give the "
        "path of one part");
  write_classes(folder / "train", {"cat", "dog"}, 3);
  write_classes(folder / "Train", {"cat", "dog"}, 3);
  CHECK(refusal(folder.path()).find(", which are the same part; keep one of them") !=
        std::string::npos);
  // Classes may be called so: their folders hold pictures.
  TemporaryFolder classes;
  write_classes(classes.path(), {"dev", "production", "test"}, 3);
  CHECK(nn::open_images(classes.path()).class_names() ==
        std::vector<std::string>{"dev", "production", "test"});
}

TEST_CASE("a data set one level down, as archives unpack, is found") {
  TemporaryFolder folder;
  write_classes(folder / "flowers/train", {"a", "b"}, 4);
  write_classes(folder / "flowers/test", {"a", "b"}, 2);
  write_classes(folder / "__MACOSX/flowers", {"a"}, 2);
  CHECK(nn::open_images(folder.path()).class_names() == std::vector<std::string>{"a", "b"});
  CHECK(nn::open_images(folder.path()).test->size() == 4);
  TemporaryFolder undivided;
  write_classes(undivided / "deep/photos", {"a", "b"}, 4);
  CHECK(nn::open_images(undivided.path()).class_names() == std::vector<std::string>{"a", "b"});
  TemporaryFolder only;  // one class is one
  write_classes(only.path(), {"a"}, 4);
  CHECK(nn::open_images(only.path()).class_names() == std::vector<std::string>{"a"});
}

TEST_CASE("a class without pictures in a part, and pictures without classes, are said") {
  TemporaryFolder folder;
  write_classes(folder / "train", {"a", "b", "c"}, 10);
  write_classes(folder / "test", {"a", "c"}, 3);
  fs::create_directories(folder / "test/b");
  nn::ImageSplits splits = nn::open_images(folder.path());
  CHECK(nn::class_counts(*splits.test) == std::vector<int64_t>{3, 0, 3});
  CHECK(splits.notes ==
        std::vector<std::string>{(folder / "test").string() + ": holds no picture of class b"});
  fs::create_directories(folder / "train/d");
  CHECK(refusal(folder.path()) == "/train/d: holds no picture (.jpg, .jpeg or .png)");
  fs::remove(folder / "train/d");
  // A class that only another part has pictures of is a class that nothing trains.
  fs::create_directories(folder / "train/b0");
  fs::create_directories(folder / "test/b0");
  CHECK(refusal(folder.path()) == "/train/b0: holds no picture (.jpg, .jpeg or .png)");
  write_classes(folder / "test", {"b0"}, 2);
  splits = nn::open_images(folder.path());
  CHECK(splits.class_names() == std::vector<std::string>{"a", "b", "b0", "c"});
  CHECK(nn::class_counts(*splits.train)[2] == 0);
  CHECK(nn::class_counts(*splits.test) == std::vector<int64_t>{3, 0, 2, 3});
  CHECK(splits.notes ==
        std::vector<std::string>{(folder / "train").string() + ": holds no picture of class b0",
                                 (folder / "test").string() + ": holds no picture of class b"});
  fs::remove_all(folder / "train/b0");
  fs::remove_all(folder / "test");
  write_classes(folder.path(), {"test"}, 5);  // flat
  write_classes(folder.path(), {"raw"}, 1);
  splits = nn::open_images(folder.path());
  CHECK(splits.test->size() == 3);  // held out of train
  CHECK(splits.notes == std::vector<std::string>{
                            (folder / "test").string() +
                                ": its 5 pictures are left out: they lie in no class's folder",
                            (folder / "raw").string() + ": is left out: no part of the data set"});
}

TEST_CASE("what is no picture is left out and counted; folders inside a class belong to it") {
  TemporaryFolder folder;
  write_classes(folder.path(), {"a", "b"}, 3);
  write_classes(folder / "a", {"deep"}, 2);
  write_bytes(folder / "a/notes.txt", "x");
  write_bytes(folder / "license", "x");
  write_bytes(folder / ".DS_Store", "x");
  fs::create_directories(folder / ".git/a");
  fs::create_directories(folder / "b/.hidden");
  write_bytes(folder / "b/.hidden/x.png", "x");
  fs::create_symlink(folder / "b/0.png", folder / "b/link.png");
  fs::create_directory_symlink(folder.path(), folder / "a/loop");
  int64_t ignored = 0;
  const nn::ImageData data = nn::image_folder(folder.path(), &ignored);
  CHECK(data->class_names() == std::vector<std::string>{"a", "b"});
  CHECK(nn::class_counts(*data) == std::vector<int64_t>{5, 4});
  CHECK(ignored == 3);
  CHECK(nn::open_images(folder.path()).notes ==
        std::vector<std::string>{
            "3 files are left out: not .jpg, .jpeg or .png in a class's folder"});
}

TEST_CASE("folders that lie") {
  TemporaryFolder folder;
  CHECK(refusal(folder.path()) == ": holds no folders of pictures, one a class");
  write_classes(folder.path(), {"a"}, 3);
  fs::create_directories(folder / "b");
  CHECK(refusal(folder.path()) == "/b: holds no picture (.jpg, .jpeg or .png)");
  fs::remove(folder / "b");
  fs::create_directories(folder / "b\xff");
  CHECK(refusal(folder.path()) ==
        ": a folder's name is not printable UTF-8, so it cannot name a class");
  fs::remove(folder / "b\xff");
  write_bytes(folder / "a/0.png", "no picture");
  const nn::ImageData data = nn::image_folder(folder.path());
  CHECK_THROWS_WITH_AS(
      data->sample(0),
      ((folder / "a/0.png").string() + ": expected a JPEG or PNG picture, got no picture").c_str(),
      FileError);
  fs::remove(folder / "a/1.png");
  CHECK_THROWS_WITH_AS(data->sample(1),
                       ((folder / "a/1.png").string() + ": there is no such file").c_str(),
                       FileError);
  CHECK_NOTHROW(data->sample(2));
}

TEST_CASE("image data: parts and classes of one data set") {
  const nn::ImageData data = nn::images_in_memory({.height = 1,
                                                   .width = 1,
                                                   .channels = 1,
                                                   .pixels = {0, 1, 2, 3},
                                                   .labels = {0, 1, 2, 1},
                                                   .class_names = {"a", "b", "c"},
                                                   .name = "m"});
  const nn::ImageData some = nn::with_classes(data, {2, 1});
  CHECK(some->class_names() == std::vector<std::string>{"c", "b"});
  REQUIRE(some->size() == 3);
  CHECK(some->label(0) == 1);
  CHECK(some->label(1) == 0);
  CHECK(some->sample(2).pixels[0] == 3);
  CHECK(some->name(2) == "m, image 3");
  const nn::ImageData both = nn::concatenate(data, nn::subset(data, {3}));
  CHECK(both->size() == 5);
  CHECK(both->sample(4).pixels[0] == 3);
  CHECK_THROWS_WITH_AS(nn::subset(data, {4}), "subset: position 4 is out of range for 4 samples",
                       ArgumentError);
  CHECK_THROWS_AS(nn::with_classes(data, {3}), ArgumentError);
  CHECK_THROWS_AS(nn::concatenate(data, some), ArgumentError);
  CHECK_THROWS_WITH_AS(nn::images_in_memory({.height = 1,
                                             .width = 2,
                                             .channels = 1,
                                             .pixels = {0, 1, 2},
                                             .labels = {0},
                                             .class_names = {"a"},
                                             .name = "m"}),
                       "m: expected 1 images of 2 bytes, got 3 bytes", FileError);
  CHECK_THROWS_WITH_AS(nn::images_in_memory({.height = 1,
                                             .width = 1,
                                             .channels = 1,
                                             .pixels = {0},
                                             .labels = {1},
                                             .class_names = {"a"},
                                             .name = "m"}),
                       "m: label 1 of image 0 is out of range for 1 classes", FileError);
}

TEST_CASE("held-out pictures follow from their names: the folder may move and grow") {
  TemporaryFolder folder;
  const auto write = [&](const std::string& root, const std::string& name, int n) {
    fs::create_directories(folder / root / name);
    for (int i = 0; i < n; ++i)
      write_bytes(folder / root / name / (std::to_string(i) + ".png"), plain_png(8, 8, i, 0, 0));
  };
  using Names = std::set<std::string>;
  const auto names = [&](const nn::ImageData& data, const std::string& root) {
    Names result;
    for (int64_t i = 0; i < data->size(); ++i)
      result.insert(data->name(i).substr((folder / root).string().size()));
    return result;
  };
  for (const char* name : {"a", "b"}) write("here", name, 40);
  const nn::ImageSplits before = nn::open_images(folder / "here");
  fs::rename(folder / "here", folder / "there");
  const nn::ImageSplits moved = nn::open_images(folder / "there");
  CHECK(names(moved.test, "there") == names(before.test, "here"));
  CHECK(names(moved.validation, "there") == names(before.validation, "here"));
  // More pictures, and a class before the others: nothing that was trained on is tested.
  const Names trained = names(moved.train, "there");
  write("there", "0", 5);
  for (const int n : {41, 43, 50}) {
    write("there", "a", n);
    const nn::ImageSplits grown = nn::open_images(folder / "there");
    for (const std::string& name : names(grown.test, "there")) CHECK(!trained.contains(name));
    Names of_b;
    for (const std::string& name : names(grown.test, "there"))
      if (name.starts_with("/b/")) of_b.insert(name);
    CHECK(of_b.size() == 4);
    for (const std::string& name : of_b) CHECK(names(moved.test, "there").contains(name));
  }
}

TEST_CASE("shares that are large leave every class a picture to train on") {
  TemporaryFolder folder;
  for (const auto& [name, n] : {std::pair("a", 20), std::pair("b", 5), std::pair("c", 3),
                                std::pair("d", 2), std::pair("e", 1)}) {
    fs::create_directories(folder / name);
    for (int i = 0; i < n; ++i)
      write_bytes(folder / name / (std::to_string(i) + ".png"), plain_png(8, 8, i, 0, 0));
  }
  const nn::ImageSplits splits = nn::open_images(folder.path(), {.validation = 0.5, .test = 0.4});
  const auto counts = [](const nn::ImageData& data) { return nn::class_counts(*data); };
  CHECK(counts(splits.train) == std::vector<int64_t>{2, 1, 1, 1, 1});
  CHECK(counts(splits.validation) == std::vector<int64_t>{10, 2, 1, 0, 0});
  CHECK(counts(splits.test) == std::vector<int64_t>{8, 2, 1, 1, 0});
}
}  // namespace papilio::test
