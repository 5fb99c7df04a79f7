// Every file includes what it uses of the standard library: what another header happens to include,
// the next compiler's need not (g++ 13 and 14 dropped <cstdint> from <string>, and the build
// broke).
#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/includes/asides.h"
#include "tests/includes/standard_names.h"
#include "tests/paths.h"

namespace fs = std::filesystem;

namespace papilio::test {

namespace {

using Words = std::vector<std::string>;

Words words(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

// Name -> the headers that declare it, from the table.
const std::map<std::string, Words>& headers_of() {
  static const auto all = [] {
    std::map<std::string, Words> map;
    for (const auto& [headers, names] : standard_names)
      for (const std::string& name : words(names)) map["std::" + name] = words(headers);
    for (const auto& [headers, names] : c_names)
      for (const std::string& name : words(names)) map[name] = map["std::" + name] = words(headers);
    return map;
  }();
  return all;
}

// The names in bare code that may be the standard library's: "std::max", also of std::ranges::max,
// and "int64_t"; members (x.size) and what other scopes hold (math::exp) are none of them.
std::set<std::string> names_in(const std::string& text) {
  static const std::regex name(
      R"((?:^|[^\w.:>])(std::)?(?:ranges::)?((?:numbers::)?[A-Za-z_]\w*))");
  std::set<std::string> names;
  for (std::sregex_iterator match(text.begin(), text.end(), name), end; match != end; ++match)
    names.insert((*match)[1].str() + (*match)[2].str());
  return names;
}

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  CHECK_MESSAGE(in.good(), path.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

// What `code` includes by <...>, or by "...".
std::vector<std::string> includes(const std::string& code, char open) {
  std::vector<std::string> names;
  std::istringstream in(code);
  for (std::string line; std::getline(in, line);) {
    static const std::regex include(R"(\s*#\s*include\s*(["<])([^">]+).*)");
    std::smatch match;
    if (std::regex_match(line, match, include) && *match[1].first == open)
      names.push_back(match[2]);
  }
  return names;
}

// The standard headers that `file` has: its own, and a source also those of the header of its name.
std::set<std::string> headers(const std::string& file, const std::string& code) {
  const auto found = includes(code, '<');
  std::set<std::string> all(found.begin(), found.end());
  if (file.ends_with(".h")) return all;
  for (const fs::path include : includes(code, '"')) {
    if (include.stem() != fs::path(file).stem()) continue;
    const fs::path root = source_root;
    fs::path path = root / fs::path(file).parent_path() / include;
    if (!fs::exists(path)) path = root / include;
    if (!fs::exists(path)) continue;
    const auto more = includes(read(path), '<');
    all.insert(more.begin(), more.end());
  }
  return all;
}

// "file: name: <header> is not included", one line each.
std::string complaints(const std::string& file, const std::string& code) {
  const std::set<std::string> included = headers(file, code);
  std::string all;
  for (const std::string& name : names_in(without_asides(code))) {
    const auto entry = headers_of().find(name);
    if (entry == headers_of().end()) continue;
    const Words& wanted = entry->second;
    if (std::ranges::none_of(wanted, [&](const auto& header) { return included.contains(header); }))
      all += file + ": " + name + ": <" + wanted.front() + "> is not included\n";
  }
  return all;
}

}  // namespace

TEST_CASE("every file includes the standard headers of what it uses") {
  int files = 0;
  for (const char* room : {"kernels", "tensor", "autograd", "nn", "boft", "samples", "tests"}) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(source_root) / room)) {
      const std::string extension = entry.path().extension();
      if (extension != ".h" && extension != ".cpp" && extension != ".cu") continue;
      ++files;
      const std::string wrong =
          complaints(fs::relative(entry.path(), source_root), read(entry.path()));
      CHECK_MESSAGE(wrong.empty(), wrong);
    }
  }
  CHECK(files > 500);
}

TEST_CASE("standard names without their headers are found") {
  const auto wrong = [](const std::string& code) { return complaints("nn/new.h", code); };
  CHECK(wrong("int64_t f();") == "nn/new.h: int64_t: <cstdint> is not included\n");
  CHECK(wrong("#include <vector>\nstd::vector<uint64_t> f(std::string s);") ==
        "nn/new.h: std::string: <string> is not included\n"
        "nn/new.h: uint64_t: <cstdint> is not included\n");
  CHECK(wrong("std::ranges::sort(x);") == "nn/new.h: std::sort: <algorithm> is not included\n");
  CHECK(wrong("const char c = 'x', q = '\"'; int n = 1'000; f(std::move(c));") ==
        "nn/new.h: std::move: <utility> is not included\n");
  CHECK(wrong("f(x->size(), std::sqrt(y))") == "nn/new.h: std::sqrt: <cmath> is not included\n");
  CHECK(wrong("const auto pi = std::numbers::pi;") ==
        "nn/new.h: std::numbers::pi: <numbers> is not included\n");
  CHECK(wrong("void f(std::int64_t n) { std::fprintf(stderr, \"%d\", int(n)); }") ==
        "nn/new.h: std::fprintf: <cstdio> is not included\n"
        "nn/new.h: std::int64_t: <cstdint> is not included\n"
        "nn/new.h: stderr: <cstdio> is not included\n");
  // One of several headers is enough; what a comment, a text or another scope says counts nothing.
  CHECK(wrong("#include <cstring>\nsize_t f();") == "");
  CHECK(wrong("// std::vector\n/* int64_t */ const char* x = \"std::map \\\" std::set\";") == "");
  CHECK(wrong("const char* x = R\"(a \" std::map)\"; float y = math::exp(x), z = w.errno;") == "");
  // A source has what the header of its name includes (tensor/dims.h has <vector>), no other has.
  const std::string own = "#include \"tensor/dims.h\"\n";
  CHECK(complaints("tensor/dims.cpp", own + "std::vector<int> x;") == "");
  CHECK(complaints("tensor/layout.cpp", own + "std::vector<int> x;") ==
        "tensor/layout.cpp: std::vector: <vector> is not included\n");
}

}  // namespace papilio::test
