// A file has at most 400 lines, scripts too; a function at most 80.
#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "tests/includes/asides.h"
#include "tests/paths.h"

namespace fs = std::filesystem;

namespace {

constexpr std::ptrdiff_t kMostFileLines = 400, kMostFunctionLines = 80;

// The same lines with blanks in the place of comments, literals and preprocessor lines.
std::string blanked(std::string code) {
  const auto blank = [&](size_t from, size_t to) {
    for (; from < to; ++from)
      if (code[from] != '\n') code[from] = ' ';
  };
  bool fresh = true;  // nothing but blanks in this line so far
  for (size_t at = 0; at < code.size();) {
    size_t end = papilio::test::past_aside(code, at);
    if (code[at] == '#' && fresh) {
      end = at;
      do {
        end = std::min(code.find('\n', end + 1), code.size());
      } while (end < code.size() && code[end - 1] == '\\');
    }
    blank(at, end);
    fresh = code[at] == '\n' || (fresh && std::isspace(static_cast<unsigned char>(code[at])));
    at = std::max(end, at + 1);
  }
  return code;
}

// What a '{' opens, by what stands between it and the statement before.
enum class Brace { room, function, values };

Brace brace_of(std::string_view head) {
  const size_t last = head.find_last_not_of(" \n");
  if (last == head.npos) return Brace::room;
  head = head.substr(0, last + 1);
  for (const std::string_view end : {"const", "noexcept", "override", "final", ")"})
    if (head.ends_with(end) && head.find('(') != head.npos) return Brace::function;
  const std::string_view start = head.substr(head.find_first_not_of(" \n"));
  for (const std::string_view room : {"namespace", "struct", "class", "enum", "union", "extern"})
    if (start.starts_with(room)) return Brace::room;
  if (start.starts_with("template") && head.find('(') == head.npos) return Brace::room;
  if (head.find("->") != head.npos && head.find(" : ") == head.npos) return Brace::function;
  return Brace::values;
}

struct Function {
  std::string head;
  std::ptrdiff_t line, lines;
};

// The functions of a file that are not inside another one.
std::vector<Function> functions_of(const std::string& text) {
  const std::string code = blanked(text);
  const auto line_of = [&](size_t at) {
    return std::count(code.begin(), code.begin() + std::ptrdiff_t(at), '\n') + 1;
  };
  std::vector<Function> found;
  std::vector<Brace> open;
  size_t head = 0;  // where the statement begins
  const auto inside = [&](Brace brace) { return std::ranges::count(open, brace) > 0; };
  for (size_t at = 0; at < code.size(); ++at) {
    const bool counted = !inside(Brace::function) && !inside(Brace::values);
    if (code[at] == '{') {
      const Brace brace =
          counted ? brace_of(std::string_view(code).substr(head, at - head)) : Brace::values;
      open.push_back(brace);
      if (brace == Brace::room) head = at + 1;
      if (counted && brace == Brace::function) {
        head = std::min(code.find_first_not_of(" \n", head), at);
        found.push_back({code.substr(head, std::min(code.find_first_of("\n{", head), at) - head),
                         line_of(head), 0});
      }
    } else if (code[at] == '}' && !open.empty()) {
      const Brace brace = open.back();
      open.pop_back();
      if (brace == Brace::function) {
        Function& f = found.back();
        f.lines = line_of(at) - f.line + 1;
      }
      if (brace != Brace::values) head = at + 1;
    } else if (code[at] == ';' && counted) {
      head = at + 1;
    }
  }
  return found;
}

// "file: lines", or nothing.
std::string too_long(const std::string& file, const std::string& text) {
  const auto lines = std::ranges::count(text, '\n');
  return lines > kMostFileLines ? file + ": " + std::to_string(lines) + " lines\n" : "";
}

// "file:line: what is too long", one line each.
std::string complaints(const std::string& file, const std::string& text) {
  std::string all = too_long(file, text);
  for (const Function& f : functions_of(text)) {
    if (f.lines > kMostFunctionLines)
      all += file + ":" + std::to_string(f.line) + ": " + f.head + ": " + std::to_string(f.lines) +
             " lines\n";
  }
  return all;
}

std::string lines(int n) {
  std::string text;
  for (int i = 0; i < n; ++i) text += "  f();\n";
  return text;
}

}  // namespace

