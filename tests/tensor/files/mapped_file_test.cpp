#include "tensor/files/detail/mapped_file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <optional>
#include <string>

#include "tensor/error.h"
#include "tests/in_child.h"
#include "tests/sanitizers.h"
#include "tests/temporary_folder.h"

using namespace papilio;
using namespace papilio::test;

TEST_CASE("mapped file: the bytes; writes stay in memory") {
  const TemporaryFolder folder;
  write_bytes(folder / "a", "hello");
  const MappedFile file(folder / "a");
  CHECK(file.size() == 5);
  CHECK(file.data()[4] == 'o');
  file.data()[0] = 'j';
  CHECK(file.data()[0] == 'j');
  CHECK(read_bytes(folder / "a") == "hello");
  write_bytes(folder / "empty", "");
  CHECK(MappedFile(folder / "empty").size() == 0);
}

TEST_CASE("mapped file: what cannot be mapped says why") {
  const TemporaryFolder folder;
  const auto refused = [](const std::filesystem::path& path, const std::string& reason) {
    CHECK_THROWS_WITH_AS(MappedFile{path}, (path.string() + ": " + reason).c_str(), FileError);
  };
  refused(folder / "none", "there is no such file");
  refused(folder.path(), "is a folder, not a file");
  refused("/dev/null", "is a device, not a file");
  ::mkfifo((folder / "fifo").c_str(), 0600);
  refused(folder / "fifo", "is a pipe, not a file");  // and does not wait for a writer
}

TEST_CASE("mapped file: shortened while in use, the process ends with one line and code 1") {
  const TemporaryFolder folder;
  const auto path = folder / "a";
  write_bytes(path, std::string(3 * 4096, 'x'));
  write_bytes(folder / "b", "b");
  const auto result = in_child([&] {
    std::optional<MappedFile> closed(folder / "b");
    const MappedFile other(folder / "b"), file(path);
    closed.reset();
    const MappedFile again(folder / "b");
    std::filesystem::resize_file(path, 100);
    const auto* const data = static_cast<const volatile unsigned char*>(file.data());
    if (data[50] != 'x') ::_exit(3);
    ::_exit(data[2 * 4096] == 'x' ? 4 : 5);
  });
  CHECK(result.status == 1);
  CHECK(result.error == "error: " + path.string() + " was shortened while it was in use\n");
}

TEST_CASE("mapped file: other bus errors end the process as ever" *
          doctest::skip(kAddressSanitizer)) {
  const TemporaryFolder folder;
  write_bytes(folder / "a", "x");
  const auto result = in_child([&] {
    const MappedFile file(folder / "a");
    ::raise(SIGBUS);
  });
  CHECK(result.status == 256 + SIGBUS);
}
