// boft/README.md, the map from the papers' equations to the code, points at what exists.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include "tests/paths.h"
#include "tests/temporary_folder.h"

namespace papilio::test {
namespace {

namespace fs = std::filesystem;

// The cells of a row "| a | b |"; \| is no border.
std::vector<std::string> cells_of(const std::string& line) {
  static const std::regex border(R"(\s*(?:^|[^\\])\|\s*)");
  std::vector<std::string> cells{std::sregex_token_iterator(line.begin(), line.end(), border, -1),
                                 {}};
  if (!cells.empty() && cells.front().empty()) cells.erase(cells.begin());
  return cells;
}

std::vector<std::string> found(const std::string& text, const char* pattern) {
  const std::regex expression(pattern);
  return {std::sregex_token_iterator(text.begin(), text.end(), expression, 1), {}};
}

std::string headers() {
  std::string text;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(source_root) / "boft"))
    if (entry.path().extension() == ".h") text += read_bytes(entry.path());
  return text;
}

// The sources of the program's pages.
std::string page_sources() {
  std::string text;
  for (const auto& entry :
       fs::recursive_directory_iterator(fs::path(source_root) / "samples/report/pages"))
    text += read_bytes(entry.path());
  return text;
}

bool lesson_exists(const fs::path& root, const std::string& number) {
  for (const auto& entry : fs::directory_iterator(root / "samples/lessons"))
    if (entry.path().filename().string().starts_with((number.size() < 2 ? "0" : "") + number + '_'))
      return true;
  return false;
}

bool has_word(const std::string& text, const std::string& word) {
  return std::regex_search(text, std::regex("\\b" + word + "\\b"));
}

}  // namespace

TEST_CASE("the map of equations has no gap: functions, tests, lessons and pictures that exist") {
  const fs::path root(source_root);
  const std::string declared = headers(), pages = page_sources();
  std::ifstream file(root / "boft/README.md");
  int rows = 0, tests = 0, lessons = 0;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("| equation ")) inside = true;
    if (line.empty()) inside = false;
    if (!inside || line.starts_with("|---") || line.starts_with("| equation ")) continue;
    CAPTURE(line);
    const std::vector<std::string> cells = cells_of(line);
    REQUIRE(cells.size() == 6);
    ++rows;
    for (const std::string& cell : cells) CHECK(!cell.empty());
    for (const std::string& name : found(cells[2], R"(`(?:[A-Za-z]+::)?([A-Za-z_]+))"))
      CHECK_MESSAGE((has_word(declared, name) || fs::exists(root / "boft" / (name + ".h"))), name);
    for (const std::string& name : found(cells[3], R"(`(\S+\.(?:cpp|h))`)")) {
      CHECK_MESSAGE(fs::exists(root / "tests" / name), name);
      ++tests;
    }
    for (const std::string& path : found(cells[4], R"(\]\(\.\./(\S+)\))")) {
      CHECK_MESSAGE(fs::exists(root / path), path);
      ++lessons;
    }
    // Whatever has a function has a test and a lesson; a dash says that nothing is computed.
    if (cells[2].starts_with("none: ")) continue;
    CHECK((cells[3] == "the same" || !found(cells[3], R"(`(\S+_test\.cpp)`)").empty()));
    CHECK(cells[4].find("](../samples/") != std::string::npos);
    // A picture is in a page that the program writes, or in a lesson.
    CHECK(!found(cells[5], R"((`explain|report|lesson \d))").empty());
    for (const std::string& number : found(cells[5], R"(lesson (\d+))"))
      CHECK_MESSAGE(lesson_exists(root, number), number);
    for (const std::string& title : found(cells[5], "\"([^\"]+)\""))
      CHECK_MESSAGE(pages.find('"' + title + '"') != std::string::npos, title);
  }
  CHECK(rows == 33);
  CHECK(tests > rows);
  CHECK(lessons >= rows - 1);  // all but the proofs of appendix G
}

}  // namespace papilio::test
