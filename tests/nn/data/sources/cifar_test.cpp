#include "nn/data/sources/cifar.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "nn/data/sources/image_folder.h"
#include "tensor/error.h"
#include "tests/nn/data/files.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

namespace fs = std::filesystem;

// Ten images, one a class.
std::string batch(int value) {
  std::string bytes;
  for (int c = 0; c < 10; ++c) bytes += cifar_record(c, value, c, 200);
  return bytes;
}

std::vector<std::pair<std::string, std::string>> ten_files() {
  std::vector<std::pair<std::string, std::string>> files;
  for (int i = 1; i <= 5; ++i)
    files.emplace_back("data_batch_" + std::to_string(i) + ".bin", batch(i));
  files.emplace_back("test_batch.bin", batch(6));
  files.emplace_back("batches.meta.txt",
                     "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n");
  files.emplace_back("readme.html", "<html>");
  return files;
}

std::string archive() {
  std::vector<std::string> members{tar_member("cifar-10-batches-bin/", "", '5')};
  for (const auto& [name, bytes] : ten_files())
    members.push_back(tar_member("cifar-10-batches-bin/" + name, bytes));
  return tar(members);
}

void check_ten(const fs::path& path) {
  const nn::ImageSplits splits = nn::open_images(path, {.validation = 0.2});
  CHECK(splits.kind == "cifar-10");
  CHECK(splits.train->size() == 40);
  CHECK(splits.validation->size() == 10);
  REQUIRE(splits.test->size() == 10);
  CHECK(splits.test->class_names()[8] == "ship");
  const nn::Image image = splits.test->image(3);
  CHECK(image.width == 32);
  CHECK(image.pixels[0] == 6);
  CHECK(image.pixels[1] == 3);
  CHECK(image.pixels[3071] == 200);
  CHECK(splits.test->label(3) == 3);
}

std::string complaint(const fs::path& path) {
  try {
    nn::open_images(path);
  } catch (const FileError& e) {
    return std::string(e.what()).substr(path.string().size());
  }
  return "";
}

}  // namespace

TEST_CASE("CIFAR-10: the folder, the folder above, the tar and the tar.gz are one data set") {
  TemporaryFolder folder;
  const fs::path batches = folder / "cifar-10-batches-bin";
  fs::create_directories(batches);
  for (const auto& [name, bytes] : ten_files()) write_bytes(batches / name, bytes);
  write_bytes(folder / "c.tar", archive());
  write_bytes(folder / "c.tar.gz", gzip(archive()));
  for (const fs::path& path : {batches, folder.path(), folder / "c.tar", folder / "c.tar.gz"})
    check_ten(path);
}

TEST_CASE("CIFAR-100: the fine label counts") {
  TemporaryFolder folder;
  std::string bytes, names;
  for (int i = 0; i < 100; ++i) {
    bytes += char(i / 5);
    bytes += cifar_record(i, 1, 2, 3);
    names += "class" + std::to_string(i) + "\n";
  }
  write_bytes(folder / "train.bin", bytes);
  write_bytes(folder / "test.bin", bytes.substr(0, 3074 * 10));
  write_bytes(folder / "fine_label_names.txt", names);
  const nn::ImageSplits splits = nn::open_images(folder.path());
  CHECK(splits.kind == "cifar-100");
  CHECK(splits.train->size() == 100);  // one image a class: nothing can be held out
  CHECK(splits.validation->size() == 0);
  CHECK(splits.test->label(7) == 7);
  CHECK(splits.test->class_names()[99] == "class99");
  bytes[0] = 20;
  write_bytes(folder / "train.bin", bytes);
  CHECK(complaint(folder.path()) ==
        ", train.bin: coarse label 20 of image 0 is out of range for 20 classes");
}

TEST_CASE("CIFAR files that lie: sizes, labels, missing parts, names, archives") {
  TemporaryFolder folder;
  const auto write = [&](const std::string& changed, const std::string& bytes) {
    for (const auto& [name, good] : ten_files())
      write_bytes(folder / name, name == changed ? bytes : good);
  };
  const std::string good = batch(1);
  write("data_batch_3.bin", good.substr(1));
  CHECK(complaint(folder.path()) ==
        ", data_batch_3.bin: expected records of 3073 bytes, got 30729 bytes");
  write("test_batch.bin", "");
  CHECK(complaint(folder.path()) ==
        ", test_batch.bin: expected records of 3073 bytes, got 0 bytes");
  std::string bad = good;
  bad[3073] = 10;
  write("data_batch_5.bin", bad);
  CHECK(complaint(folder.path()) ==
        ", data_batch_5.bin: label 10 of image 1 is out of range for 10 classes");
  write("batches.meta.txt", "airplane\n");
  CHECK(complaint(folder.path()) == ": batches.meta.txt names 1 classes instead of 10");
  write("batches.meta.txt", "a\na\nc\nd\ne\nf\ng\nh\ni\nj\n");
  CHECK(complaint(folder.path()) ==
        ": batches.meta.txt: expected a different name on each line, in UTF-8");
  write("", "");
  fs::remove(folder / "data_batch_4.bin");
  CHECK(complaint(folder.path()) == ": data_batch_4.bin is missing");

  const fs::path file = folder / "c.tar.gz";
  const std::string packed = gzip(archive());
  write_bytes(file, packed.substr(0, packed.size() / 2));
  CHECK(complaint(file) == ": the gzip data is truncated");
  write_bytes(file, archive().substr(0, 9000));
  CHECK(complaint(file).find("which is not what the archive holds") != std::string::npos);
  write_bytes(file, "hello");
  CHECK(complaint(file) == ": expected a tar archive of CIFAR");
  write_bytes(file, tar({tar_member("a/train.bin", "x"), tar_member("b/train.bin", "x")}));
  CHECK(complaint(file) == ": holds two files train.bin");
  write_bytes(file, tar({tar_member("a.jpg", "x")}));
  CHECK(complaint(file) ==
        ": expected CIFAR's binary version (data_batch_1.bin and so on, or train.bin)");
  write_bytes(file, tar({tar_member("cifar-10-batches-py/data_batch_1", "x")}));
  CHECK(complaint(file) == ": holds CIFAR's Python version; papilio reads the binary version");
  CHECK(complaint(folder / "none") == ": there is no such file or folder");
}

}  // namespace papilio::test
