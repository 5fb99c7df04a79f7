// BOFT <-> OFT, the compact form, and formats that are not PEFT's.
#include "boft/files/convert.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "autograd/grad_mode.h"
#include "boft/files/checkpoint.h"
#include "tensor/creation.h"
#include "tensor/files/safetensors.h"
#include "tests/boft/tiny_model.h"
#include "tests/compare.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

using boft::AdapterModel;
using boft::BoftConfig;
using boft::OftConfig;
namespace fs = std::filesystem;

namespace {

const boft::ModuleNames kTargets{"query", "dense", "stem"};

std::vector<double> outputs(TinyModel& model) {
  const NoGrad no_grad;
  nn::eval(model);
  return model(tiny_input()).to_vector<double>();
}

// The outputs with the adapter of a folder.
std::vector<double> outputs(const fs::path& folder) {
  TinyModel model;
  AdapterModel adapters(model);
  // All it may say: the stem is a convolution, where PEFT's OFT differs.
  for (const std::string& warning : boft::load_adapter(adapters, folder))
    CHECK(warning.find("stem is a convolution") != std::string::npos);
  return outputs(model);
}

// Saves a random adapter and returns the model's outputs with it.
std::vector<double> save_random(const fs::path& folder, const boft::AdapterConfig& config,
                                bool unit_scale = false) {
  TinyModel model;
  AdapterModel adapters(model);
  adapters.add_adapter("default", config);
  if (unit_scale) {
    for (const auto& [name, tensor] : nn::named_parameters(model))
      if (name.ends_with("boft_s")) fill_(*tensor, 1);
  }
  for (const auto& own : adapters.own_tensors("default"))
    copy_(own.copy, normal(own.copy.shape(), 0, 1));
  boft::save_adapter(adapters, folder);
  return outputs(model);
}

BoftConfig random_boft(int64_t m) {
  return {.boft_block_size = 4,
          .boft_n_butterfly_factor = m,
          .target_modules = kTargets,
          .bias = "boft_only",
          .modules_to_save = {"classifier"},
          .init_weights = false};
}

OftConfig random_oft() {
  return {.oft_block_size = 4,
          .use_cayley_neumann = false,
          .target_modules = kTargets,
          .init_weights = false};
}

}  // namespace

TEST_CASE("convert: BOFT with m = 1 and s = 1 is exact OFT, and back") {
  const TemporaryFolder at;
  const auto want = save_random(at / "boft", random_boft(1), true);
  const auto oft = boft::boft_to_oft(boft::read_adapter_folder(at / "boft"));
  CHECK(std::get<OftConfig>(oft.config).bias == "oft_only");
  CHECK(std::get<OftConfig>(oft.config).oft_block_size == 4);
  CHECK(!std::get<OftConfig>(oft.config).use_cayley_neumann);
  CHECK(oft.tensors.at("base_model.model.stem.oft_R.weight").shape() == Dims{1, 6});
  boft::write_adapter_folder(at / "oft", oft.config, oft.tensors);
  CHECK(outputs(at / "oft") == want);

  TinyModel base;
  const auto back = boft::oft_to_boft(boft::read_adapter_folder(at / "oft"), base);
  CHECK(back.warnings.empty());
  CHECK(std::get<BoftConfig>(back.config).boft_block_size == 4);
  CHECK(back.tensors.at("base_model.model.stem.boft_s").shape() == Dims{1, 8});
  CHECK(back.tensors.at("base_model.model.encoder.layer.0.output.dense.boft_s").shape() ==
        Dims{16, 1});
  boft::write_adapter_folder(at / "back", back.config, back.tensors);
  CHECK(outputs(at / "back") == want);
}

TEST_CASE("convert: OFT's shared and constrained blocks, and numbers of blocks, become BOFT's") {
  OftConfig shared = random_oft(), constrained = random_oft(), numbered = random_oft();
  shared.block_share = true;
  constrained.coft = true;
  constrained.eps = 0.05;
  numbered.r = 2, numbered.oft_block_size = 0;
  for (const OftConfig& config : {random_oft(), shared, constrained, numbered}) {
    const TemporaryFolder at;
    const auto want = save_random(at / "oft", config);
    TinyModel base;
    const auto boft = boft::oft_to_boft(boft::read_adapter_folder(at / "oft"), base);
    CHECK(boft.warnings.size() == (config.coft ? 1 : 0));
    CHECK(std::get<BoftConfig>(boft.config).boft_block_num == config.r);
    boft::write_adapter_folder(at / "boft", boft.config, boft.tensors);
    CHECK(largest_difference(outputs(at / "boft"), want) < 1e-6);
  }
}

