// Adapted layers rebuilt from PEFT's own tensors: rotation, output, every gradient, merged weight.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "boft/methods/oft.h"
#include "boft/ops/boft_linear.h"
#include "boft/ops/butterfly_rotation.h"
#include "boft/ops/butterfly_shape.h"
#include "boft/ops/cayley.h"
#include "nn/layers/linear.h"
#include "tensor/copy.h"
#include "tensor/files/safetensors.h"
#include "tests/devices.h"
#include "tests/paths.h"

namespace papilio::test {

namespace {

struct Adapter {
  std::string name;
  Tensor r, s;  // leaves; s: (out, 1)
  Tensor q;
};

struct Golden {
  Device device;
  SafetensorsFile file;
  double tolerance = 0;
  std::vector<Adapter> adapters;

  int64_t number(const char* key) const { return std::stoll(file.metadata.at(key)); }
  bool has(const std::string& name) const { return file.tensors.count(name) > 0; }
  // In memory of its own, so that it can be a leaf, on the device.
  Tensor get(const std::string& name) const {
    return copy_of(copy_of(file.tensors.at(name)), device);
  }

  void expect(const std::string& name, const Tensor& got) const {
    CAPTURE(name);
    const auto values = got.to_vector<double>(), want = get(name).to_vector<double>();
    REQUIRE(got.numel() == int64_t(want.size()));
    double worst = 0;
    for (size_t i = 0; i < want.size(); ++i)
      worst = std::max(worst, std::abs(values[i] - want[i]) / (1 + std::abs(want[i])));
    CHECK(worst <= tolerance);
  }

