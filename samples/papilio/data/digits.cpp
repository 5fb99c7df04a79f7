#include "samples/papilio/data/digits.h"

#include <cstddef>
#include <filesystem>
#include <string_view>

#include "nn/data/sources/image_dataset.h"
#include "nn/data/splits.h"

// samples/data/optdigits.csv.gz, a source file made by the build.
extern const unsigned char papilio_optdigits[];
extern const unsigned papilio_optdigits_size;

namespace papilio::cli {

namespace {

std::string_view file_bytes() {
  return {reinterpret_cast<const char*>(papilio_optdigits), size_t(papilio_optdigits_size)};
}

}  // namespace

nn::ImageData all_digits() {
  return nn::read_digits(file_bytes());
}

const nn::ImageSource& digits_source() {
  static const nn::ImageSource source{
      .description = "digits (built in)",
      .recognises = [](const std::filesystem::path& path) { return path == kDigits; },
      .open = [](const std::filesystem::path&,
                 const nn::HoldOut&) { return nn::digits_splits(file_bytes()); },
      .drawings = true,
      .processor = nn::digits_processor(),
      .title = "handwritten digits",
      .credits =
          "handwritten digits of 8x8 pixels (E. Alpaydin and C. Kaynak, Optical Recognition "
          "of Handwritten Digits, UCI Machine Learning Repository, CC BY 4.0)"};
  return source;
}

}  // namespace papilio::cli
