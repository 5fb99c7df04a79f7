#include "nn/data/sources/cifar.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "nn/data/sources/image_sources.h"
#include "tensor/error.h"
#include "tests/nn/data/files.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

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
  const nn::Image image = splits.test->sample(3);
  CHECK(image.width == 32);
  CHECK(image.pixels[0] == 6);
  CHECK(image.pixels[1] == 3);
  CHECK(image.pixels[3071] == 200);
  CHECK(splits.test->label(3) == 3);
  const std::vector<fs::path> files = splits.test->files(3);
  REQUIRE(files.size() == 1);
  if (fs::is_directory(path))
    CHECK((files[0].stem() == "test_batch" && fs::exists(files[0])));
  else
    CHECK(files[0] == path);
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

TEST_CASE("CIFAR: a link that leads nowhere is no absent file") {
  for (const char* file : {"data_batch_1.bin", "batches.meta.txt", "test_batch.bin"}) {
    CAPTURE(file);
    const TemporaryFolder folder;
    for (const auto& [name, bytes] : ten_files()) write_bytes(folder / name, bytes);
    fs::remove(folder / file);
    fs::create_symlink("gone", folder / file);
    CHECK_THROWS_WITH_AS(nn::open_images(folder.path()),
                         ((folder / file).string() +
                          ": is a link to gone, which cannot be followed: there is no such file")
                             .c_str(),
                         FileError);
  }
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
  CHECK(refusal(folder.path()) ==
        ", train.bin: coarse label 20 of image 0 is out of range for 20 classes");
}

namespace {

// As Python 2 pickled it, like the official files: ten images, one a class.
std::string python_batch(int value, const std::string& labels_key) {
  std::string data, labels;
  for (int c = 0; c < 10; ++c) {
    data += cifar_record(c, value, c, 200).substr(1);
    labels += std::string("K") + char(c);
  }
  return "\x80\x02}q\x01(U"s + char(labels_key.size()) + labels_key + "q\x02]q\x03(" + labels +
         "eU\x04"
         "dataq\x04"
         "cnumpy.core.multiarray\n_reconstruct\nq\x05"
         "cnumpy\nndarray\nq\x06"
         "K\x00\x85U\x01"
         "b\x87Rq\x07(K\x01K\x0aM\x00\x0c\x86"
         "cnumpy\ndtype\nq\x08U\x02u1K\x00K\x01"
         "\x87Rq\x09(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T\x00\x78\x00\x00"s +
         data + "tbu."s;
}

std::string python_names(const std::string& key, int count) {
  std::string names;
  for (int c = 0; c < count; ++c) {
    const std::string name = c == 8 ? "ship" : "class" + std::to_string(c);
    names += std::string("U") + char(name.size()) + name;
  }
  return "\x80\x02}(U"s + char(key.size()) + key + "](" + names + "eu.";
}

}  // namespace

TEST_CASE("CIFAR's Python version: the folder, the folder above and the tar.gz") {
  TemporaryFolder folder;
  std::vector<std::string> members;
  fs::create_directories(folder / "cifar-10-batches-py");
  const auto add = [&](const std::string& name, const std::string& bytes) {
    write_bytes(folder / "cifar-10-batches-py" / name, bytes);
    members.push_back(tar_member("cifar-10-batches-py/" + name, bytes));
    members.push_back(tar_member("__MACOSX/cifar-10-batches-py/._" + name, "x"));
  };
  for (int i = 1; i <= 5; ++i) add("data_batch_" + std::to_string(i), python_batch(i, "labels"));
  add("test_batch", python_batch(6, "labels"));
  add("batches.meta", python_names("label_names", 10));
  write_bytes(folder / "c.tar.gz", gzip(tar(members)));
  for (const fs::path& path : {folder / "cifar-10-batches-py", folder.path(), folder / "c.tar.gz"})
    check_ten(path);
  write_bytes(folder / "cifar-10-batches-py/batches.meta", python_names("names", 10));
  CHECK(refusal(folder / "cifar-10-batches-py") == ": batches.meta: lacks the list label_names");

  TemporaryFolder hundred;
  write_bytes(hundred / "train", python_batch(1, "fine_labels"));
  write_bytes(hundred / "test", python_batch(2, "fine_labels"));
  write_bytes(hundred / "meta", python_names("fine_label_names", 100));
  const nn::ImageSplits splits = nn::open_images(hundred.path(), {.validation = 0});
  CHECK(splits.kind == "cifar-100");
  CHECK(splits.test->label(7) == 7);
  CHECK(splits.test->class_names()[8] == "ship");
  write_bytes(hundred / "train", python_batch(1, "coarse_labels"));
  CHECK(refusal(hundred.path()).starts_with(", train: expected a pickle of an array \"data\""));
}

