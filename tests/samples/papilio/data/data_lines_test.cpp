// What a run notes of its data, and compares between ranks and when it goes on.
#include "samples/papilio/data/data_lines.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "nn/data/image_batches.h"
#include "nn/data/sources/captioned_images.h"
#include "nn/data/sources/image_dataset.h"
#include "nn/data/sources/image_sources.h"
#include "nn/diffusion/captioned_batches.h"
#include "tests/nn/data/files.h"
#include "tests/nn/diffusion/drawn_pictures.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

namespace fs = std::filesystem;

std::string line_of(const nn::Batches& train) {
  cli::TrainingData data;
  data.train = train;
  return cli::data_lines(data);
}

std::string line_of(const nn::ImageData& images) {
  return line_of(nn::plain_batches(images, {}));
}

// How the line of so many samples in these files begins.
std::string beginning(int samples, const std::vector<fs::path>& files) {
  uint64_t bytes = 0;
  for (const fs::path& file : files) bytes += fs::file_size(file);
  return "data.train = " + std::to_string(samples) + " samples, " + std::to_string(bytes) +
         " bytes, checksum of their sizes ";
}

// A sample of WebDataset's.
std::string sample(int i) {
  const std::string key = std::to_string(100 + i);
  return tar_member(key + ".cls", "a") + tar_member(key + ".png", plain_png(2, 2, i, 0, 0));
}

}  // namespace

TEST_CASE("data lines: an archive counts once, however many samples lie in it") {
  const TemporaryFolder folder;
  write_bytes(folder / "train-0.tar", tar({sample(0), sample(1), sample(2)}));
  write_bytes(folder / "train-1.tar", tar({sample(3)}));
  const auto images = nn::open_images(folder.path(), {.validation = 0, .test = 0}).train;
  const std::string line = line_of(images);
  CHECK(line.starts_with(beginning(4, {folder / "train-0.tar", folder / "train-1.tar"})));
  write_bytes(folder / "train-1.tar", tar({sample(3), tar_member("103.txt", "more")}));
  CHECK(line_of(images) != line);
}

TEST_CASE("data lines: the files of pictures in memory, if they come from files") {
  const TemporaryFolder folder;
  const fs::path images = folder / "train-images-idx3-ubyte",
                 labels = folder / "train-labels-idx1-ubyte";
  write_bytes(images, idx({3, 2, 2}, std::string(12, 'x')));
  write_bytes(labels, idx({3}, std::string(3, '\1')));
  const auto idx_images = nn::open_images(folder.path(), {.validation = 0, .test = 0}).train;
  CHECK(line_of(idx_images).starts_with(beginning(3, {images, labels})));
  CHECK(line_of(nn::images_in_memory({.height = 1,
                                      .width = 1,
                                      .channels = 1,
                                      .pixels = {0, 1},
                                      .labels = {0, 0},
                                      .class_names = {"a"}})) == "data.train = 2 samples\n");
}

TEST_CASE("data lines: pictures of the class, and those that condition, are compared too") {
  const TemporaryFolder folder;
  write_captioned(folder / "own", 2, 4, true);
  write_captioned(folder / "class", 3, 4);
  const auto encode = [](const std::string&) { return std::vector<int64_t>{0}; };
  const nn::Batches batches = nn::captioned_batches(
      nn::open_captioned_folder(folder / "own", {.validation = 0, .test = 0}).train, encode,
      {.size = 4, .class_images = nn::pictures_with_caption(folder / "class", "square")});
  const std::string before = line_of(batches);
  std::vector<fs::path> files;
  for (const char* name : {"own/0", "own/c0", "class/0", "own/1", "own/c1", "class/1", "class/2"})
    files.push_back(folder / (std::string(name) + ".png"));
  CHECK(before.starts_with(beginning(3, files)));
  for (const fs::path& file : files) {
    const std::string bytes = read_bytes(file);
    write_bytes(file, bytes + "more");
    CHECK_MESSAGE(line_of(batches) != before, file);
    write_bytes(file, bytes);
  }
  CHECK(line_of(batches) == before);
}

}  // namespace papilio::test