  void make_adapters(int64_t d) {
    std::string names =
        file.metadata.count("adapters") ? file.metadata.at("adapters") : "[\"default\"]";
    std::replace_if(
        names.begin(), names.end(),
        [](char c) { return std::string("[]\",").find(c) != std::string::npos; }, ' ');
    std::istringstream words(names);
    const ButterflyShape shape =
        butterfly_shape("golden", d, number("boft_block_size"), number("boft_block_num"),
                        number("boft_n_butterfly_factor"));
    adapters.clear();
    for (std::string name; words >> name;) {
      Adapter a{
          name, leaf(get("boft_R." + name)), leaf(reshape(get("boft_s." + name), {-1, 1})), {}};
      REQUIRE(a.r.shape() == shape.factors());
      a.q = cayley(a.r);
      adapters.push_back(a);
    }
  }
  // The adapters' gradients after a backward pass.
  void expect_gradients() const {
    for (const Adapter& a : adapters) {
      expect("grad_boft_R." + a.name, grad(a.r));
      expect("grad_boft_s." + a.name, grad(a.s));
    }
  }
  // s_k ... s_1 and W' = s o (W R^T), one adapter after the other.
  Tensor scale() const {
    Tensor s = adapters[0].s;
    for (size_t k = 1; k < adapters.size(); ++k) s = s * adapters[k].s;
    return s;
  }
  Tensor merged(Tensor weight) const {
    for (const Adapter& a : adapters) weight = butterfly_rotation_transposed(weight, a.q) * a.s;
    return weight;
  }
};

Golden open(const std::filesystem::path& path, Device device) {
  Golden g{device, load_safetensors(path), 0, {}};
  g.tolerance = g.file.metadata.at("dtype") == "torch.float64" ? 1e-10 : 1e-5;
  return g;
}

using Layer = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&);

// x meets the last adapter first; the first one is the layer's own.
void check_layer(Golden& g, Layer layer, bool weight_gradient) {
  g.make_adapters(g.number("in_features"));
  const Tensor x = leaf(g.get("x")), bias = leaf(g.get("bias"));
  const Tensor weight = weight_gradient ? leaf(g.get("weight")) : g.get("weight");
  Tensor rotated = x;
  for (size_t k = g.adapters.size() - 1; k > 0; --k)
    rotated = butterfly_rotation(rotated, g.adapters[k].q);
  const Tensor y = layer(rotated, weight, bias, g.adapters[0].q, g.scale());
  g.expect("y", y);
  backward(y, g.get("grad_y"));
  g.expect("grad_x", grad(x));
  g.expect("grad_bias", grad(bias));
  g.expect_gradients();
  if (weight_gradient) g.expect("grad_weight", grad(weight));
}

void check_linear(Golden& g) {
  check_layer(g, boft_linear, false);
  check_layer(g, boft_linear, true);
  check_layer(g, boft_linear_composed, true);
  for (const Adapter& a : g.adapters) {
    g.expect("cayley." + a.name, a.q);
    g.expect("rotation." + a.name, butterfly_matrix(a.q));
  }
  Tensor weight = g.merged(g.get("weight"));
  g.expect("merged_weight", weight);
  for (size_t k = g.adapters.size(); k-- > 0;)
    weight = butterfly_rotation(weight / g.adapters[k].s, g.adapters[k].q);
  g.expect("unmerged_weight", weight);
}

void check_conv2d(Golden& g) {
  const int64_t kernel = g.number("kernel_size"), d = g.number("in_channels") * kernel * kernel;
  g.make_adapters(d);
  const Tensor x = leaf(g.get("x")), bias = leaf(g.get("bias")), weight = g.get("weight");
  const Tensor merged = reshape(g.merged(reshape(weight, {-1, d})), weight.shape());
  const Tensor y =
      conv2d(x, merged, bias, {.stride = g.number("stride"), .padding = g.number("padding")});
  g.expect("y", y);
  g.expect("merged_weight", merged);
  for (const Adapter& a : g.adapters) g.expect("rotation." + a.name, butterfly_matrix(a.q));
  backward(y, g.get("grad_y"));
  g.expect("grad_x", grad(x));
  g.expect("grad_bias", grad(bias));
  g.expect_gradients();
}

// The whole layer, at a Linear of the file's sizes.
void check_oft(Golden& g) {
  nn::Linear base(g.number("in_features"), g.number("out_features"));
  nn::to(base, g.device);
  base.weight = g.get("weight");
  base.bias = leaf(g.get("bias"));
  const auto flag = [&](const char* key) { return g.file.metadata.at(key) == "true"; };
  const boft::OftConfig config{
      .oft_block_size = g.number("oft_block_size"),
      .coft = flag("coft"),
      .eps = std::stod(g.file.metadata.at("eps")),
      .block_share = flag("block_share"),
      .use_cayley_neumann = flag("use_cayley_neumann"),
      .num_cayley_neumann_terms = g.number("num_cayley_neumann_terms"),
  };
  if (config.coft && g.tolerance < 1e-8) g.tolerance = 1e-8;
  std::vector<std::string> warnings;
  auto adapter = std::make_unique<boft::OftLayer>("golden", base, config, warnings);
  boft::OftLayer& oft = *adapter;
  CHECK(warnings.empty());
  oft.oft_R = leaf(g.get("oft_R.default.weight"));
  base.adapters.add("default", std::move(adapter));
  base.adapters.activate({"default"});
  const Tensor x = leaf(g.get("x"));
  const Tensor y = base(x);
  g.expect("y", y);
  g.expect("oft_R_after_forward.default.weight", oft.oft_R);
  backward(y, g.get("grad_y"));
  g.expect("grad_x", grad(x));
  g.expect("grad_bias", grad(base.bias));
  g.expect("grad_oft_R.default.weight", grad(oft.oft_R));
  g.expect("rotation.default", butterfly_matrix(oft.rotations(false)));
  g.expect("merged_weight", base.merged_weight({"default"}, true));
}

// Checks every file of a folder; returns how many there were.
int check_folder(const std::filesystem::path& folder, Device device) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".safetensors") continue;
    CAPTURE(entry.path().string());
    Golden g = open(entry.path(), device);
    const std::string kind = g.file.metadata.count("kind") ? g.file.metadata.at("kind") : "";
    if (kind == "boft_linear") check_linear(g), ++count;
    if (kind == "boft_conv2d") check_conv2d(g), ++count;
    if (kind == "oft_linear") check_oft(g), ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("golden: BOFT and OFT layers agree with PEFT's tensors") {
  for (const Device device : devices()) {
    CAPTURE(device);
    CHECK(check_folder(std::filesystem::path(source_root) / "tests/golden/peft", device) >= 24);
    if (const char* more = std::getenv("PAPILIO_GOLDEN_DIR")) CHECK(check_folder(more, device) > 0);
  }
}

}  // namespace papilio::test
