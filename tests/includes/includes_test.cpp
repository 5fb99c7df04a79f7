// Includes point one way: samples -> boft -> nn -> autograd -> tensor -> kernels, inside a layer
// past no closed door (rooms.h), and out of the tree only where this file says so.
#include <doctest/doctest.h>

#include <algorithm>
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

#include "tests/capture_bound.h"
#include "tests/includes/rooms.h"
#include "tests/paths.h"

namespace fs = std::filesystem;

namespace {

const std::vector<std::string> rooms = {"kernels", "tensor", "autograd", "nn", "boft", "samples"};

// What is neither ours nor C++'s, and the rooms whose .cpp files may have it. An installed header
// may have none of it: users of Papilio need no other library's headers.
const std::map<std::string, std::vector<std::string>> outside = {
    {"cblas.h", {"kernels"}},
    {"cublasLt.h", {"kernels"}},
    {"cublas_v2.h", {"kernels"}},
    {"cpuid.h", {"kernels"}},
    {"cxxabi.h", {"kernels"}},
    {"cuda_runtime.h", {"kernels"}},
    {"cuda_runtime_api.h", {"kernels"}},
    {"mma.h", {"kernels"}},
    {"oneapi/dnnl/dnnl.h", {"kernels"}},
    {"omp.h", {"kernels"}},
    {"immintrin.h", {"kernels"}},
    {"nlohmann/json_fwd.hpp", {"tensor", "samples"}},
    {"nlohmann/json.hpp", {"tensor", "nn", "boft", "samples"}},
    {"zlib.h", {"nn"}},
    {"jpeglib.h", {"nn"}},
    {"jerror.h", {"nn"}},
    {"png.h", {"nn"}},
    {"pcre2.h", {"nn", "boft"}},
    {"CLI/CLI.hpp", {"samples"}},
    {"nanobind/nanobind.h", {"samples"}},
    {"nanobind/ndarray.h", {"samples"}},
    {"nanobind/stl/filesystem.h", {"samples"}},
    {"nanobind/stl/function.h", {"samples"}},
    {"nanobind/stl/map.h", {"samples"}},
    {"nanobind/stl/optional.h", {"samples"}},
    {"nanobind/stl/pair.h", {"samples"}},
    {"nanobind/stl/string.h", {"samples"}},
    {"nanobind/stl/tuple.h", {"samples"}},
    {"nanobind/stl/variant.h", {"samples"}},
    {"nanobind/stl/vector.h", {"samples"}},
    {"mpi.h", {"nn"}},
    {"nccl.h", {"kernels"}},
    // POSIX
    {"dlfcn.h", {"kernels", "nn"}},
    {"fcntl.h", {"tensor", "nn", "boft", "samples"}},
    {"malloc.h", {"tensor"}},
    {"sched.h", {"samples"}},
    {"signal.h", {"samples"}},
    {"sys/file.h", {"tensor"}},
    {"sys/ioctl.h", {"nn", "samples"}},
    {"sys/mman.h", {"kernels", "tensor", "samples"}},
    {"sys/prctl.h", {"nn"}},
    {"sys/resource.h", {"kernels", "tensor", "samples"}},
    {"sys/stat.h", {"tensor", "nn", "boft", "samples"}},
    {"unistd.h", {"tensor", "nn", "boft", "samples"}},
};

std::string room_of(const std::string& path) {
  return path.substr(0, path.find('/'));
}

int rank_of(const std::string& room) {
  return int(std::find(rooms.begin(), rooms.end(), room) - rooms.begin());
}

bool exists(const std::string& path) {
  return fs::is_regular_file(fs::path(papilio::test::source_root) / path);
}

// The headers that kernels/meson.build names for installing.
std::set<std::string> installed_kernel_headers() {
  std::ifstream in(fs::path(papilio::test::source_root) / "kernels/meson.build");
  std::string text(std::istreambuf_iterator<char>(in), {});
  text.erase(0, text.find("installed_kernel_headers"));
  std::set<std::string> headers;
  static const std::regex entry(R"(\n  '(\w+)',)");
  for (std::sregex_iterator i(text.begin(), text.end(), entry), end; i != end; ++i)
    headers.insert("kernels/" + (*i)[1].str() + ".h");
  return headers;
}

// The rule of meson.build: all headers but the samples' and those in folders called detail; of the
// kernels those that are named.
bool installed(const std::string& path) {
  static const std::set<std::string> kernels = installed_kernel_headers();
  if (path.starts_with("kernels/")) return kernels.contains(path);
  return path.ends_with(".h") && !path.starts_with("samples/") &&
         path.find("/detail/") == std::string::npos;
}

// What is wrong with how a quoted include is written, or nothing: the whole path, from the top.
std::string way_to(const std::string& file, const std::string& name) {
  if (fs::path(name).is_relative() && name == fs::path(name).lexically_normal() && exists(name))
    return "";
  // As the compiler looks: beside the file first, then from the top.
  for (const fs::path& folder : {fs::path(file).parent_path(), fs::path()}) {
    const std::string target = (folder / name).lexically_normal();
    if (fs::path(target).is_relative() && exists(target)) return "is " + target + " from the top";
  }
  return "is not a file of the library";
}

// "run" of samples/papilio/run/training.h, and its row in command_rooms; -1 of other files.
struct CommandRoom {
  std::string name;
  int row;
};
CommandRoom command_room(const std::string& path) {
  static const std::regex in_room("samples/papilio/(\\w+)/.*");
  std::smatch match;
  if (!std::regex_match(path, match, in_room)) return {"", -1};
  const auto& rows = papilio::test::command_rooms;
  const auto row = std::ranges::find_if(
      rows, [&](const auto& names) { return std::ranges::count(names, match[1].str()) > 0; });
  return {match[1], row == rows.end() ? -1 : int(row - rows.begin())};
}

// What is wrong with one include of `file`, or nothing.
std::string complaint(const std::string& file, const std::string& name, bool quoted) {
  if (quoted) {
    const std::string& target = name;
    if (const std::string wrong = way_to(file, target); !wrong.empty()) return wrong;
    const std::string room = room_of(target);
    if (rank_of(room) == int(rooms.size())) return "is not a file of the library";
    if (rank_of(room) > rank_of(room_of(file))) return room + " is above " + room_of(file);
    if (installed(file) && !installed(target))
      return "an installed header includes one that is not";
    const CommandRoom from = command_room(file), to = command_room(target);
    if (to.row >= from.row && from.row >= 0 && to.name != from.name)
      return to.name + " is not below " + from.name;
    for (const auto& [inside, closed, why, open] : papilio::test::room_rules) {
      const auto begins = [&](std::string_view start) { return target.starts_with(start); };
      if (file.starts_with(inside) && std::ranges::any_of(closed, begins) &&
          std::ranges::none_of(open, begins))
        return "is closed to " + std::string(inside) + ": " + std::string(why);
    }
    return "";
  }
  if (name.find_first_of("./") == std::string::npos) return "";  // C++'s own
  const auto entry = outside.find(name);
  if (entry == outside.end()) return "is from outside, and tests/includes knows no reason";
  if (installed(file)) return "is from outside, in an installed header";
  const auto& allowed = entry->second;
  return std::count(allowed.begin(), allowed.end(), room_of(file)) ? ""
                                                                   : "is not for " + room_of(file);
}

// "file:line: include: what is wrong", one line each.
std::string complaints(const std::string& file, std::istream& text) {
  static const std::regex include(R"(^\s*#\s*include\s*(["<]?)([^">\s]+).*)");
  std::string all, line;
  for (int number = 1; std::getline(text, line); ++number) {
    std::smatch match;
    if (!std::regex_match(line, match, include)) continue;
    const std::string wrong =
        match[1].length() ? complaint(file, match[2], match[1] == "\"") : "is a macro";
    if (!wrong.empty())
      all += file + ":" + std::to_string(number) + ": " + match[2].str() + ": " + wrong + "\n";
  }
  return all;
}

std::string complaints(const std::string& file, const std::string& text) {
  std::istringstream in(text);
  return complaints(file, in);
}

}  // namespace

