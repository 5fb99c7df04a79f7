#include "nn/data/sources/captioned_images.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "nn/data/sources/metadata_folder.h"
#include "tests/nn/data/files.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

namespace fs = std::filesystem;

// Pictures "0.png", ... whose red is their number.
void write_numbered(const fs::path& folder, int n) {
  fs::create_directories(folder);
  for (int i = 0; i < n; ++i)
    write_bytes(folder / (std::to_string(i) + ".png"), plain_png(2, 2, i, 0, 0));
}

// What open_captioned_folder says behind the folder's name.
std::string refusal_of(const fs::path& folder) {
  try {
    nn::open_captioned_folder(folder, {.validation = 0, .test = 0});
    return "";
  } catch (const FileError& e) {
    return std::string(e.what()).substr(folder.string().size());
  }
}

}  // namespace

TEST_CASE("captions: metadata.jsonl with conditioning pictures, in parts") {
  const TemporaryFolder folder;
  for (const char* part : {"train", "test"}) {
    write_numbered(folder / part, 3);
    write_numbered(folder / part / "outlines", 3);
    std::string lines;
    for (const char* i : {"0", "1", "2"})
      lines += std::string(R"({"file_name": ")") + i + R"(.png", "text": "a red )" + i +
               R"(", "conditioning_image_file_name": "outlines/2.png"})"
               "\n";
    write_bytes(folder / part / "metadata.jsonl", lines);
  }
  CHECK(nn::is_captioned_folder(folder.path()));
  CHECK_FALSE(nn::is_metadata_folder(folder.path()));
  const nn::CaptionedSplits splits = nn::open_captioned_folder(folder.path(), {.validation = 0});
  CHECK(splits.train->size() == 3);
  CHECK(splits.validation == nullptr);
  REQUIRE(splits.test->size() == 3);
  CHECK(nn::has_conditioning(splits.test));
  const nn::CaptionedImage second = splits.test->sample(1);
  CHECK(second.caption == "a red 1");
  CHECK(second.read().pixels[0] == 1);
  CHECK(second.read_conditioning().pixels[0] == 2);
  CHECK(splits.test->name(1) == (folder / "test/1.png").string());
  CHECK(splits.test->files(1) ==
        std::vector{folder / "test/1.png", folder / "test/outlines/2.png"});
}

TEST_CASE("captions: metadata.csv, held out as asked; labels make classes of it") {
  const TemporaryFolder folder;
  write_numbered(folder.path(), 10);
  std::string csv = "file_name,caption\n";
  for (int i = 0; i < 10; ++i) csv += std::to_string(i) + ".png,\"one, two\"\n";
  write_bytes(folder / "metadata.csv", csv);
  const nn::CaptionedSplits splits =
      nn::open_captioned_folder(folder.path(), {.validation = 0.2, .test = 0});
  CHECK(splits.train->size() == 8);
  CHECK(splits.validation->size() == 2);
  CHECK(splits.train->sample(0).caption == "one, two");
  CHECK_FALSE(nn::has_conditioning(splits.train));
}

TEST_CASE("captions: what is wrong is said with its line") {
  const TemporaryFolder folder;
  write_numbered(folder.path(), 2);
  const auto refuses = [&](const std::string& lines, const std::string& why) {
    write_bytes(folder / "metadata.csv", "file_name,text,conditioning_image\n" + lines);
    CHECK(refusal_of(folder.path()) == "/metadata.csv, line 2: " + why);
  };
  refuses(",x,0.png\n", "has no file_name");
  refuses("../0.png,x,0.png\n", "file_name: expected a path inside the folder, got ../0.png");
  refuses("0.png,x,\n", "has no conditioning_image");
  refuses("0.png,,1.png\n", "has no text (or caption, prompt)");
  refuses("0.png,caf\xe9,1.png\n", "text: byte 3 is not UTF-8");
  refuses("0.png,x,../0.png\n",
          "conditioning_image: expected a path inside the folder, got ../0.png");
  write_bytes(folder / "metadata.csv", "file_name,text\n");
  CHECK(refusal_of(folder.path()) == ": holds no picture with a caption");
  fs::remove(folder / "metadata.csv");
  write_bytes(folder / "metadata.jsonl",
              R"({"file_name": "0.png", "text": "x", "conditioning_image": "1.png"})"
              "\n"
              R"({"file_name": "1.png", "text": "x"})");
  CHECK(refusal_of(folder.path()) ==
        "/metadata.jsonl, line 2: lacks a conditioning picture, unlike the lines before");
  write_bytes(folder / "metadata.jsonl", R"({"file_name": "0.png", "text": null})");
  CHECK(refusal_of(folder.path()) == "/metadata.jsonl, line 1: has no text (or caption, prompt)");
  write_bytes(folder / "metadata.jsonl", "{\"file_name\": \"0.png\", \"text\": \"caf\xe9\"}");
  CHECK(refusal_of(folder.path()) == "/metadata.jsonl, line 1: byte 35 is not UTF-8");
  // Two captions of one picture are two examples; an empty one is one too, if it says so.
  write_bytes(folder / "metadata.jsonl",
              "{\"file_name\": \"0.png\", \"text\": \"x\"}\n"
              "{\"file_name\": \"0.png\", \"text\": \"\"}\n");
  CHECK(nn::open_captioned_folder(folder.path(), {.validation = 0, .test = 0}).train->size() == 2);
}

TEST_CASE("captions: one caption for every picture of a folder") {
  const TemporaryFolder folder;
  write_numbered(folder / "more", 2);
  write_bytes(folder / "a.png", plain_png(2, 2, 7, 0, 0));
  write_bytes(folder / "notes.txt", "none");
  const nn::CaptionedData data = nn::pictures_with_caption(folder.path(), "a sks dog");
  REQUIRE(data->size() == 3);
  CHECK(data->sample(0).read().pixels[0] == 7);
  CHECK(data->sample(2).caption == "a sks dog");
  fs::create_directories(folder / "empty");
  CHECK_THROWS_WITH_AS(nn::pictures_with_caption(folder / "empty", ""),
                       doctest::Contains(": holds no picture (.jpg, .jpeg or .png)"), FileError);
  CHECK_THROWS_WITH_AS(nn::pictures_with_caption(folder / "none", ""),
                       doctest::Contains(": there is no such folder"), FileError);
}

}  // namespace papilio::test
