// An operation asks for a kernel by the tensor's device: what only the GPU's backend has is named
// as an argument of pick or pick_cuda (tensor/pick.h), nowhere else above tensor/.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "tests/includes/asides.h"
#include "tests/paths.h"

namespace fs = std::filesystem;

namespace papilio::test {

namespace {

// What has no twin on the CPU: a CUDA graph that is recorded and launched, and NCCL's exchanges.
constexpr std::string_view kOfTheGpu[] = {"nn/train/captured_step.cpp", "nn/parallel/nccl.cpp"};

// The function whose arguments hold the place `at`; empty outside of any.
std::string_view called_around(std::string_view code, size_t at) {
  int open = 0;
  while (at > 0 && code[at - 1] != ';' && code[at - 1] != '{' && open < 1) {
    --at;
    open += code[at] == '(' ? 1 : code[at] == ')' ? -1 : 0;
  }
  if (open < 1) return {};
  size_t begin = at;
  while (begin > 0 && in_word(code[begin - 1])) --begin;
  return code.substr(begin, at - begin);
}

// "file: cuda::name", one line each.
std::string complaints(const std::string& file, const std::string& text) {
  constexpr std::string_view kBackend = "cuda::";
  const std::string code = without_asides(text);
  std::string all;
  for (size_t at = code.find(kBackend); at != code.npos; at = code.find(kBackend, at + 1)) {
    const std::string_view called = called_around(code, at);
    const bool other = at > 0 && in_word(code[at - 1]);
    if (other || called == "pick" || called == "pick_cuda") continue;
    size_t end = at + kBackend.size();
    while (end < code.size() && in_word(code[end])) ++end;
    all += file + ": " + code.substr(at, end - at) + "\n";
  }
  return all;
}

}  // namespace

TEST_CASE("operations name the GPU's kernels in pick alone") {
  int picked = 0;
  for (const char* room : {"autograd", "nn", "boft"}) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(source_root) / room)) {
      const std::string file = fs::relative(entry.path(), source_root);
      if (!file.ends_with(".cpp") && !file.ends_with(".h")) continue;
      std::ifstream in(entry.path());
      const std::string text(std::istreambuf_iterator<char>(in), {});
      picked += text.find("pick(") != text.npos;
      if (std::ranges::count(kOfTheGpu, file) > 0) continue;
      const std::string wrong = complaints(file, text);
      CHECK_MESSAGE(wrong.empty(), wrong);
    }
  }
  CHECK(picked > 30);
}

TEST_CASE("names of the GPU's backend outside pick are found") {
  const auto wrong = [](const std::string& code) { return complaints("nn/new.cpp", code); };
  CHECK(wrong("pick(device, cpu::scale, cuda::scale)(out, f(x));") == "");
  CHECK(wrong("pick(view(x).device(),\n cpu::sum,\n cuda::sum)(x); // cuda::sum") == "");
  CHECK(wrong("pick_cuda(name, device, cuda::clip)(x);") == "");
  CHECK(wrong("papilio::cuda::clip(x, live);") == "nn/new.cpp: cuda::clip\n");
  CHECK(wrong("if (cuda::recording()) return;") == "nn/new.cpp: cuda::recording\n");
  CHECK(wrong("pick(device, cpu::a, cuda::a)(cuda::b());") == "nn/new.cpp: cuda::b\n");
}

}  // namespace papilio::test
