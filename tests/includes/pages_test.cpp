// What a page names is there: the files that its links and its `paths` name, and the headings that
// links' anchors name.
#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/paths.h"
#include "tests/temporary_folder.h"

namespace fs = std::filesystem;

namespace papilio::test {

namespace {

using Strings = std::vector<std::string>;

Strings found(const std::string& text, const char* pattern) {
  const std::regex expression(pattern);
  return {std::sregex_token_iterator(text.begin(), text.end(), expression, 1), {}};
}

// As GitHub makes it: "`--to`, and Back" -> "--to-and-back". Bytes that are not ASCII are letters.
std::string anchor_of(const std::string& heading) {
  std::string anchor;
  for (const char c : std::regex_replace(heading, std::regex(R"(\[([^\]]*)\]\([^)]*\))"), "$1")) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == ' ')
      anchor += '-';
    else if (std::isalnum(byte) != 0 || byte > 127 || c == '-' || c == '_')
      anchor += char(std::tolower(byte));
  }
  return anchor;
}

// The page without what stands between ``` and ```.
std::string without_code_blocks(const std::string& page) {
  std::istringstream lines(page);
  std::string text;
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) inside = !inside;
    if (!inside) text += line + '\n';
  }
  return text;
}

std::set<std::string> anchors_of(const std::string& page) {
  std::set<std::string> anchors;
  std::map<std::string, int> times;
  for (const std::string& heading : found('\n' + without_code_blocks(page), "\n#+ ([^\n]*)")) {
    const std::string anchor = anchor_of(heading);
    const int before = times[anchor]++;
    anchors.insert(before == 0 ? anchor : anchor + '-' + std::to_string(before));
  }
  for (const std::string& anchor : found(page, "(?:id|name)=\"([^\"]+)\"")) anchors.insert(anchor);
  return anchors;
}

// "a/b.{h,cpp}" -> "a/b.h", "a/b.cpp"
Strings spelled_out(const std::string& path) {
  const size_t open = path.find('{'), close = path.find('}');
  if (open == path.npos || close == path.npos) return {path};
  Strings all;
  std::istringstream choices(path.substr(open + 1, close - open - 1));
  for (std::string choice; std::getline(choices, choice, ',');)
    all.push_back(path.substr(0, open) + choice + path.substr(close + 1));
  return all;
}

// What git leaves out, by a .gitignore of lines such as "/build*/", "*.swp" and "__pycache__/":
// anchored with a first slash, folders alone with a last one.
class Ignored {
 public:
  explicit Ignored(const std::string& gitignore) {
    std::istringstream lines("/.git/\n/.git\n" + gitignore);
    for (std::string line; std::getline(lines, line);) {
      if (line.empty() || line[0] == '#') continue;
      const bool anchored = line[0] == '/', folder = line.back() == '/';
      if (anchored) line.erase(0, 1);
      if (folder) line.pop_back();
      line = std::regex_replace(line, std::regex(R"(\.)"), R"(\.)");
      line = std::regex_replace(line, std::regex(R"(\*)"), "[^/]*");
      rules_.push_back({std::regex((anchored ? "" : "(.*/)?") + line), folder});
    }
  }
  bool operator()(const std::string& path, bool is_folder) const {
    for (const auto& [pattern, folder] : rules_)
      if ((is_folder || !folder) && std::regex_match(path, pattern)) return true;
    return false;
  }

 private:
  struct Rule {
    std::regex pattern;
    bool folder;
  };
  std::vector<Rule> rules_;
};

// Every file below the root that git would have.
Strings files_of(const fs::path& root) {
  const Ignored ignored(read_bytes(root / ".gitignore"));
  Strings files;
  for (auto at = fs::recursive_directory_iterator(root); at != fs::recursive_directory_iterator();
       ++at) {
    const std::string path = fs::relative(at->path(), root);
    if (ignored(path, at->is_directory()))
      at.disable_recursion_pending();
    else if (at->is_regular_file())
      files.push_back(path);
  }
  return files;
}

