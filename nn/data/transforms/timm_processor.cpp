#include <cmath>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "nn/data/transforms/image_processor.h"
#include "nn/data/transforms/image_processor_file.h"
#include "nn/data/transforms/resize.h"
#include "tensor/error.h"
#include "tensor/files/detail/as_file_error.h"
#include "tensor/files/detail/json.h"

namespace papilio::nn {

namespace {

constexpr std::pair<const char*, Interpolation> kInterpolations[] = {
    {"nearest", Interpolation::nearest}, {"bilinear", Interpolation::bilinear},
    {"bicubic", Interpolation::bicubic}, {"box", Interpolation::box},
    {"hamming", Interpolation::hamming}, {"lanczos", Interpolation::lanczos},
    {"random", Interpolation::bilinear}};  // in evaluation

Interpolation read_interpolation(JsonFields& fields) {
  const std::string name = fields.string("interpolation", "bilinear");
  for (const auto& [known, interpolation] : kInterpolations) {
    if (name == known) return interpolation;
  }
  fields.fail("interpolation", "nearest, bilinear, bicubic, box, hamming, lanczos or random");
}

// One number a channel; of another number of channels timm takes their mean.
std::vector<double> read_statistics(JsonFields& fields, const char* key, std::vector<double> values,
                                    size_t channels) {
  const nlohmann::json& given = fields.value(key);
  if (!given.is_null()) {
    values.clear();
    if (!given.is_array() || given.empty()) fields.fail(key, "a list of numbers");
    for (const nlohmann::json& v : given) {
      if (!v.is_number()) fields.fail(key, "a list of numbers");
      values.push_back(v.get<double>());
    }
  }
  if (values.size() == channels) return values;
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / double(values.size());
  return std::vector<double>(channels, mean);
}

}  // namespace

ImageProcessor parse_timm_processor(const std::string& text, const std::string& where) {
  const nlohmann::json document = parse_json(text, where);
  JsonFields fields(document, where);
  const std::vector<int64_t> input = fields.integers("input_size");
  if (!input.empty() &&
      (input.size() != 3 || (input[0] != 1 && input[0] != 3) || input[1] < 1 || input[2] < 1))
    fields.fail("input_size", "[channels, height, width] of 1 or 3 channels");
  ImageProcessor p;
  p.backend = ImageProcessor::Backend::timm;
  const int64_t channels = input.empty() ? 3 : input[0];
  p.crop_height = input.empty() ? 224 : input[1];
  p.crop_width = input.empty() ? 224 : input[2];
  if (p.crop_height != p.crop_width) fields.fail("input_size", "a square image");
  double crop_pct = fields.number("crop_pct", 0.875);
  if (crop_pct == 0) crop_pct = 0.875;
  if (crop_pct < 0.01 || crop_pct > 1) fields.fail("crop_pct", "a number from 0.01 to 1");
  const std::string mode = fields.string("crop_mode", "center");
  if (mode != "center" && mode != "squash")
    fields.fail("crop_mode", "\"center\" or \"squash\" (not supported otherwise)");
  p.height = p.width = int64_t(std::floor(double(p.crop_height) / crop_pct));
  if (mode == "center") p.shortest_edge = p.height;
  p.do_center_crop = true;
  p.resample = read_interpolation(fields);
  p.image_mean = read_statistics(fields, "mean", {0.485, 0.456, 0.406}, size_t(channels));
  p.image_std = read_statistics(fields, "std", {0.229, 0.224, 0.225}, size_t(channels));
  as_file_error(where, [&] { p.validate(); });
  return p;
}

}  // namespace papilio::nn
