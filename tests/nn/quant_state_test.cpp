// bitsandbytes' codes and what becomes of them, bit for bit.
#include "nn/detail/quant_state.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "autograd/ops/quantize_scales.h"
#include "autograd/ops/quantized_linear.h"
#include "kernels/quantize.h"
#include "nn/module.h"
#include "tensor/creation.h"
#include "tensor/files/safetensors.h"
#include "tests/paths.h"

namespace papilio::test {

namespace {

std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(source_root) / "tests/golden/quantized" / name;
}

// The matrix of that name in bitsandbytes' file.
QuantizedMatrix matrix(const std::string& name) {
  const SafetensorsReader file(golden("matrices.safetensors"));
  nn::StateDict tensors;
  for (const auto& [key, entry] : file.entries())
    if (key.starts_with(name + '.') && entry.type->dtype) tensors[key] = file.tensor(key);
  const Tensor numbers = tensors.at(name + ".numbers");
  return nn::take_codes(tensors, name, numbers.size(0), numbers.size(1),
                        {.bytes = [&](const std::string& key) { return file.bytes(key); },
                         .place = [](const std::string& key) { return key; }});
}

template <class T>
std::vector<T> bits(const Tensor& x) {
  return x.to_vector<T>();
}

}  // namespace

TEST_CASE("bitsandbytes: its codes become its numbers, bit for bit") {
  const auto file = load_safetensors(golden("matrices.safetensors")).tensors;
  for (const std::string name : {"nf4", "nf4_double", "fp4", "fp4_double", "int8"}) {
    CAPTURE(std::string(name));
    CHECK(bits<float>(dequantize(matrix(name))) == bits<float>(file.at(name + ".values")));
  }
}

TEST_CASE("bitsandbytes: the same numbers get its codes") {
  const auto file = load_safetensors(golden("matrices.safetensors")).tensors;
  for (const std::string name : {"nf4", "nf4_double", "fp4", "fp4_double", "int8"}) {
    CAPTURE(std::string(name));
    const QuantizedMatrix want = matrix(name);
    const Tensor numbers = file.at(name + ".numbers");
    const bool nested = want.nested_absmax.defined();
    QuantizedMatrix fresh = quantize(numbers, want.kind, want.block_size);
    if (nested) fresh = quantize_scales(fresh);
    for (const QuantizedMatrix& got : {fresh, quantize_like(numbers, want)}) {
      CHECK(bits<uint8_t>(got.codes) == bits<uint8_t>(want.codes));
      CHECK(got.dtype == want.dtype);
      if (name == "int8") {
        CHECK(bits<float>(got.scale) == bits<float>(want.scale));
        continue;
      }
      CHECK(bits<float>(got.absmax) == bits<float>(want.absmax));
      CHECK(bits<float>(got.table) == bits<float>(want.table));
      CHECK(got.nested_absmax.defined() == nested);
      CHECK(bits<uint8_t>(nn::state_of(got)) ==
            bits<uint8_t>(file.at(name + '.' + nn::quant_state_name(got.kind))));
      if (!nested) continue;
      CHECK(bits<float>(got.nested_absmax) == bits<float>(want.nested_absmax));
      CHECK(bits<float>(got.nested_table) == bits<float>(want.nested_table));
      CHECK(got.nested_offset == want.nested_offset);
    }
  }
}

TEST_CASE("bitsandbytes: the mean of as many scales as there may be has its bits") {
  // What torch.mean says of them on one thread.
  const auto file = load_safetensors(golden("means.safetensors")).tensors;
  const auto counts = file.at("counts").to_vector<int64_t>();
  const auto means = file.at("means").to_vector<float>();
  REQUIRE(counts.size() > 10);
  for (size_t i = 0; i < counts.size(); ++i) {
    CAPTURE(counts[i]);
    std::vector<float> scales;  // as make_quantized.py has them
    for (int64_t k = 0; k < counts[i]; ++k)
      scales.push_back(0.05F + float(k * 40503 % 65536) / 262144.0F);
    CHECK(cpu::mean_of_scales(view(tensor<float>(scales))) == means[i]);
  }
}

}  // namespace papilio::test