TEST_CASE("every include points down the layers") {
  int files = 0;
  for (const auto& room : rooms) {
    for (const auto& entry :
         fs::recursive_directory_iterator(fs::path(papilio::test::source_root) / room)) {
      const std::string extension = entry.path().extension();
      if (extension != ".h" && extension != ".cpp" && extension != ".cu" && extension != ".cuh")
        continue;
      ++files;
      std::ifstream in(entry.path());
      const std::string file = fs::relative(entry.path(), papilio::test::source_root);
      CHECK_MESSAGE(in.good(), file);
      const std::string wrong = complaints(file, in);
      CHECK_MESSAGE(wrong.empty(), wrong);
    }
  }
  CHECK(files > 20);
}

TEST_CASE("wrong includes are found") {
  CHECK(complaints("tensor/tensor.cpp", "#include \"autograd/node.h\"") ==
        "tensor/tensor.cpp:1: autograd/node.h: autograd is above tensor\n");
  CHECK(complaints("kernels/view.h", "\n  #  include \"tensor/tensor.h\"  // why\n") ==
        "kernels/view.h:2: tensor/tensor.h: tensor is above kernels\n");
  // No way but from the top.
  CHECK(complaints("kernels/view.h", "#include \"../tensor/tensor.h\"") ==
        "kernels/view.h:1: ../tensor/tensor.h: is tensor/tensor.h from the top\n");
  CHECK(complaints("tensor/tensor.h", "#include \"dims.h\"") ==
        "tensor/tensor.h:1: dims.h: is tensor/dims.h from the top\n");
  CHECK(complaints("nn/module.h", "#include \"nn/../tensor/dims.h\"") ==
        "nn/module.h:1: nn/../tensor/dims.h: is tensor/dims.h from the top\n");
  CHECK(complaints("nn/module.h", "#include \"tests/paths.h\"") ==
        "nn/module.h:1: tests/paths.h: is not a file of the library\n");
  CHECK(complaints("nn/module.h", "#include \"/usr/include/zlib.h\"") ==
        "nn/module.h:1: /usr/include/zlib.h: is not a file of the library\n");
  CHECK(complaints("nn/module.cpp", "#include <torch/torch.h>") ==
        "nn/module.cpp:1: torch/torch.h: is from outside, and tests/includes knows no reason\n");
  CHECK(complaints("autograd/node.cpp", "#include <cblas.h>") ==
        "autograd/node.cpp:1: cblas.h: is not for autograd\n");
  CHECK(complaints("boft/config.h", "#include <nlohmann/json.hpp>") ==
        "boft/config.h:1: nlohmann/json.hpp: is from outside, in an installed header\n");
  CHECK(
      complaints("tensor/layout.h", "#include \"kernels/cpu/parallel.h\"") ==
      "tensor/layout.h:1: kernels/cpu/parallel.h: an installed header includes one that is not\n");
  CHECK(complaints("tensor/storage.h", "#include \"tensor/detail/dry_block.h\"") ==
        "tensor/storage.h:1: tensor/detail/dry_block.h: an installed header includes one that is "
        "not\n");
  CHECK(complaints("tensor/layout.cpp", "#include HEADER") ==
        "tensor/layout.cpp:1: HEADER: is a macro\n");

  CHECK(complaints("nn/layers/linear.cpp", "#include \"nn/models/vit.h\"") ==
        "nn/layers/linear.cpp:1: nn/models/vit.h: is closed to nn/layers/: layers are what "
        "everything else is made of\n");
  CHECK(complaints("nn/models/vit.cpp", "#include \"nn/train/fit.h\"") ==
        "nn/models/vit.cpp:1: nn/train/fit.h: is closed to nn/models/: a model does not know who "
        "trains it\n");
  CHECK(complaints("autograd/ops/where.cpp", "#include \"kernels/cpu/parallel.h\"") ==
        "autograd/ops/where.cpp:1: kernels/cpu/parallel.h: is closed to autograd/: a backend is "
        "behind kernels/<op>.h\n");
  CHECK(complaints("samples/papilio/run/training.cpp",
                   "#include \"samples/papilio/text/text_run.h\"") ==
        "samples/papilio/run/training.cpp:1: samples/papilio/text/text_run.h: text is not below "
        "run\n");
  CHECK(complaints("samples/papilio/text/text_run.h",
                   "#include \"samples/papilio/images/image_run.h\"") ==
        "samples/papilio/text/text_run.h:1: samples/papilio/images/image_run.h: images is not "
        "below text\n");

  CHECK(complaints("samples/papilio/main.cpp",
                   "#include \"tensor/tensor.h\"\n#include <CLI/CLI.hpp>\n")
            .empty());
  CHECK(complaints("samples/papilio/text/text_run.h",
                   "#include \"samples/papilio/run/training.h\"\n"
                   "#include \"samples/papilio/text/text_result.h\"\n")
            .empty());
  CHECK(complaints("tensor/storage.cpp", "#include \"tensor/detail/dry_block.h\"\n").empty());
  CHECK(complaints("tensor/detail/header.h", "#include \"tensor/files/detail/json.h\"\n").empty());
  CHECK(complaints("tensor/tensor.h",
                   "#include <vector>\n#include \"tensor/dims.h\"\n// #include \"nn/x.h\"\n")
            .empty());
}

