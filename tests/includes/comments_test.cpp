// What comments must be: a header says in its first line what it is, and no comment begins with
// "Of", which leaves out what it speaks of.
#include <doctest/doctest.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>

#include "tests/paths.h"

namespace fs = std::filesystem;

namespace papilio::test {

namespace {

// "file:line: what is wrong", one line each.
std::string complaints(const std::string& file, const std::string& text) {
  std::string all;
  if (file.ends_with(".h") && !text.starts_with("// "))
    all += file + ":1: no comment says what it is\n";
  std::istringstream lines(text);
  bool in_comment = false;
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const size_t begin = line.find_first_not_of(' ');
    const std::string_view rest = std::string_view(line).substr(begin == line.npos ? 0 : begin);
    if (!in_comment && rest.starts_with("// Of "))
      all += file + ":" + std::to_string(number) + ": of what?\n";
    in_comment = rest.starts_with("// ");
  }
  return all;
}

}  // namespace

TEST_CASE("headers say what they are; comments have a subject") {
  int headers = 0;
  for (const char* room : {"kernels", "tensor", "autograd", "nn", "boft", "samples", "tests"}) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(source_root) / room)) {
      const std::string extension = entry.path().extension();
      if (extension != ".h" && extension != ".cpp" && extension != ".cu") continue;
      const std::string file = fs::relative(entry.path(), source_root);
      std::ifstream in(entry.path());
      const std::string text(std::istreambuf_iterator<char>(in), {});
      const std::string wrong = complaints(file, text);
      CHECK_MESSAGE(wrong.empty(), wrong);
      headers += extension == ".h";
    }
  }
  CHECK(headers > 300);
}

TEST_CASE("headers without a comment, and comments without a subject, are found") {
  const auto wrong = [](const std::string& text) { return complaints("nn/new.h", text); };
  CHECK(wrong("#pragma once\n") == "nn/new.h:1: no comment says what it is\n");
  CHECK(complaints("nn/new.cpp", "#include <new>\n") == "");
  CHECK(wrong("// A layer.\n\n  // Of all heads.\nint f();\n") == "nn/new.h:3: of what?\n");
  CHECK(wrong("// A layer. What it takes is\n// Of no matter here.\n") == "");
}

}  // namespace papilio::test
