#include "nn/data/sources/digits.h"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <system_error>
#include <vector>

#include "nn/data/formats/gzip.h"
#include "tensor/creation.h"

namespace papilio::nn {

namespace {

constexpr int64_t kSide = 8, kPixels = kSide * kSide, kClasses = 10;

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

Dataset read_digits(std::string_view gzip, const std::string& name) {
  const std::string text = gunzip(gzip, name);
  std::vector<float> pixels;
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
      pixels.push_back(float(values[i]) / 8 - 1);
    }
    check<FileError>(values.back() >= 0 && values.back() < kClasses, where,
                     ": expected a label from 0 to 9, got ", values.back());
    labels.push_back(values.back());
  }
  Dataset data{tensor<float>(pixels, {int64_t(labels.size()), 1, kSide, kSide}),
               tensor<int64_t>(labels),
               {}};
  for (int64_t c = 0; c < kClasses; ++c) data.class_names.push_back(std::to_string(c));
  return data;
}

Splits fixed_splits(const Dataset& data) {
  std::vector<int64_t> seen(data.class_names.size(), 0), train, validation, test;
  for (int64_t i = 0; i < data.size(); ++i) {
    const int64_t nth = seen[size_t(data.labels.data<int64_t>()[i])]++ % 10;
    (nth == 1 ? validation : nth == 4 || nth == 8 ? test : train).push_back(i);
  }
  return {subset(data, train), subset(data, validation), subset(data, test)};
}

}  // namespace papilio::nn