TEST_CASE("no file has more than 400 lines, no function more than 80") {
  size_t functions = 0;
  for (const char* room : {"kernels", "tensor", "autograd", "nn", "boft", "samples", "tests"}) {
    for (const auto& entry :
         fs::recursive_directory_iterator(fs::path(papilio::test::source_root) / room)) {
      const std::string extension = entry.path().extension();
      if (extension != ".h" && extension != ".cpp" && extension != ".cu" && extension != ".cuh")
        continue;
      std::ifstream in(entry.path());
      const std::string text((std::istreambuf_iterator<char>(in)), {});
      functions += functions_of(text).size();
      const std::string file = fs::relative(entry.path(), papilio::test::source_root);
      const std::string wrong = complaints(file, text);
      CHECK_MESSAGE(wrong.empty(), wrong);
    }
  }
  CHECK(functions > 1000);
}

// Python's and the shell's: by their names' ends, or by a first line "#!".
TEST_CASE("no script has more than 400 lines") {
  const fs::path top = papilio::test::source_root;
  int scripts = 0;
  const auto look = [&](const fs::path& path) {
    const std::string extension = path.extension();
    if (!fs::is_regular_file(path) ||
        (extension != ".py" && extension != ".sh" && !extension.empty()))
      return;
    std::ifstream in(path);
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    if (extension.empty() && !text.starts_with("#!")) return;
    ++scripts;
    const std::string wrong = too_long(fs::relative(path, top), text);
    CHECK_MESSAGE(wrong.empty(), wrong);
  };
  look(top / "dev");
  look(top / ".ci/run");
  for (const char* room : {"kernels", "nn", "boft", "samples", "tests", "findings"})
    for (const auto& entry : fs::recursive_directory_iterator(top / room)) look(entry.path());
  CHECK(scripts > 50);
}

TEST_CASE("what is too long is found") {
  CHECK(complaints("a.h", lines(400)).empty());
  CHECK(complaints("a.h", lines(401)) == "a.h: 401 lines\n");
  CHECK(complaints("a.cpp", "void f() {\n" + lines(78) + "}\n").empty());
  CHECK(complaints("a.cpp", "void f() {\n" + lines(79) + "}\n") ==
        "a.cpp:1: void f() : 81 lines\n");
  // Members, constructors with lists, templates, tests, functions that return by an arrow.
  CHECK(complaints("a.h", "namespace n {\n\nstruct S : T {\n  int a{3};\n  int get() const {\n" +
                              lines(80) + "  }\n};\n}\n") == "a.h:5: int get() const : 82 lines\n");
  CHECK(complaints("a.cpp", "int a;\nS::S(int x)\n    : a{x}, b(x) {\n" + lines(80) + "}\n") ==
        "a.cpp:2: S::S(int x): 83 lines\n");
  CHECK(complaints("a.cpp", "template <class T>\nauto f(T x) -> int {\n" + lines(80) + "}\n") ==
        "a.cpp:1: template <class T>: 83 lines\n");
  CHECK(complaints("a.cpp", "TEST_CASE(\"{\") {\n" + lines(80) + "}\n") ==
        "a.cpp:1: TEST_CASE(   ) : 82 lines\n");
  // Tables, text and comments are no functions, and braces in them count for nothing.
  CHECK(complaints("a.cpp", "const int t[] = {\n" + lines(80) + "};\n").empty());
  CHECK(complaints("a.cpp", "void f() { g('{', \"{\", R\"(\n{)\"); }  // {\n" + lines(80)).empty());
  CHECK(complaints("a.cpp", "#define F \\\n  {\nvoid f() {}\n" + lines(80)).empty());
  CHECK(complaints("a.cpp", "void f() {\n  g([] {\n" + lines(40) + "  });\n}\nvoid h() {\n" +
                                lines(50) + "}\n")
            .empty());
}