// "page: what is not there", one line each.
std::string complaints(const fs::path& root, const std::string& page, const Strings& files) {
  const std::string text = without_code_blocks(read_bytes(root / page));
  std::string all;
  for (const std::string& link : found(text, R"(\]\(([^)\s]+)\))")) {
    if (std::regex_search(link, std::regex(R"(^\w+:)"))) continue;
    const size_t hash = link.find('#');
    const std::string path = link.substr(0, hash);
    const fs::path target = path.empty() ? root / page : (root / page).parent_path() / path;
    const bool there = fs::exists(target);
    const bool heading = !there || hash == link.npos || target.extension() != ".md" ||
                         anchors_of(read_bytes(target)).contains(link.substr(hash + 1));
    if (!there || !heading) all += page + ": " + link + '\n';
  }
  const char* const kPath =
      R"(`([\w.][\w./-]*/[\w.-]+\.(?:\{[\w,]+\}|h|cpp|cu|py|md|build|csv|in|gz))`)";
  for (const std::string& named : found(text, kPath)) {
    for (const std::string& path : spelled_out(named)) {
      bool there = false;
      for (const std::string& file : files) there |= file == path || file.ends_with('/' + path);
      if (!there) all += page + ": " + path + '\n';
    }
  }
  return all;
}

}  // namespace

TEST_CASE("pages name files and headings that are there") {
  const Strings files = files_of(source_root);
  int pages = 0;
  for (const std::string& file : files) {
    if (!file.ends_with(".md")) continue;
    const std::string wrong = complaints(source_root, file, files);
    CHECK_MESSAGE(wrong.empty(), wrong);
    ++pages;
  }
  CHECK(pages > 30);
}

TEST_CASE("pages are looked for among the files that git would have") {
  const TemporaryFolder root;
  write_bytes(root / ".gitignore", read_bytes(fs::path(source_root) / ".gitignore"));
  for (const char* file :
       {"a.md", "b/build.md", "b/build/a.md", "build/a.md", "build-clang/a.md", ".offline/a.md",
        "runs/a.md", "b/runs/a.md", "b/__pycache__/a.md", ".git/a.md", ".github/a.md", "b/a.swp"}) {
    fs::create_directories((root / file).parent_path());
    write_bytes(root / file, "");
  }
  Strings files = files_of(root.path());
  std::ranges::sort(files);
  CHECK(files ==
        Strings{".github/a.md", ".gitignore", "a.md", "b/build.md", "b/build/a.md", "b/runs/a.md"});
}

TEST_CASE("links, anchors and paths that lead nowhere are found") {
  const TemporaryFolder root;
  write_bytes(root / "a.md", "# Two words\n## Two words\n## `--to`, and [Back](a.md)\n");
  fs::create_directories(root / "b");
  write_bytes(root / "b/here.h", "");
  const auto wrong = [&](const std::string& text) {
    write_bytes(root / "b/page.md", text);
    return complaints(root.path(), "b/page.md", {"a.md", "b/here.h"});
  };
  CHECK(wrong("[x](../a.md#two-words) [y](../a.md#two-words-1) [z](../a.md#--to-and-back)") == "");
  CHECK(wrong("# Own\n[x](#own) [y](here.h) [z](https://a.b/c#d) `b/here.h` `../x` `m/n`") == "");
  CHECK(wrong("[x](../a.md#two)") == "b/page.md: ../a.md#two\n");
  CHECK(wrong("[x](#own)") == "b/page.md: #own\n");
  CHECK(wrong("[x](gone.md)") == "b/page.md: gone.md\n");
  CHECK(wrong("`b/here.{h,cpp}`") == "b/page.md: b/here.cpp\n");
  CHECK(wrong("```\n[x](gone.md)\n# Own\n```\n[y](#own)") == "b/page.md: #own\n");
}

}  // namespace papilio::test