TEST_CASE("convert: block sizes that OFT adjusted are told by their number where that is one") {
  const TemporaryFolder at;
  OftConfig config = random_oft();
  config.oft_block_size = 8;  // d = 8 at query and dense; d = 4 at the stem, if it becomes 4
  TinyModel model, base;
  AdapterModel adapters(model);
  adapters.add_adapter("default", config);
  boft::save_adapter(adapters, at / "oft");
  const auto boft = boft::oft_to_boft(boft::read_adapter_folder(at / "oft"), base);
  CHECK(std::get<BoftConfig>(boft.config).boft_block_num == 1);
  CHECK(std::get<BoftConfig>(boft.config).boft_block_size == 0);
  boft::write_adapter_folder(at / "boft", boft.config, boft.tensors);
  CHECK(outputs(at / "boft") == outputs(model));
}

TEST_CASE("convert: what has no equal is refused by name") {
  const TemporaryFolder at;
  TinyModel base;
  save_random(at / "scaled", random_boft(1));
  try {
    boft::boft_to_oft(boft::read_adapter_folder(at / "scaled"));
    FAIL("no error");
  } catch (const ArgumentError& e) {
    CHECK(std::string(e.what()).starts_with(
        "boft_to_oft: base_model.model.encoder.layer.0.attention.query: boft_s is not 1 (it "
        "differs by up to "));
  }
  save_random(
      at / "deep",
      BoftConfig{.boft_block_size = 2, .boft_n_butterfly_factor = 2, .target_modules = {"query"}},
      true);
  CHECK_THROWS_WITH(
      boft::boft_to_oft(boft::read_adapter_folder(at / "deep")),
      "boft_to_oft: the adapter has 2 butterfly factors; OFT has one; merge the adapter "
      "instead");
  CHECK_THROWS_WITH(boft::oft_to_boft(boft::read_adapter_folder(at / "deep"), base),
                    "oft_to_boft: expected an OFT adapter, got BOFT");
  OftConfig series = random_oft();
  series.use_cayley_neumann = true;
  save_random(at / "series", series);
  CHECK_THROWS_WITH(boft::oft_to_boft(boft::read_adapter_folder(at / "series"), base),
                    "oft_to_boft: the adapter uses the Cayley-Neumann series, whose blocks are not "
                    "exactly orthogonal, so that no BOFT adapter equals it; merge it instead");
  save_random(at / "oft", random_oft());
  nn::Linear other(3, 3);
  CHECK_THROWS_WITH(
      boft::oft_to_boft(boft::read_adapter_folder(at / "oft"), other),
      "oft_to_boft: base_model.model.encoder.layer.0.attention.query.oft_R.weight: the "
      "base model has no such layer");
}

TEST_CASE("convert: a tensor of a wrong rank or dtype is named") {
  const TemporaryFolder at;
  TinyModel base;
  save_random(at / "oft", random_oft());
  save_random(at / "boft", random_boft(1));
  const auto oft = boft::read_adapter_folder(at / "oft"),
             boft = boft::read_adapter_folder(at / "boft");
  const auto begins = [&](auto&& convert, boft::AdapterFolder adapter, const std::string& ending,
                          const Tensor& wrong, const std::string& operation,
                          const std::string& what) {
    for (auto& [key, tensor] : adapter.tensors) {
      if (!key.ends_with(ending)) continue;
      tensor = wrong;
      std::string message;
      try {
        convert(adapter);
      } catch (const ArgumentError& e) {
        message = e.what();
      }
      CHECK(message == operation + ": " + key + ": expected numbers of shape " + what);
      return;
    }
    FAIL("no tensor " << ending);
  };
  const auto to_oft = [](const auto& a) { boft::boft_to_oft(a); };
  const auto to_boft = [&](const auto& a) { boft::oft_to_boft(a, base); };
  const auto to_compact = [&](const auto& a) {
    boft::write_adapter_folder(at / "out", a.config, a.tensors, boft::FolderForm::compact);
  };
  for (const Tensor& wrong : {zeros({}), zeros({4}), zeros({2, 4, 4}), zeros({1, 2, 4, 3})}) {
    const std::string got = str("got float32", wrong.shape());
    begins(to_oft, boft, ".boft_R", wrong, "boft_to_oft", "(1, N, b, b), " + got);
    begins(to_compact, boft, ".boft_R", wrong, "compact form", "(m, N, b, b), " + got);
    if (wrong.dim() != 2)
      begins(to_boft, oft, ".oft_R.weight", wrong, "oft_to_boft", "(N, b (b - 1) / 2), " + got);
  }
  const Tensor whole = zeros({1, 2, 4, 4}, {.dtype = DType::int64});
  begins(to_oft, boft, ".boft_R", whole, "boft_to_oft", "(1, N, b, b), got int64(1, 2, 4, 4)");
  CHECK(!fs::exists(at / "out/adapter_config.json"));
}

