// OFT as PEFT 0.16 and 0.17 saved it (tests/peers/make_golden_older.py): these releases wrote no
// version, and double the last term of the Cayley-Neumann series too.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "autograd/grad_mode.h"
#include "boft/files/checkpoint.h"
#include "nn/models/pretrained.h"
#include "tensor/files/safetensors.h"
#include "tests/paths.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace fs = std::filesystem;
using boft::AdapterModel;

namespace {

const fs::path kGolden = fs::path(source_root) / "tests/golden";

// max |a - b| / max |b|
double difference(const Tensor& a, const Tensor& b) {
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  REQUIRE(x.size() == y.size());
  double worst = 0, largest = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double d = std::abs(x[i] - y[i]);
    worst = d <= worst ? worst : d;  // NaN is no agreement
    largest = std::max(largest, std::abs(y[i]));
  }
  return worst / largest;
}

nn::PretrainedClassifier base() {
  nn::PretrainedClassifier loaded = nn::from_pretrained(kGolden / "transformers/vit");
  nn::eval(*loaded.model);
  return loaded;
}

}  // namespace

TEST_CASE("OFT adapters of PEFT 0.16 and 0.17 answer as in those releases, adapted and merged") {
  const NoGrad no_grad;
  for (const std::string release : {"0.16", "0.17"}) {
    for (const std::string kind : {"series", "series_terms", "exact"}) {
      const fs::path folder = kGolden / "older" / ("oft_" + release + '_' + kind);
      CAPTURE(folder.string());
      const SafetensorsFile answers = load_safetensors(folder / "answers.safetensors");
      CHECK(answers.metadata.at("peft").starts_with(release));
      const Tensor &images = answers.tensors.at("images"), &logits = answers.tensors.at("logits"),
                   &merged = answers.tensors.at("merged_logits");
      const nn::PretrainedClassifier loaded = base();
      CHECK(difference((*loaded.model)(images), logits) > 1e-3);  // the adapter does something
      AdapterModel adapters(*loaded.model);
      const std::vector<std::string> warnings = boft::load_adapter(adapters, folder);
      // Biases that trained (oft_only) are not in these releases' files.
      const size_t lines = kind == "exact" ? 0 : kind == "series" ? 1 : 2;
      REQUIRE(warnings.size() == lines);
      if (lines > 0) CHECK(warnings[0].find("written by a PEFT before 0.18") != std::string::npos);
      if (lines > 1) CHECK(warnings[1].find("missing, left as initialised") != std::string::npos);
      CHECK(difference((*loaded.model)(images), logits) < 1e-6);

      // Written, it is the same adapter.
      const TemporaryFolder out;
      boft::save_adapter(adapters, out.path());
      const nn::PretrainedClassifier again = base();
      AdapterModel second(*again.model);
      boft::load_adapter(second, out.path());
      CHECK(difference((*again.model)(images), logits) < 1e-6);

      adapters.merge_and_unload();
      CHECK(difference((*loaded.model)(images), merged) < 1e-6);
    }
  }
}

}  // namespace papilio::test
