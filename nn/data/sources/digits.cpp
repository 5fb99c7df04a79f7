#include "nn/data/sources/digits.h"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "nn/data/formats/detail/gzip.h"
#include "tensor/error.h"

namespace papilio::nn {

namespace {

constexpr int64_t kSide = 8, kPixels = kSide * kSide, kClasses = 10,
                  kGrey = 15;  // the file has 16 steps of grey, a picture 255

// The comma-separated integers of one line.
std::vector<int64_t> numbers(std::string_view line, const std::string& where) {
  std::vector<int64_t> values;
  const char* at = line.data();
  const char* end = at + line.size();
  for (;;) {
    int64_t value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    check<FileError>(error == std::errc(), where, ": expected a whole number");
    values.push_back(value);
    if (next == end) return values;
    check<FileError>(*next == ',', where, ": expected a comma after ", value);
    at = next + 1;
  }
}

}  // namespace

ImageData read_digits(std::string_view gzip, const std::string& name) {
  const std::string text = gunzip(gzip, name);
  std::vector<uint8_t> pixels;
  std::vector<int64_t> labels;
  size_t line_number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t length = rest.find('\n');
    std::string_view line = rest.substr(0, length);
    rest.remove_prefix(length == std::string_view::npos ? rest.size() : length + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::string where = str(name, ", line ", ++line_number);
    const std::vector<int64_t> values = numbers(line, where);
    check<FileError>(values.size() == size_t(kPixels) + 1, where, ": expected ", kPixels,
                     " pixels and a label, got ", values.size(), " numbers");
    for (size_t i = 0; i < size_t(kPixels); ++i) {
      check<FileError>(values[i] >= 0 && values[i] <= 16, where,
                       ": expected pixels from 0 to 16, got ", values[i]);
      pixels.push_back(uint8_t(kGrey * values[i]));
    }
    check<FileError>(values.back() >= 0 && values.back() < kClasses, where,
                     ": expected a label from 0 to 9, got ", values.back());
    labels.push_back(values.back());
  }
  std::vector<std::string> class_names;
  for (int64_t c = 0; c < kClasses; ++c) class_names.push_back(std::to_string(c));
  return images_in_memory({.height = kSide,
                           .width = kSide,
                           .channels = 1,
                           .pixels = std::move(pixels),
                           .labels = std::move(labels),
                           .class_names = std::move(class_names)});
}

ImageProcessor digits_processor() {
  ImageProcessor p = image_processor_for(kSide, kSide, 1);
  p.do_resize = false;
  p.rescale_factor = 1.0 / double(8 * kGrey);  // 15 v / 120 - 1 is v / 8 - 1 to the bit
  p.image_mean = p.image_std = {1};
  return p;
}

ImageSplits digits_splits(std::string_view gzip, const std::string& name) {
  ImageSplits splits = fixed_splits(read_digits(gzip, name));
  splits.kind = "digits";
  return splits;
}

}  // namespace papilio::nn
