#include "nn/data/sources/idx.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "nn/data/sources/image_sources.h"
#include "tensor/error.h"
#include "tests/nn/data/files.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kTen = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};

std::string complaint(const std::string& images, const std::string& labels) {
  try {
    nn::idx_images(images, "i", labels, "l", kTen);
  } catch (const FileError& e) {
    return e.what();
  }
  return "";
}

// n images of 2x3 pixels, the i-th of class i % 10 and value i.
void write_part(const fs::path& folder, const std::string& part, uint32_t n, bool packed) {
  std::string pixels, labels;
  for (uint32_t i = 0; i < n; ++i) {
    pixels += std::string(6, char(i));
    labels += char(i % 10);
  }
  const auto write = [&](const std::string& name, const std::string& bytes) {
    write_bytes(folder / (part + name + (packed ? ".gz" : "")), packed ? gzip(bytes) : bytes);
  };
  write("-images-idx3-ubyte", idx({n, 2, 3}, pixels));
  write("-labels-idx1-ubyte", idx({n}, labels));
}

}  // namespace

TEST_CASE("IDX: images and labels, packed or not, with a validation part held out by seed") {
  TemporaryFolder folder;
  write_part(folder.path(), "train", 100, true);
  write_part(folder.path(), "t10k", 20, false);
  const nn::ImageSplits splits = nn::open_images(folder.path(), {.validation = 0.2, .seed = 5});
  CHECK(splits.kind == "idx");
  CHECK(splits.train->size() == 80);
  CHECK(splits.validation->size() == 20);
  CHECK(splits.test->size() == 20);
  CHECK(nn::class_counts(*splits.validation) == std::vector<int64_t>(10, 2));
  for (const auto& part : {splits.train, splits.validation, splits.test}) {
    for (int64_t i = 0; i < part->size(); ++i) {
      const nn::Image image = part->sample(i);
      CHECK(image == nn::Image{3, 2, 1, nn::Pixels(6, image.pixels[0])});
      CHECK(part->label(i) == image.pixels[0] % 10);
    }
  }
  CHECK(splits.test->name(7) == (folder / "t10k-images-idx3-ubyte").string() + ", image 7");
  CHECK(splits.train->files(7) ==
        std::vector{folder / "train-images-idx3-ubyte.gz", folder / "train-labels-idx1-ubyte.gz"});
  const auto first = [&](uint64_t seed) {
    return nn::open_images(folder.path(), {.validation = 0.2, .seed = seed}).validation->name(0);
  };
  CHECK(first(5) == splits.validation->name(0));
  CHECK((first(6) != first(5) || first(7) != first(5) || first(8) != first(5)));
}