TEST_CASE("a folder called detail has headers alone: sources stand in the room") {
  int headers = 0;
  for (const std::string& room : rooms) {
    for (const auto& entry :
         fs::recursive_directory_iterator(fs::path(papilio::test::source_root) / room)) {
      if (entry.path().parent_path().filename() != "detail") continue;
      ++headers;
      CHECK_MESSAGE(entry.path().extension() == ".h", entry.path().string());
    }
  }
  CHECK(headers > 20);
}

TEST_CASE("tests include from the top, too") {
  int includes = 0;
  const fs::path top = papilio::test::source_root;
  for (const auto& entry : fs::recursive_directory_iterator(top / "tests")) {
    const fs::path extension = entry.path().extension();
    if (extension != ".h" && extension != ".cpp" && extension != ".cu") continue;
    const std::string file = fs::relative(entry.path(), top);
    std::ifstream in(entry.path());
    static const std::regex include(R"(#include "(.*)\")");
    for (std::string line; std::getline(in, line);) {
      std::smatch match;
      if (!std::regex_match(line, match, include)) continue;
      ++includes;
      const std::string wrong = way_to(file, match[1]);
      CHECK_MESSAGE(wrong.empty(), file, ": ", match[1].str(), " ", wrong);
    }
  }
  CHECK(includes > 500);
}

