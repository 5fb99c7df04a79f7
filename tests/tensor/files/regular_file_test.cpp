#include "tensor/files/detail/regular_file.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>

#include "tensor/error.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

TEST_CASE("regular file: its bytes, its first bytes, and no more than are allowed") {
  const TemporaryFolder folder;
  write_bytes(folder / "a", "hello");
  CHECK(read_file(folder / "a") == "hello");
  CHECK(RegularFile(folder / "a").read(2) == "he");
  CHECK(RegularFile(folder / "a").size() == 5);
  CHECK_THROWS_WITH_AS(read_file(folder / "a", 4),
                       ((folder / "a").string() + ": is larger than 4 bytes").c_str(), FileError);
  write_bytes(folder / "empty", "");
  CHECK(read_file(folder / "empty").empty());
  std::filesystem::create_symlink(folder / "a", folder / "link");
  CHECK(read_file(folder / "link") == "hello");
}

TEST_CASE(
    "regular file: nothing that may wait for ever is opened, and the message says what it is") {
  const TemporaryFolder folder;
  const auto refused = [](const std::filesystem::path& path, const std::string& reason) {
    CHECK_THROWS_WITH_AS(read_file(path), (path.string() + ": " + reason).c_str(), FileError);
  };
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  refused(folder / "fifo", "is a pipe, not a file");
  std::filesystem::create_symlink(folder / "fifo", folder / "link");
  refused(folder / "link", "is a pipe, not a file");
  refused("/dev/zero", "is a device, not a file");
  refused(folder.path(), "is a folder, not a file");
  refused(folder / "none", "there is no such file");
  write_bytes(folder / "a", "");
  refused(folder / "a/below", "there is no such file");
  const int server = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string name = (folder / "socket").string();
  REQUIRE(name.size() < sizeof address.sun_path);
  std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
  REQUIRE(::bind(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  refused(name, "is a socket, not a file");
  ::close(server);
}

TEST_CASE("regular file: a link that cannot be followed is not as if nothing were there") {
  namespace fs = std::filesystem;
  const TemporaryFolder folder;
  write_bytes(folder / "a", "hello");
  fs::create_symlink("a", folder / "good");
  fs::create_symlink("loop", folder / "loop");
  fs::create_symlink("gone", folder / "dangling");
  CHECK(file_exists(folder / "a"));
  CHECK(file_exists(folder / "good"));
  CHECK(file_exists(folder.path()));
  CHECK_FALSE(file_exists(folder / "none"));
  CHECK_FALSE(file_exists(folder / "a/below"));
  const auto refused = [](const fs::path& path, const std::string& reason) {
    CHECK_THROWS_WITH_AS(file_exists(path), (path.string() + ": " + reason).c_str(), FileError);
    CHECK_THROWS_WITH_AS(read_file(path), (path.string() + ": " + reason).c_str(), FileError);
  };
  refused(folder / "loop",
          "is a link to loop, which cannot be followed: Too many levels of symbolic links");
  refused(folder / "dangling",
          "is a link to gone, which cannot be followed: there is no such file");
  refused(folder / "loop/below", "cannot be read: Too many levels of symbolic links");
  refused(folder / std::string(300, 'x'), "cannot be read: File name too long");
}

}  // namespace papilio::test
