// Adapters whose configuration says sizes that their tensors do not have are refused before memory
// is taken.
#include <doctest/doctest.h>
#include <malloc.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "boft/files/checkpoint.h"
#include "tensor/random.h"
#include "tests/boft/tiny_model.h"
#include "tests/peak_memory.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

using boft::AdapterModel;
using nlohmann::json;

namespace {

// What load_adapter says of an adapter whose adapter_config.json has these fields besides.
std::string complaint(const boft::AdapterConfig& config, const json& fields) {
  const TemporaryFolder folder;
  {
    TinyModel model;
    AdapterModel adapters(model);
    adapters.add_adapter("default", config);
    boft::save_adapter(adapters, folder.path());
  }
  json document = json::parse(read_bytes(folder / "adapter_config.json"));
  document.merge_patch(fields);
  write_bytes(folder / "adapter_config.json", document.dump());
  TinyModel model;
  AdapterModel adapters(model);
  const PeakMemory memory;
  std::string says;
  try {
    boft::load_adapter(adapters, folder.path());
  } catch (const Error& e) {
    says = e.what();
  }
  CHECK(memory.grown() < 50);
  CHECK(adapters.names().empty());
  return says;
}

}  // namespace

TEST_CASE("adapters of absurd sizes are refused in words before memory is taken") {
  ::mallopt(M_PERTURB, 0);  // meson test has malloc write into all that it gives
  constexpr int64_t kHuge = 100'000'000, kMost = std::numeric_limits<int64_t>::max();
  const boft::LoraConfig lora{.r = 2, .target_modules = {"query"}};
  const std::string query = "base_model.model.encoder.layer.0.attention.query.",
                    lora_a = query + "lora_A.weight has shape (2, 8), the model wants (";
  const boft::HraConfig hra{.r = 2, .target_modules = {"query"}};
  const auto says = [](const std::string& complaint, const std::string& what) {
    CHECK_MESSAGE(complaint.find(what) != complaint.npos, complaint);
  };
  says(complaint(lora, {{"r", kHuge}}), lora_a + "100000000, 8)");
  says(complaint(lora, {{"rank_pattern", {{"query", kHuge}}}}), lora_a + "100000000, 8)");
  says(complaint(lora, {{"rank_pattern", {{"query", kMost}}}}),
       "rank_pattern: expected ranks of at most 2147483647, got 9223372036854775807");
  says(complaint(hra, {{"r", kHuge}}), "hra_u has shape (8, 2), the model wants (8, 100000000)");
  for (const boft::AdapterConfig& config : std::vector<boft::AdapterConfig>{lora, hra})
    says(complaint(config, {{"r", kMost}}),
         "Config: expected r from 1 to 2147483647, got 9223372036854775807");
  const boft::OftConfig oft{.oft_block_size = 2, .target_modules = {"query"}};
  for (const int64_t b : {kHuge, kMost}) {
    says(complaint(oft, {{"oft_block_size", b}}), "has shape (4, 1), the model wants (1, 28)");
  }
  const boft::BoftConfig boft{.boft_block_size = 2, .target_modules = {"query"}};
  for (const int64_t n : {kHuge, kMost}) {
    const std::string said = std::to_string(n) + " does not divide 8";
    says(complaint(boft, {{"boft_block_size", n}}), "boft_block_size " + said);
    says(complaint(boft, {{"boft_block_size", 0}, {"boft_block_num", n}}),
         "boft_block_num " + said);
  }
}

TEST_CASE("an adapter that is read draws as many random numbers as one that is made") {
  const TemporaryFolder folder;
  const boft::LoraConfig config{.r = 2, .target_modules = {"query", "value"}};
  TinyModel model;
  AdapterModel adapters(model);
  manual_seed(3);
  adapters.add_adapter("default", config);
  const GeneratorState made = default_generator().state();
  boft::save_adapter(adapters, folder.path());
  manual_seed(3);
  boft::load_adapter(adapters, folder.path(), "second");
  CHECK(default_generator().state() == made);
}

}  // namespace papilio::test