// A program's own folder is searched before the top of the tree.
TEST_CASE("no header of the samples or tests hides one of the library") {
  const fs::path top = papilio::test::source_root;
  int headers = 0;
  for (const char* folder : {"samples", "tests"}) {
    for (const auto& entry : fs::recursive_directory_iterator(top / folder)) {
      if (entry.path().extension() != ".h") continue;
      ++headers;
      const std::string name = fs::relative(entry.path(), top / folder);
      CHECK_MESSAGE(!exists(name), folder, '/', name);
    }
  }
  CHECK(headers > 20);
}

TEST_CASE("no kernels' header is installed without need") {
  std::string text;  // of all installed headers
  const fs::path top = papilio::test::source_root;
  for (const std::string& room : rooms) {
    for (const auto& entry : fs::recursive_directory_iterator(top / room)) {
      if (!installed(fs::relative(entry.path(), top))) continue;
      std::ifstream in(entry.path());
      text.append(std::istreambuf_iterator<char>(in), {});
    }
  }
  CHECK(installed_kernel_headers().size() > 5);
  for (const std::string& header : installed_kernel_headers()) {
    const bool needed = text.find("#include \"" + header + '"') != std::string::npos;
    CHECK_MESSAGE((needed || header == "kernels/threads.h"), header);
  }
}

// Folders that have sources themselves, not in a folder below.
std::set<std::string> folders_of_sources() {
  std::set<std::string> folders;
  const fs::path top = papilio::test::source_root;
  for (const std::string& room : rooms) {
    for (const auto& entry : fs::recursive_directory_iterator(top / room)) {
      const fs::path extension = entry.path().extension(), folder = entry.path().parent_path();
      if (extension != ".h" && extension != ".cpp" && extension != ".cu") continue;
      if (folder.filename() != "detail" && folder != top / room)
        folders.insert(fs::relative(folder, top).string() + "/");
    }
  }
  return folders;
}

TEST_CASE("every folder of sources has a rule, and the rules' rooms exist") {
  using papilio::test::room_rules, papilio::test::rooms_of_many, papilio::test::RoomRule;
  const fs::path top = papilio::test::source_root;
  const auto folders = folders_of_sources();
  CHECK(folders.size() > 25);
  for (const std::string& folder : folders) {
    const bool one_of_many = std::ranges::any_of(rooms_of_many, [&](std::string_view room) {
      return folder != room && folder.starts_with(room);
    });
    const bool ruled = std::ranges::count(room_rules, folder, &RoomRule::room) > 0;
    CHECK_MESSAGE((one_of_many || ruled || command_room(folder).row >= 0), folder);
  }
  for (const RoomRule& rule : room_rules) {
    CHECK_MESSAGE(fs::is_directory(top / rule.room), rule.room);
    for (const std::string_view room : rule.closed)
      CHECK_MESSAGE(fs::is_directory(top / room), room);
    for (const std::string_view path : rule.open) CHECK_MESSAGE(fs::exists(top / path), path);
  }
  for (const auto& row : papilio::test::command_rooms) {
    for (const std::string_view room : row)
      CHECK_MESSAGE(fs::is_directory(top / "samples/papilio" / room), room);
  }
}
