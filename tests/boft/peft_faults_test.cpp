// PEFT's faults, one by one as its users meet them (release 0.21.2): none of them here. Each name
// says what PEFT does. peft_oft_faults_test.cpp has
// OFT's, tests/emulator/peft_faults_test.cpp those of BOFT's CUDA kernel.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "boft/files/adapter_folder.h"
#include "boft/files/checkpoint.h"
#include "kernels/threads.h"
#include "nn/layers/conv2d.h"
#include "nn/layers/linear.h"
#include "tensor/creation.h"
#include "tensor/files/safetensors.h"
#include "tensor/storage.h"
#include "tests/boft/one_layer.h"
#include "tests/compare.h"
#include "tests/in_child.h"
#include "tests/no_new_process.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

using boft::AdapterModel;
using boft::BoftConfig;

namespace {

BoftConfig random_boft(int64_t b, int64_t m) {
  return {.boft_block_size = b,
          .boft_n_butterfly_factor = m,
          .target_modules = {"layer"},
          .init_weights = false};
}

template <class Model>
std::vector<double> weights(const Model& model) {
  return model.layer.weight.template to_vector<double>();
}

// An environment variable as it is while this lives.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    ::setenv(name, value, 1);
  }
  ~Environment() { before_ ? ::setenv(name_, before_->c_str(), 1) : ::unsetenv(name_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

// By how many MiB f raises the peak of a process's memory, whoever asks for it; 98 stands for more.
// Another status is an error.
template <class F>
int memory_growth(F f) {
  return in_child([&] {
           set_num_threads(1);
           rusage before{}, after{};
           ::getrusage(RUSAGE_SELF, &before);
           f();
           ::getrusage(RUSAGE_SELF, &after);
           ::_exit(int(std::min<int64_t>((after.ru_maxrss - before.ru_maxrss) / 1024, 98)));
         })
      .status;
}

}  // namespace

TEST_CASE("PEFT fault: boft_n_butterfly_factor becomes 1 without its CUDA extension") {
  manual_seed(1);
  for (int64_t m = 1; m <= 5; ++m) {
    OneLayer<nn::Linear> model(64, 6);
    AdapterModel adapters(model);
    CHECK(adapters.add_adapter("default", random_boft(4, m)).empty());
    const boft::BoftLayer& adapter = model.boft("default");
    CHECK(adapter.boft_R.shape() == Dims{m, 16, 4, 4});
    // Every factor acts.
    const Tensor x = randn({3, 64});
    const auto before = outputs(model, x);
    CHECK(largest_difference(before, (matrix_of(x) * transposed(dense_adapted(
                                                         matrix_of(model.layer.weight), adapter)) +
                                      matrix_of(expand(model.layer.bias.detach(), {3, 6})))
                                         .values) < 1e-5);
    for (int64_t i = 0; i < m; ++i) {
      const Tensor factor = slice(adapter.boft_R.detach(), 0, i, i + 1);
      const Tensor kept = copy_of(factor);
      fill_(factor, 0);
      CHECK(largest_difference(outputs(model, x), before) > 1e-2);
      copy_(factor, kept);
    }
  }
}

TEST_CASE("PEFT fault: ... and its configuration goes on saying otherwise; the file is believed") {
  const TemporaryFolder folder;
  OneLayer<nn::Linear> model(16, 6);
  AdapterModel adapters(model);
  adapters.add_adapter("default", random_boft(4, 1));
  boft::save_adapter(adapters, folder.path());
  const auto config = folder / "adapter_config.json";
  std::string text = read_bytes(config);
  const std::string factor = "\"boft_n_butterfly_factor\": ";
  text.replace(text.find(factor + '1'), factor.size() + 1, factor + '3');
  write_bytes(config, text);
  const auto warnings = boft::load_adapter(adapters, folder.path(), "again");
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0] ==
        (folder / "adapter_model.safetensors").string() +
            ": trained with one butterfly factor, not boft_n_butterfly_factor = 3 (PEFT does so "
            "without its CUDA extension); loaded with one");
  CHECK(model.boft("again").boft_R.to_vector<float>() ==
        model.boft("default").boft_R.to_vector<float>());
}

#define RUN_TIME_COMPILING "PEFT fault: compiles at run time with CC forced to gcc"
TEST_CASE(RUN_TIME_COMPILING) {
  const Environment mine("CC", "mine");
  OneLayer<nn::Linear> model(64, 6);
  AdapterModel adapters(model);
  adapters.add_adapter("default", random_boft(4, 3));
  backward(sum(model(randn({3, 64}))));
  CHECK(grad(model.boft("default").boft_R).defined());
  CHECK(std::getenv("CC") == std::string("mine"));
}