TEST_CASE("IDX: a link that leads nowhere is no absent file") {
  const auto refused = [](const fs::path& path, const fs::path& link) {
    CHECK_THROWS_WITH_AS(
        nn::open_images(path),
        (link.string() + ": is a link to gone, which cannot be followed: there is no such file")
            .c_str(),
        FileError);
  };
  for (const char* name : {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte.gz"}) {
    const TemporaryFolder folder;
    write_part(folder.path(), "train", 30, false);
    fs::create_symlink("gone", folder / name);
    refused(folder.path(), folder / name);
  }
  const TemporaryFolder folder;
  const fs::path images = folder / "train-images-idx3-ubyte";
  fs::create_symlink("gone", images);
  refused(folder.path(), images);
  refused(images, images);
}

TEST_CASE("IDX: class names from the folder") {
  TemporaryFolder folder;
  fs::create_directories(folder / "FashionMNIST/raw");
  write_part(folder / "FashionMNIST/raw", "train", 30, false);
  const nn::ImageSplits splits = nn::open_images(folder / "FashionMNIST");
  CHECK(splits.train->class_names()[9] == "Ankle boot");
  CHECK(splits.test->size() == 10);  // one of three: there is no t10k
  write_bytes(folder / "FashionMNIST/raw/classes.txt", "a\nb\nc\nd\ne\r\nf\ng\nh\ni\n\nj\n");
  CHECK(nn::open_images(folder / "FashionMNIST").train->class_names()[4] == "e");
  write_bytes(folder / "FashionMNIST/raw/classes.txt", "a\nb\n");
  CHECK_THROWS_AS(nn::open_images(folder / "FashionMNIST"), FileError);
  write_bytes(folder / "FashionMNIST/raw/classes.txt", "a\na\n");
  CHECK_THROWS_AS(nn::open_images(folder / "FashionMNIST"), FileError);
}

TEST_CASE("IDX: a folder's own name says what the classes are, not a word in its path") {
  const TemporaryFolder folder;
  const auto names = [&](const char* below) {
    fs::create_directories(folder / below);
    write_part(folder / below, "train", 30, true);
    return nn::open_images(folder / below).train->class_names();
  };
  CHECK(names("fashion-of-1900/digits") == kTen);
  CHECK(names("old fashioned") == kTen);
  CHECK(names("fashion_mnist")[0] == "T-shirt/top");
  CHECK(names("FashionMNIST/raw/")[0] == "T-shirt/top");
  CHECK(names("KMNIST/raw")[1] == "ki");
  CHECK(names("MNIST/raw") == kTen);
}

TEST_CASE("IDX: EMNIST's sets by name, QMNIST's labels of eight int32") {
  const TemporaryFolder folder;
  const auto write = [&](const std::string& name, const std::string& bytes) {
    write_bytes(folder / name, gzip(bytes));
  };
  for (const char* part : {"train", "test"}) {
    const std::string set = str("emnist-letters-", part);
    write(set + "-images-idx3-ubyte.gz", idx({3, 1, 1}, "abc"));
    write(set + "-labels-idx1-ubyte.gz", idx({3}, "\1\2\32"));
  }
  const nn::ImageSplits emnist = nn::open_images(folder.path(), {.validation = 0});
  CHECK(emnist.train->class_names().size() == 26);
  CHECK(emnist.train->label(0) == 0);
  CHECK(emnist.test->label(2) == 25);
  CHECK(emnist.test->class_names()[25] == "z");
  CHECK(emnist.notes.size() == 1);
  // Two sets in one folder: the path of the wanted train images says which.
  write("emnist-balanced-train-images-idx3-ubyte.gz", idx({1, 1, 1}, "x"));
  write("emnist-balanced-train-labels-idx1-ubyte.gz", idx({1}, "\56"));
  CHECK_THROWS_WITH_AS(nn::open_images(folder.path()),
                       (folder.path().string() +
                        ": holds several data sets (emnist-balanced-, emnist-letters-); give the "
                        "path of the wanted one's train-images-idx3-ubyte")
                           .c_str(),
                       FileError);
  const nn::ImageSplits balanced = nn::open_images(
      folder / "emnist-balanced-train-images-idx3-ubyte.gz", {.validation = 0, .test = 0});
  CHECK(balanced.train->class_names().size() == 47);
  CHECK(balanced.train->class_names()[46] == "t");
  CHECK(balanced.train->label(0) == 46);

  fs::create_directories(folder / "q");
  std::string labels("\0\0\x0c\2\0\0\0\2\0\0\0\x8", 12);
  for (const char label : {7, 3}) {
    labels += std::string(3, '\0') + label;
    for (int column = 1; column < 8; ++column) labels += "\xff\xff\xff\xfe";
  }
  write("q/qmnist-train-images-idx3-ubyte.gz", idx({2, 1, 1}, "ab"));
  write("q/qmnist-train-labels-idx2-int.gz", labels);
  const nn::ImageSplits qmnist = nn::open_images(folder / "q", {.validation = 0, .test = 0});
  CHECK(qmnist.train->label(0) == 7);
  CHECK(qmnist.train->label(1) == 3);
  CHECK(qmnist.train->class_names() == kTen);
}

TEST_CASE("IDX: int32 labels, negative ones refused, pixels of int32 refused") {
  const std::string images = idx({2, 1, 1}, "ab");
  const auto wide = [](const std::string& data) {
    std::string bytes = idx({2}, data);
    bytes[2] = 12;
    return bytes;
  };
  CHECK(complaint(images, wide(std::string("\0\0\0\1\0\0\0\x9", 8))).empty());
  CHECK(complaint(images, wide(std::string("\0\0\0\1\0\0\1\0", 8))) ==
        "l: label 256 of image 1 is out of range for 10 classes");
  CHECK(complaint(images, wide("\xff\xff\xff\xff\xff\xff\xff\xff")) ==
        "l: label -1 of image 0 is out of range for 10 classes");
  CHECK(complaint(images, wide("1234567")) ==
        "l: says it holds 2 numbers of 4 bytes, but has 7 bytes");
  std::string pixels = idx({1, 1, 1}, "abcd");
  pixels[2] = 12;
  CHECK(complaint(pixels, idx({1}, "\1")) == "i: expected pixels that are bytes, got int32");
}

TEST_CASE("IDX files that lie: magic, counts against sizes, labels out of range") {
  const std::string images = idx({2, 1, 2}, "abcd"), labels = idx({2}, std::string("\1\2"));
  CHECK(complaint(images, labels).empty());
  const std::string magic =
      "i: expected an IDX file of bytes or int32 in 3 dimensions (0 0 8 3 or 0 0 12 3 at its "
      "beginning)";
  CHECK(complaint("", labels) == magic);
  CHECK(complaint(labels, labels) == magic);
  for (size_t byte = 0; byte < 4; ++byte) {
    std::string bad = images;
    bad[byte] = char(bad[byte] + 1);
    CHECK(complaint(bad, labels) == magic);
  }
  CHECK(complaint(images.substr(0, 15), labels) == "i: the IDX file is truncated");
  CHECK(complaint(images.substr(0, 19), labels) == "i: says it holds 2x1x2 bytes, but has 3");
  CHECK(complaint(images + "e", labels) == "i: says it holds 2x1x2 bytes, but has 5");
  // A second file behind the first, as joined .gz files give.
  CHECK(complaint(images + images, labels) == "i: says it holds 2x1x2 bytes, but has 24");
  // Products that wrap: 2^32 * 2^32 and (2^31)^2 * 4.
  CHECK(complaint(idx({0xffffffff, 0xffffffff, 0xffffffff}, "abcd"), labels) ==
        "i: says it holds 4294967295x4294967295x4294967295 bytes, but has 4");
  CHECK(complaint(idx({0x80000000, 0x80000000, 4}, ""), labels) ==
        "i: says it holds 2147483648x2147483648x4 bytes, but has 0");
  CHECK(complaint(idx({0, 1, 2}, ""), idx({0}, "")) == "i: holds no image");
  CHECK(complaint(idx({2, 0, 2}, ""), labels) == "i: holds no image");
  CHECK(complaint(images, idx({1}, std::string("\1"))) == "l: holds 1 labels for 2 images");
  CHECK(complaint(images, idx({2}, std::string("\1\12"))) ==
        "l: label 10 of image 1 is out of range for 10 classes");
}

TEST_CASE("IDX folders that lie name the file") {
  TemporaryFolder folder;
  write_part(folder.path(), "train", 30, true);
  const fs::path labels = folder / "train-labels-idx1-ubyte.gz",
                 images = folder / "train-images-idx3-ubyte.gz";
  const std::string good = read_bytes(images);
  write_bytes(images, good.substr(0, good.size() - 3));
  CHECK_THROWS_WITH_AS(nn::open_images(folder.path()),
                       (images.string() + ": the gzip data is truncated").c_str(), FileError);
  write_bytes(images, good + good);
  CHECK_THROWS_WITH_AS(nn::open_images(folder.path()),
                       (images.string() + ": says it holds 30x2x3 bytes, but has 376").c_str(),
                       FileError);
  write_bytes(images, good);
  CHECK_NOTHROW(nn::open_images(folder.path()));
  fs::remove(labels);
  CHECK_THROWS_WITH_AS(
      nn::open_images(folder.path()),
      (folder.path().string() + ": holds train's images without its labels").c_str(), FileError);
}

}  // namespace papilio::test