TEST_CASE("CIFAR files that lie: sizes, labels, missing parts, names, archives") {
  TemporaryFolder folder;
  const auto write = [&](const std::string& changed, const std::string& bytes) {
    for (const auto& [name, good] : ten_files())
      write_bytes(folder / name, name == changed ? bytes : good);
  };
  const std::string good = batch(1);
  write("data_batch_3.bin", good.substr(1));
  CHECK(refusal(folder.path()) ==
        ", data_batch_3.bin: expected records of 3073 bytes, got 30729 bytes");
  write("test_batch.bin", "");
  CHECK(refusal(folder.path()) == ", test_batch.bin: expected records of 3073 bytes, got 0 bytes");
  std::string bad = good;
  bad[3073] = 10;
  write("data_batch_5.bin", bad);
  CHECK(refusal(folder.path()) ==
        ", data_batch_5.bin: label 10 of image 1 is out of range for 10 classes");
  write("batches.meta.txt", "airplane\n");
  CHECK(refusal(folder.path()) == ": batches.meta.txt names 1 classes instead of 10");
  write("batches.meta.txt", "a\na\nc\nd\ne\nf\ng\nh\ni\nj\n");
  CHECK(refusal(folder.path()) ==
        ": batches.meta.txt: expected a different name on each line, without control characters");
  write("batches.meta.txt", "a\nb\nc\xe9\nd\ne\nf\ng\nh\ni\nj\n");
  CHECK(refusal(folder.path()) == ": batches.meta.txt: name 3: byte 1 is not UTF-8");
  write("", "");
  fs::remove(folder / "data_batch_4.bin");
  CHECK(refusal(folder.path()) == ": data_batch_4.bin is missing");

  const fs::path file = folder / "c.tar.gz";
  const std::string packed = gzip(archive());
  write_bytes(file, packed.substr(0, packed.size() / 2));
  CHECK(refusal(file) == ": the gzip data is truncated");
  write_bytes(file, archive().substr(0, 9000));
  CHECK(refusal(file).find("which is not what the archive holds") != std::string::npos);
  write_bytes(file, "hello");
  CHECK(refusal(file) ==
        ": is neither a folder nor a file of a data set (an archive of "
        "CIFAR or of samples, IDX)");
  for (const auto& [bytes, format] : {std::pair{"PK\3\4 ...", "a zip archive"},
                                      {"PAR1 ...", "a Parquet file"},
                                      {"Rar!\x1a\7", "a RAR archive"}}) {
    write_bytes(file, bytes);
    CHECK(refusal(file) == str(": is ", format,
                               ", neither a folder nor a file of a data set (an archive of CIFAR "
                               "or of samples, IDX)"));
  }
  write_bytes(file, tar({tar_member("a.txt", "x"), tar_member("cats/1.PNG", "x")}));
  CHECK(refusal(file) ==
        ", cats/1: has no class (.cls, or label in .json); folders of pictures are read unpacked");
  write_bytes(file, tar({tar_member("a/train.bin", "x"), tar_member("b/train.bin", "x")}));
  CHECK(refusal(file) == ": holds two files train.bin");
  write_bytes(file, tar({tar_member("a.txt", "x")}));
  CHECK(refusal(file) ==
        ": expected CIFAR's binary version (data_batch_1.bin and so on, or train.bin) or its "
        "Python version (data_batch_1, or train and meta)");
  write_bytes(file, tar({tar_member("cifar-10-batches-py/data_batch_1", "x")}));
  CHECK(refusal(file) == ", data_batch_1: expected a pickle of protocol 2 to 5");
  CHECK(refusal(folder / "none") == ": there is no such file or folder");
}

}  // namespace papilio::test
