#include "nn/data/sources/metadata_folder.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "nn/data/formats/image.h"
#include "nn/data/sources/image_sources.h"
#include "tensor/error.h"
#include "tests/nn/data/files.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

namespace fs = std::filesystem;

// n pictures "0.png", ... whose red is their number.
void write_numbered(const fs::path& folder, int n) {
  fs::create_directories(folder);
  for (int i = 0; i < n; ++i)
    write_bytes(folder / (std::to_string(i) + ".png"), plain_png(2, 2, i, 0, 0));
}

}  // namespace

TEST_CASE("metadata.csv: names of classes, extra columns, pictures in folders") {
  const TemporaryFolder folder;
  write_numbered(folder / "pictures", 20);
  std::string csv = "caption,file_name,label\n";
  for (int i = 0; i < 20; ++i)
    csv += "\"a, \"\"b\"\"\",pictures/" + std::to_string(i) + ".png," +
           (i % 2 == 0 ? "dog" : "cat") + "\n";
  write_bytes(folder / "metadata.csv", csv);
  const nn::ImageSplits splits = nn::open_images(folder.path(), {.validation = 0, .test = 0});
  CHECK(splits.kind == "metadata");
  CHECK(splits.class_names() == std::vector<std::string>{"cat", "dog"});
  REQUIRE(splits.train->size() == 20);
  for (int64_t i = 0; i < 20; ++i)
    CHECK(splits.train->label(i) == (splits.train->sample(i).pixels[0] % 2 == 0 ? 1 : 0));
  CHECK(splits.train->files(0) == std::vector<std::filesystem::path>{splits.train->name(0)});
  const nn::ImageSplits divided = nn::open_images(folder.path());
  CHECK(divided.test->size() == 2);
  CHECK(divided.train->size() == 16);
}

TEST_CASE(
    "metadata.jsonl: numbers of classes, a file in each part, or the parts in one file's paths") {
  const TemporaryFolder folder;
  std::string all;
  for (const auto& [part, n] : {std::pair("train", 12), std::pair("test", 3)}) {
    write_numbered(folder / part, n);
    std::string lines;
    for (int i = 0; i < n; ++i) {
      const std::string name = std::to_string(i) + ".png", label = std::to_string(9 + i % 3);
      lines += R"({"file_name": ")" + name + R"(", "label": )" + label +
               R"(, "objects": {"bbox": [1]}})"
               "\n";
      all +=
          R"({"file_name": ")" + std::string(part) + '/' + name + R"(", "label": )" + label + "}\n";
    }
    write_bytes(folder / part / "metadata.jsonl", lines);
  }
  for (const bool one_file : {false, true}) {
    CAPTURE(one_file);
    if (one_file) {
      fs::remove(folder / "train/metadata.jsonl");
      fs::remove(folder / "test/metadata.jsonl");
      write_bytes(folder / "metadata.jsonl", all);
    }
    const nn::ImageSplits splits = nn::open_images(folder.path(), {.validation = 0});
    CHECK(splits.kind == "metadata");
    CHECK(splits.class_names() ==
          std::vector<std::string>{"9", "10", "11"});  // in their order, not that of bytes
    CHECK(splits.train->size() == 12);
    REQUIRE(splits.test->size() == 3);
    CHECK(splits.test->label(2) == 2);
  }
}

TEST_CASE("metadata: a link that leads nowhere, or in a circle, is no absent picture") {
  const TemporaryFolder folder;
  write_numbered(folder / "a", 2);
  fs::create_symlink("gone.png", folder / "a/link.png");
  fs::create_symlink("circle.png", folder / "a/circle.png");
  const auto refused = [&](const std::string& name, const std::string& says) {
    write_bytes(folder / "metadata.csv", "file_name,label\na/0.png,x\n" + name + ",x\n");
    CHECK(refusal(folder.path()) ==
          str("/metadata.csv, line 3: ", (folder / name).string(), ": is a link to ", says));
  };
  refused("a/link.png", "gone.png, which cannot be followed: there is no such file");
  refused("a/circle.png",
          "circle.png, which cannot be followed: Too many levels of symbolic links");
}

