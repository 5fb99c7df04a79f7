// The digits of the repository, for tests.
#pragma once

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>

#include "nn/data/image_batches.h"
#include "nn/data/sources/digits.h"
#include "tensor/creation.h"
#include "tests/paths.h"

namespace papilio::test {

inline std::string digits_file() {
  std::ifstream file(std::string(source_root) + "/samples/data/optdigits.csv.gz", std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

inline const nn::ImageData& digits() {
  static const nn::ImageData data = nn::read_digits(digits_file());
  return data;
}

// Batches of the digits, as a model takes them.
inline nn::Batches digit_batches(const nn::ImageData& data = digits()) {
  return nn::plain_batches(data, nn::digits_processor());
}

// All of them: images (1797, 1, 8, 8).
inline const nn::Batch& digit_batch() {
  static const nn::Batch batch = nn::whole_batch(*digit_batches());
  return batch;
}

// n images of one pixel, 0, 1, 2, ...
inline Tensor reshape_rows(int64_t n) {
  const Tensor x = arange(n, {.dtype = DType::float32});
  return x.alias(Layout::contiguous({n, 1, 1, 1}));
}

}  // namespace papilio::test