TEST_CASE("PEFT fault: ... a fresh process does all this without starting another one") {
  // The rule works: std::system needs a process, and so would a compiler.
  const int killed = in_child([] {
                       if (forbid_new_processes()) ::_exit(std::system("true") == 0 ? 1 : 2);
                       ::_exit(98);
                     }).status;
  if (killed == 98) {
    MESSAGE("this kernel has no filters of system calls");
    return;
  }
  REQUIRE(killed == 256 + SIGSYS);
  const auto alone = in_child([] {
    // A leak checker is a process, of the sanitizer's.
    const char* options = std::getenv("ASAN_OPTIONS");
    ::setenv("ASAN_OPTIONS", (std::string(options ? options : "") + ":detect_leaks=0").c_str(), 1);
    ::dup2(STDERR_FILENO, STDOUT_FILENO);
    forbid_new_processes();
    ::execl("/proc/self/exe", "papilio_tests", "--test-case=" RUN_TIME_COMPILING, nullptr);
    ::_exit(97);
  });
  CHECK_MESSAGE(alone.status == 0, alone.error);
  CHECK_MESSAGE(alone.error.find(" 1 passed") != std::string::npos, alone.error);
}

TEST_CASE("PEFT fault: a dense d x d permutation for every factor and layer") {
  constexpr int64_t d = 8192;  // d x d floats are 256 MiB
  OneLayer<nn::Linear> model(d, 2);
  const size_t before = memory_stats().in_use;
  AdapterModel adapters(model);
  adapters.add_adapter("default", random_boft(4, 10));
  const boft::BoftLayer& adapter = model.boft("default");
  const size_t parameters = size_t(adapter.boft_R.numel() + adapter.boft_s.numel()) * 4;
  CHECK(memory_stats().in_use - before < 2 * parameters);
  CHECK(nn::named_parameters(*model.layer.adapters.find("default"), true).size() == 2);
  CHECK(memory_growth([&] { adapters.add_adapter("again", random_boft(4, 10)); }) < 64);
}

TEST_CASE("PEFT fault: dense block-diagonal matrices and d x d products in every forward pass") {
  constexpr int64_t d = 8192, rows = 16;
  OneLayer<nn::Linear> model(d, 2);
  AdapterModel adapters(model);
  adapters.add_adapter("default", random_boft(4, 10));
  const boft::BoftLayer& adapter = model.boft("default");
  const Tensor x = leaf(randn({rows, d}));
  const size_t before = memory_stats().in_use;
  reset_peak_memory();
  backward(sum(model(x)));
  const size_t grown = memory_stats().peak_in_use - before;
  CHECK(grown < 40 * size_t(x.numel() + adapter.boft_R.numel()) * 4);
  CHECK(grown < size_t(d * d));  // a quarter of one such matrix
  CHECK(memory_growth([&] { backward(sum(model(x))); }) < 64);
}

TEST_CASE("PEFT fault: a second adapter overwrites the layer's only permutation") {
  manual_seed(2);
  OneLayer<nn::Linear> model(48, 5);
  const Tensor x = randn({3, 48});
  fill_(model.layer.bias, 0);
  AdapterModel adapters(model);
  adapters.add_adapter("first", random_boft(4, 3));
  const auto alone = outputs(model, x);
  adapters.add_adapter("second", random_boft(6, 2));
  CHECK(outputs(model, x) == alone);
  adapters.set_adapter({"first", "second"});
  Matrix w = dense_adapted(matrix_of(model.layer.weight), model.boft("first"));
  w = dense_adapted(w, model.boft("second"));
  CHECK(largest_difference(outputs(model, x), (matrix_of(x) * transposed(w)).values) < 1e-4);
  adapters.set_adapter({"first"});
  CHECK(outputs(model, x) == alone);
}

TEST_CASE("PEFT fault: its kernel knows no bfloat16, and wrong shapes reach it") {
  manual_seed(3);
  OneLayer<nn::Linear> model(32, 6);
  nn::to(model, DType::bfloat16);
  AdapterModel adapters(model);
  adapters.add_adapter("default", random_boft(4, 3));
  const Tensor x = cast(randn({5, 32}), DType::bfloat16);
  const Tensor y = model(x);
  CHECK(y.dtype() == DType::bfloat16);
  backward(sum(y));
  CHECK(grad(model.boft("default").boft_R).dtype() == DType::float32);
  CHECK_THROWS_AS(model(cast(randn({5, 31}), DType::bfloat16)), ArgumentError);
}

