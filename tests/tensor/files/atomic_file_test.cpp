#include "tensor/files/atomic_file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tensor/error.h"
#include "tests/in_child.h"
#include "tests/temporary_folder.h"
#include "tests/tensor/faults.h"

using namespace papilio;
using namespace papilio::test;
namespace fs = std::filesystem;

namespace {

// The fault stays no longer than the scope.
struct Fault {
  explicit Fault(std::function<int(std::string_view)> f) { set_file_fault(std::move(f)); }
  ~Fault() { set_file_fault({}); }
};

size_t entries(const TemporaryFolder& folder) {
  return size_t(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()));
}

void write_two_parts(const fs::path& path) {
  AtomicFile file(path);
  file.write("new ");
  file.write("content");
  file.commit();
}

}  // namespace

TEST_CASE("atomic file: the whole file appears, the temporary one does not stay") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "one");
  CHECK(read_bytes(folder / "a") == "one");
  write_file_atomically(folder / "a", std::string("t\0o", 3));
  CHECK(read_bytes(folder / "a") == std::string("t\0o", 3));
  write_file_atomically(folder / "empty", "");
  CHECK(fs::file_size(folder / "empty") == 0);
  CHECK(entries(folder) == 2);
}

TEST_CASE("atomic file: a path without a folder means the working one") {
  const TemporaryFolder folder;
  const auto before = fs::current_path();
  fs::current_path(folder.path());
  write_file_atomically("here", "x");
  fs::current_path(before);
  CHECK(read_bytes(folder / "here") == "x");
}

TEST_CASE("atomic file: without commit nothing changes") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "old");
  {
    AtomicFile file(folder / "a");
    file.write("half of the n");
    CHECK(read_bytes(folder / "a") == "old");
  }
  CHECK(read_bytes(folder / "a") == "old");
  CHECK(entries(folder) == 1);
}

TEST_CASE("atomic file: the steps come in the order that survives a power cut") {
  const TemporaryFolder folder;
  std::vector<std::string> steps;
  {
    const Fault fault([&](std::string_view step) {
      steps.emplace_back(step);
      return 0;
    });
    write_two_parts(folder / "a");
  }
  CHECK(steps ==
        std::vector<std::string>{"open", "write", "write", "sync", "rename", "sync folder"});
}

TEST_CASE(
    "atomic file: killed before any step, the file is the old or the new one, and the next write "
    "works") {
  const TemporaryFolder folder;
  const auto path = folder / "a";
  for (int k = 0; k < 6; ++k) {
    CAPTURE(k);
    write_file_atomically(path, "old");
    const auto result = in_child([&] {
      int step = 0;
      set_file_fault([&](std::string_view) { return step++ == k ? ::raise(SIGKILL) : 0; });
      write_two_parts(path);
    });
    CHECK(result.status == 256 + SIGKILL);
    CHECK(read_bytes(path) == (k < 5 ? "old" : "new content"));
    CHECK(fs::exists(folder / ".a.tmp") == (k > 0 && k < 5));
    write_two_parts(path);  // over the stale temporary file
    CHECK(read_bytes(path) == "new content");
    CHECK(entries(folder) == 1);
  }
}

TEST_CASE("atomic file: a failing step throws, keeps the old file and removes the temporary one") {
  const TemporaryFolder folder;
  const auto path = folder / "a";
  write_file_atomically(path, "old");
  for (const int error : {ENOSPC, EIO}) {
    for (const std::string_view bad : {"open", "write", "sync", "rename"}) {
      CAPTURE(bad);
      const Fault fault([&](std::string_view step) { return step == bad ? error : 0; });
      const std::string reason = error == ENOSPC ? "No space left on device" : "Input/output error";
      CHECK_THROWS_WITH_AS(
          write_two_parts(path),
          str("cannot write ", path.string(), ": ", reason, " (", bad, ")").c_str(), FileError);
      CHECK(read_bytes(path) == "old");
      CHECK(entries(folder) == 1);
    }
  }
  const Fault fault([](std::string_view step) { return step == "sync folder" ? EIO : 0; });
  CHECK_THROWS_AS(write_two_parts(path), FileError);
  CHECK(read_bytes(path) == "new content");  // whole, only its durability is not certain
}

TEST_CASE("atomic file: a system that stops in the middle of a write (file size limit)") {
  const TemporaryFolder folder;
  const auto path = folder / "a";
  write_file_atomically(path, "old");
  const auto result = in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      write_file_atomically(path, std::string(5000, 'x'));
    } catch (const FileError& e) {
      ::_exit(std::string(e.what()) == "cannot write " + path.string() + ": File too large (write)"
                  ? 7
                  : 8);
    }
  });
  CHECK(result.status == 7);
  CHECK(read_bytes(path) == "old");
  CHECK(entries(folder) == 1);
}

TEST_CASE("atomic file: places that cannot be written say why") {
  const TemporaryFolder folder;
  const auto refused = [](const fs::path& path, const std::string& reason) {
    CHECK_THROWS_WITH_AS(write_file_atomically(path, "x"),
                         ("cannot write " + path.string() + ": " + reason).c_str(), FileError);
  };
  refused(folder / "none" / "a", "No such file or directory (open)");
  fs::create_directory(folder / "sub");
  refused(folder / "sub", "Is a directory (rename)");
  refused(folder.path() / "", "not a file's name");
  write_file_atomically(folder / "file", "x");
  refused(folder / "file" / "a", "Not a directory (open)");
  CHECK(entries(folder) == 2);
  if (::geteuid() != 0) {  // the superuser may write everywhere
    fs::permissions(folder / "sub", fs::perms::owner_read | fs::perms::owner_exec);
    refused(folder / "sub" / "a", "Permission denied (open)");
    fs::permissions(folder / "sub", fs::perms::owner_all);
  }
}

TEST_CASE("atomic file: in a read-only folder the file stays as it was") {
  if (::geteuid() != 0) return;  // done above
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "old");
  ::chmod(folder.path().c_str(), 0555);
  const auto result = in_child([&] {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(50);
    try {
      write_file_atomically(folder / "a", "new");
    } catch (const FileError& e) {
      ::_exit(std::string(e.what()).ends_with(": Permission denied (open)") ? 7 : 8);
    }
  });
  CHECK((result.status == 7 || result.status == 50));
  CHECK(read_bytes(folder / "a") == "old");
}

TEST_CASE("atomic file: two writers of one file at a time are an error for the second") {
  const TemporaryFolder folder;
  const auto path = folder / "a";
  AtomicFile first(path);
  first.write("first");
  CHECK_THROWS_WITH_AS(AtomicFile second(path),
                       ("cannot write " + path.string() + ": someone else is writing it").c_str(),
                       FileError);
  first.commit();
  CHECK(read_bytes(path) == "first");
}

TEST_CASE("atomic file: permissions are kept, links are replaced and not followed") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", "old");
  fs::permissions(folder / "a", fs::perms::owner_read | fs::perms::owner_write);
  write_file_atomically(folder / "a", "new");
  CHECK(fs::status(folder / "a").permissions() == (fs::perms::owner_read | fs::perms::owner_write));

  fs::create_symlink("a", folder / "link");
  write_file_atomically(folder / "link", "mine");
  CHECK_FALSE(fs::is_symlink(folder / "link"));
  CHECK(read_bytes(folder / "a") == "new");

  // A link in the temporary file's place would write somewhere else.
  fs::create_symlink("a", folder / ".b.tmp");
  CHECK_THROWS_AS(write_file_atomically(folder / "b", "x"), FileError);
  CHECK(read_bytes(folder / "a") == "new");
}