TEST_CASE("metadata: without labels it is no source; what is wrong is said with its line") {
  const TemporaryFolder folder;
  write_numbered(folder / "a", 3);
  write_bytes(folder / "metadata.csv", "file_name,text\na/0.png,x\n");
  CHECK(nn::open_images(folder.path()).kind == "folder");
  for (const auto& [file, text] :
       {std::pair{"metadata.csv", "file_name,Label\na.png,x\n"},
        {"metadata.csv", ""},
        {"metadata.jsonl", "{\"file_name\": \"a.png\", \"label\": [\"x\"]}\n"}}) {
    const TemporaryFolder flat;
    write_bytes(flat / "a.png", nn::encode_png({1, 1, 1, {7}}));
    write_bytes(flat / file, text);
    CHECK(
        refusal(flat.path()) ==
        str(": holds no folders of pictures, one a class; its ", file,
            " does not begin with a file_name and a label (or labels, class, category), a text or "
            "a whole number"));
  }
  const auto refused = [&](const std::string& csv, const std::string& says) {
    write_bytes(folder / "metadata.csv", "file_name,label\na/0.png,x\n" + csv);
    CHECK(refusal(folder.path()).find("/metadata.csv, line 3" + says) == 0);
  };
  refused("a/9.png,x\n", ": " + (folder / "a/9.png").string() + ": there is no such file");
  refused("../a/0.png,x\n", ": file_name: expected a path inside the folder, got ../a/0.png");
  refused("/etc/passwd,x\n", ": file_name: expected a path inside the folder, got /etc/passwd");
  refused(",x\n", ": has no file_name");
  refused("a\n", ": expected 2 fields, got 1");
  for (const char* empty : {"", "\"\"", " "})
    refused(str("a/1.png,", empty, "\n"),
            ": its label is empty; a picture without a class has no place here");
  for (const char* name : {"a/0.png", "./a/0.png", "a//0.png"})
    refused(str(name, ",y\n"), str(": ", (folder / name).string(), " is y here and x in ",
                                   (folder / "metadata.csv").string(), ", line 2"));
  write_bytes(folder / "metadata.csv", std::string("\xff\xfe"
                                                   "f\0i\0",
                                                   6));
  CHECK(refusal(folder.path()) ==
        "/metadata.csv: expected text in UTF-8, got NUL bytes, as UTF-16 has them");
  write_bytes(folder / "metadata.csv", ",file_name,label,,label\n0,a/0.png,x,,y\n");
  CHECK(refusal(folder.path()) == "/metadata.csv, line 1: has two columns called label");
  fs::remove(folder / "metadata.csv");
  write_bytes(folder / "metadata.jsonl", "{\"file_name\": \"a/0.png\", \"label\": \"x\"}\n{\n");
  CHECK(refusal(folder.path()).find("/metadata.jsonl, line 2: not valid JSON") == 0);
  write_bytes(folder / "metadata.jsonl",
              "{\"file_name\": \"a/0.png\", \"label\": \"x\"}\n{\"file_name\": \"a/1.png\", "
              "\"label\": 0.5}\n");
  CHECK(refusal(folder.path()) ==
        "/metadata.jsonl, line 2: has no label (a text or a whole number)");
  const auto jsonl = [&](const std::string& line) {
    write_bytes(folder / "metadata.jsonl", line);
    return refusal(folder.path());
  };
  const std::string first = "{\"file_name\": \"a/0.png\", \"label\": \"x\"}\n",
                    begin = "{\"file_name\": \"a/1.png\", ",
                    empty = ": its label is empty; a picture without a class has no place here";
  CHECK(jsonl(begin + "\"label\": null}\n" + first) == "/metadata.jsonl, line 1" + empty);
  CHECK(jsonl(first + begin + "\"label\": null, \"class\": \"x\"}") ==
        "/metadata.jsonl, line 2" + empty);
  CHECK(jsonl(first + begin + "\"label\": \"\"}") == "/metadata.jsonl, line 2" + empty);
  CHECK(jsonl(first + begin + "\"label\": \"x\", \"label\": \"y\"}")
            .find("/metadata.jsonl, line 2: the key \"label\"") == 0);
  CHECK(jsonl(first + "{\"file_name\": \"a/0.png\", \"label\": 0}") ==
        str("/metadata.jsonl, line 2: ", (folder / "a/0.png").string(), " is 0 here and x in ",
            (folder / "metadata.jsonl").string(), ", line 1"));
  // Listed again as the same is no contradiction.
  jsonl(first + first + begin + "\"label\": \"y\"}");
  const nn::ImageSplits splits = nn::open_images(folder.path(), {.validation = 0, .test = 0});
  CHECK(splits.train->size() == 3);
  CHECK(splits.notes ==
        std::vector<std::string>{folder.path().string() +
                                 ": 1 line lists a picture again; parts held out may share it"});
  write_bytes(folder / "metadata.csv", "file_name,label\na/0.png,x\n");
  CHECK(refusal(folder.path()) ==
        ": holds both metadata.csv and metadata.jsonl: which of them "
        "says what the pictures are?");
}

}  // namespace papilio::test