TEST_CASE("PEFT fault: Conv2d drops rectangles, stride, padding, dilation, groups, padding_mode") {
  struct Case {
    const char* what;
    int64_t in, out;
    std::array<int64_t, 2> kernel;
    Conv2dOptions options;
    nn::PaddingMode padding_mode = nn::PaddingMode::zeros;
  };
  for (const Case& c :
       {Case{"rectangular kernel", 4, 6, {1, 3}, {}},
        Case{"stride", 2, 6, {2, 2}, {.stride = {1, 2}}},
        Case{"padding", 2, 6, {2, 2}, {.padding = {0, 2}}},
        Case{"dilation", 2, 6, {2, 2}, {.dilation = {2, 3}}},
        Case{"groups", 8, 6, {2, 2}, {.groups = 2}},
        Case{"padding_mode", 2, 6, {2, 2}, {.padding = {1, 1}}, nn::PaddingMode::reflect},
        Case{"padding_mode", 2, 6, {2, 2}, {.padding = {2, 1}}, nn::PaddingMode::replicate},
        Case{"padding_mode", 2, 6, {2, 2}, {.padding = {1, 2}}, nn::PaddingMode::circular}}) {
    CAPTURE(c.what);
    manual_seed(4);
    OneLayer<nn::Conv2d> model(c.in, c.out, c.kernel, c.options, true, c.padding_mode);
    // The same convolution with the weight that the dense rotation gives.
    OneLayer<nn::Conv2d> plain(c.in, c.out, c.kernel, c.options, true, c.padding_mode);
    copy_(plain.layer.bias.detach(), model.layer.bias);
    AdapterModel adapters(model);
    adapters.add_adapter("default", random_boft(2, 2));
    Matrix w = matrix_of(flatten(model.layer.weight.detach(), 1));
    w = dense_adapted(w, model.boft("default"));
    copy_(plain.layer.weight.detach(),
          reshape(tensor<double>(w.values), plain.layer.weight.shape()));
    const Tensor x = randn({2, c.in, 7, 8});
    const auto adapted = outputs(model, x);
    CHECK(largest_difference(adapted, outputs(plain, x)) < 1e-5);
    adapters.merge(true);
    CHECK(largest_difference(outputs(model, x), adapted) < 1e-5);
    adapters.unmerge();
    CHECK(outputs(model, x) == adapted);
  }
}

TEST_CASE("PEFT fault: safe_merge checks nothing at a Conv2d") {
  for (const float broken : {std::nanf(""), INFINITY}) {
    OneLayer<nn::Conv2d> model(2, 4, std::array<int64_t, 2>{2, 2});
    const auto before = weights(model);
    AdapterModel adapters(model);
    adapters.add_adapter("default", random_boft(4, 2));
    fill_(model.boft("default").boft_s.detach(), broken);
    CHECK_THROWS_WITH(
        adapters.merge(true),
        "NaNs detected in the merged weights. The adapter default seems to be broken");
    CHECK(weights(model) == before);
    CHECK(adapters.merged().empty());
  }
}

TEST_CASE("PEFT fault: unmerging starts from rounded weights, and s = 0 gives infinities") {
  manual_seed(5);
  for (const DType dtype : {DType::float32, DType::bfloat16}) {
    OneLayer<nn::Linear> model(16, 6);
    nn::to(model, dtype);
    const auto before = weights(model);
    AdapterModel adapters(model);
    adapters.add_adapter("default", random_boft(4, 2));
    for (const bool zero : {false, true}) {
      if (zero) fill_(model.boft("default").boft_s.detach(), 0);
      for (int again = 0; again < 3; ++again) {
        adapters.merge(true);
        CHECK(weights(model) != before);
        adapters.unmerge();
        CHECK(weights(model) == before);
      }
    }
  }
}

TEST_CASE("PEFT fault: merging some of the active adapters ignores the others without a word") {
  manual_seed(6);
  OneLayer<nn::Linear> model(16, 6);
  const Tensor x = randn({3, 16});
  AdapterModel adapters(model);
  adapters.add_adapter("first", random_boft(4, 2));
  adapters.add_adapter("second", random_boft(4, 1));
  adapters.set_adapter({"first", "second"});
  const auto both = outputs(model, x);
  CHECK_THROWS_WITH(
      adapters.merge(false, {"second"}),
      "merge: adapter first is active, was activated before second and would then apply after it; "
      "merge it too, or deactivate it");
  CHECK(outputs(model, x) == both);
  // What can be kept right is: the other one goes on acting on the merged weight.
  adapters.merge(false, {"first"});
  CHECK(largest_difference(outputs(model, x), both) < 1e-5);
}

TEST_CASE("PEFT fault: files hold both triangles of R, of which only the difference acts") {
  manual_seed(9);
  const TemporaryFolder folder;
  OneLayer<nn::Linear> model(16, 6);
  const Tensor x = randn({3, 16});
  AdapterModel adapters(model);
  adapters.add_adapter("default", random_boft(4, 2));
  boft::save_adapter(adapters, folder.path());
  const auto whole = outputs(model, x);
  // A file of the skew-symmetric part alone says the same.
  SafetensorsFile file = load_safetensors(folder / "adapter_model.safetensors");
  Tensor& r = file.tensors.at("base_model.model.layer.boft_R");
  r = (r - transpose(r, -1, -2)) * 0.5;
  save_safetensors(folder / "adapter_model.safetensors", file.tensors);
  boft::load_adapter(adapters, folder.path(), "skew");
  adapters.set_adapter({"skew"});
  CHECK(largest_difference(outputs(model, x), whole) < 1e-6);
  // And so does the compact form, in half the room.
  boft::write_adapter_folder(folder / "compact", adapters.config("skew"), file.tensors,
                             boft::FolderForm::compact);
  const auto compact =
      load_safetensors(folder / "compact" / "adapter_model.compact.safetensors").tensors;
  CHECK(compact.at("base_model.model.layer.boft_R_upper").shape() == Dims{2, 4, 6});
  boft::load_adapter(adapters, folder / "compact", "compact");
  adapters.set_adapter({"compact"});
  CHECK(largest_difference(outputs(model, x), whole) < 1e-6);
}

}  // namespace papilio::test