TEST_CASE("compact form: half the size, the same rotations bit for bit") {
  const TemporaryFolder at;
  const auto want = save_random(at / "peft", BoftConfig{.boft_block_size = 2,
                                                        .boft_n_butterfly_factor = 2,
                                                        .target_modules = kTargets,
                                                        .bias = "all",
                                                        .init_weights = false});
  const auto adapter = boft::read_adapter_folder(at / "peft");
  boft::write_adapter_folder(at / "compact", adapter.config, adapter.tensors,
                             boft::FolderForm::compact);
  const fs::path file = at / "compact" / "adapter_model.compact.safetensors";
  CHECK(!fs::exists(at / "compact" / "adapter_model.safetensors"));
  const SafetensorsFile stored = load_safetensors(file);
  CHECK(stored.tensors.at("base_model.model.stem.boft_R_upper").shape() == Dims{2, 2, 1});
  CHECK(!stored.tensors.contains("base_model.model.stem.boft_R"));
  CHECK(outputs(at / "compact") == want);
  // And back, in the same folder: the compact file goes.
  const auto again = boft::read_adapter_folder(at / "compact");
  boft::write_adapter_folder(at / "compact", again.config, again.tensors);
  CHECK(!fs::exists(file));
  CHECK(outputs(at / "compact") == want);
  CHECK_THROWS_WITH(
      boft::write_adapter_folder(at / "no", OftConfig{}, {}, boft::FolderForm::compact),
      "the compact form is BOFT's: OFT stores upper triangles already");

  auto broken = stored.tensors;
  broken["base_model.model.stem.boft_R_upper"] = zeros({2, 2, 5});
  save_safetensors(file, broken);
  fs::remove(at / "compact" / "adapter_model.safetensors");
  CHECK_THROWS_WITH(
      boft::read_adapter_folder(at / "compact"),
      (file.string() + ": base_model.model.stem.boft_R_upper: expected numbers of shape "
                       "(m, N, b (b - 1) / 2), got (2, 2, 5)")
          .c_str());
}

TEST_CASE("adapter folders of other tools and times are recognised and explained") {
  const TemporaryFolder at;
  const auto adapter_with = [&](const std::string& key) {
    boft::write_adapter_folder(at / "a", BoftConfig{.target_modules = {"query"}},
                               {{key, zeros({1, 2, 4, 4})}});
    try {
      boft::read_adapter_folder(at / "a");
    } catch (const FileError& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  const std::string file = (at / "a" / "adapter_model.safetensors").string();
  CHECK(adapter_with("lora_unet_down_blocks_0.oft_blocks") ==
        file +
            ": lora_unet_down_blocks_0.oft_blocks is of LyCORIS or kohya, whose rotation "
            "multiplies the weight's outputs (W' = R W) where OFT and BOFT rotate its inputs (W' = "
            "W R^T): no adapter here equals it; merge it into the base with that tool and use the "
            "merged weights");
  CHECK(adapter_with("base_model.model.q.oft_r") ==
        file +
            ": base_model.model.q.oft_r is an OFT adapter of PEFT 0.15 or older, whose "
            "parameters mean something else; train it again, or merge it with that release and "
            "use the merged weights");
  CHECK(adapter_with("base_model.model.q.boft_P") == "no error");
}

}  // namespace papilio::test
