// Every file includes the headers of our own types that it uses: what comes by way of another
// header goes when that one needs it no more.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/includes/asides.h"
#include "tests/paths.h"

namespace fs = std::filesystem;

namespace papilio::test {

namespace {

using Names = std::set<std::string>;

// What every file of the rooms above has in its hands, whatever it includes.
const Names kEverywhere{"kernels/conv2d.h",   "kernels/dtype.h",  "kernels/error.h",
                        "kernels/functors.h", "kernels/view.h",   "tensor/device.h",
                        "tensor/dims.h",      "tensor/error.h",   "tensor/layout.h",
                        "tensor/random.h",    "tensor/storage.h", "tensor/tensor.h",
                        "autograd/node.h",    "nn/module.h",      "nn/visitor.h"};

// Headers that stand for a room.
const std::map<std::string, std::string_view> kDoors{{"autograd/ops.h", "autograd/ops/"},
                                                     {"boft/ops.h", "boft/ops/"},
                                                     {"boft/methods/methods.h", "boft/methods/"}};

struct Source {
  std::string code;  // without comments and texts
  Names includes;    // "..."
};

Source source_of(const std::string& text) {
  static const std::regex include(R"x(#\s*include\s*"([^"]+)")x");
  Source source{without_asides(text), {}};
  for (std::sregex_iterator i(text.begin(), text.end(), include), end; i != end; ++i)
    source.includes.insert((*i)[1]);
  return source;
}

const std::map<std::string, Source>& sources() {
  static const auto all = [] {
    std::map<std::string, Source> map;
    for (const char* room : {"kernels", "tensor", "autograd", "nn", "boft", "samples"}) {
      for (const auto& entry : fs::recursive_directory_iterator(fs::path(source_root) / room)) {
        const std::string extension = entry.path().extension();
        if (extension != ".h" && extension != ".cpp" && extension != ".cu") continue;
        std::ifstream in(entry.path(), std::ios::binary);
        map[fs::relative(entry.path(), source_root)] =
            source_of({std::istreambuf_iterator<char>(in), {}});
      }
    }
    return map;
  }();
  return all;
}

Names all_matches(const std::string& code, const std::regex& name) {
  Names names;
  for (std::sregex_iterator i(code.begin(), code.end(), name), end; i != end; ++i)
    names.insert((*i)[1]);
  return names;
}

// Type -> the header that declares it outside of any other, if only one does.
const std::map<std::string, std::string>& header_of() {
  static const auto found = [] {
    static const std::regex declared(
        R"((?:^|\n)(?:(?:struct|class|enum class|enum) ([A-Z]\w*)\b[^;{]*\{))"),
        alias(R"((?:^|\n)using ([A-Z]\w*) =)");
    std::map<std::string, Names> headers;
    for (const auto& [file, source] : sources()) {
      if (!file.ends_with(".h")) continue;
      for (const std::regex& kind : {declared, alias})
        for (const std::string& name : all_matches(source.code, kind)) headers[name].insert(file);
    }
    std::map<std::string, std::string> one;
    for (const auto& [name, files] : headers)
      if (files.size() == 1) one[name] = *files.begin();
    return one;
  }();
  return found;
}

// All that comes with a header.
const Names& with(const std::string& header) {
  static std::map<std::string, Names> known;
  const auto [entry, fresh] = known.try_emplace(header);
  Names& all = entry->second;
  if (!fresh) return all;
  all.insert(header);
  if (const auto found = sources().find(header); found != sources().end())
    for (const std::string& include : found->second.includes) all.merge(Names(with(include)));
  return all;
}

// What a file has: what it includes, and a source also what the header of its name includes.
Names at_hand(const std::string& file, const Source& source) {
  Names all = source.includes;
  all.insert(file);
  if (file.ends_with(".h")) return all;
  for (const fs::path own : source.includes) {
    const auto found = sources().find(own);
    if (own.stem() == fs::path(file).stem() && found != sources().end())
      all.insert(found->second.includes.begin(), found->second.includes.end());
  }
  return all;
}

bool is_at_hand(const Names& all, const std::string& header) {
  return all.contains(header) || kEverywhere.contains(header) ||
         std::ranges::any_of(kDoors, [&](const auto& door) {
           return all.contains(door.first) && header.starts_with(door.second);
         });
}

// "file: name: header is not included", one line each.
std::string complaints(const std::string& file, const Source& source) {
  // The first type behind namespaces: of nn::Loader::Options it is Loader. Members are no types.
  static const std::regex used(R"((?:^|[^\w.>:])(?:[a-z_]\w*::)*([A-Z]\w*))");
  static const std::regex own(R"((?:struct|class|enum|using|typename) ([A-Z]\w*))");
  const Names mine = all_matches(source.code, own), headers = at_hand(file, source);
  std::string all;
  for (const std::string& name : all_matches(source.code, used)) {
    const auto entry = header_of().find(name);
    if (entry == header_of().end() || mine.contains(name)) continue;
    const std::string& header = entry->second;
    // One that does not come at all declares another type of this name.
    const bool comes = std::ranges::any_of(
        source.includes, [&](const std::string& from) { return with(from).contains(header); });
    if (comes && !is_at_hand(headers, header))
      all += file + ": " + name + ": " + header + " is not included\n";
  }
  return all;
}

}  // namespace

TEST_CASE("every file includes the headers of our own types that it uses") {
  CHECK(header_of().size() > 400);
  for (const auto& [file, source] : sources()) {
    const std::string wrong = complaints(file, source);
    CHECK_MESSAGE(wrong.empty(), wrong);
  }
}

TEST_CASE("types without their headers are found") {
  const auto wrong = [](const std::string& file, const std::string& text) {
    return complaints(file, source_of(text));
  };
  const std::string mlp = "#include \"nn/layers/mlp.h\"\n";
  CHECK(wrong("nn/new.cpp", mlp + "Linear x;") ==
        "nn/new.cpp: Linear: nn/layers/linear.h is not included\n");
  CHECK(wrong("boft/new.h", mlp + "nn::Linear x; Module y;") ==
        "boft/new.h: Linear: nn/layers/linear.h is not included\n");
  CHECK(wrong("nn/new.cpp", mlp + "#include \"nn/layers/linear.h\"\nLinear x;") == "");
  CHECK(wrong("nn/layers/mlp.cpp", mlp + "Linear x;") == "");  // its own header has it
  CHECK(wrong("nn/new.cpp", "#include \"tensor/dims.h\"\nLinear x;") == "");
  CHECK(wrong("nn/new.cpp", mlp + "// Linear\nconst char* x = \"Linear\"; f(m.Linear);") == "");
  CHECK(wrong("nn/new.cpp", mlp + "struct Linear {}; Linear x;") == "");
  CHECK(wrong("nn/new.cpp", "#include \"boft/methods/methods.h\"\nboft::HraConfig x;") == "");
}

}  // namespace papilio::test
