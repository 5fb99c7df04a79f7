#include "nn/data/sources/image_sources.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "nn/data/sources/digits.h"
#include "tensor/error.h"
#include "tests/nn/data/files.h"
#include "tests/nn/digits.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace fs = std::filesystem;

TEST_CASE("image sources: what a path holds decides, and the list is asked in its order") {
  TemporaryFolder folder;
  fs::create_directories(folder / "photos/red");
  write_bytes(folder / "photos/red/1.png", plain_png(8, 8, 255, 0, 0));
  fs::create_directories(folder / "mnist/raw");
  write_bytes(folder / "mnist/raw/train-images-idx3-ubyte", idx({1, 2, 2}, "abcd"));
  write_bytes(folder / "mnist/raw/train-labels-idx1-ubyte", idx({1}, std::string(1, '\3')));
  fs::create_directories(folder / "cifar-10-batches-bin");
  write_bytes(folder / "cifar-10-batches-bin/data_batch_1.bin", "x");
  write_bytes(folder / "cifar.tar", "x");
  const auto kind = [&](const fs::path& path) { return nn::source_of(path).description; };
  CHECK(kind(folder / "photos").starts_with("a folder of pictures"));
  CHECK(kind(folder / "mnist") == "a folder of IDX files (MNIST)");
  CHECK(kind(folder / "mnist/raw") == kind(folder / "mnist"));
  CHECK(kind(folder.path()) == "CIFAR's folder or .tar.gz");
  CHECK(kind(folder / "cifar.tar") == kind(folder.path()));
  CHECK(nn::open_images(folder / "mnist").train->class_names()[3] == "3");
  CHECK(nn::source_of(folder / "mnist").drawings);
  CHECK_THROWS_WITH_AS(nn::source_of(folder / "none"),
                       ((folder / "none").string() + ": there is no such file or folder").c_str(),
                       FileError);
}

TEST_CASE("image sources: a program's own source stands before the others") {
  std::vector<nn::ImageSource> sources{
      {.description = "digits",
       .recognises = [](const fs::path& path) { return path == "digits"; },
       .open = [](const fs::path&, const nn::HoldOut&) { return nn::digits_splits(digits_file()); },
       .processor = nn::digits_processor()}};
  CHECK(nn::open_images("digits", {}, sources).kind == "digits");
  CHECK(nn::source_of("digits", sources).processor->channels() == 1);
  CHECK_THROWS_AS(nn::open_images("other", {}, sources), FileError);
  std::set<std::string> descriptions;
  for (const nn::ImageSource& source : nn::image_sources()) descriptions.insert(source.description);
  CHECK(descriptions.size() == nn::image_sources().size());
}

}  // namespace papilio::test
