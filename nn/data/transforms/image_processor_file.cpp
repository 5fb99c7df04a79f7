#include "nn/data/transforms/image_processor_file.h"

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

#include "nn/data/formats/detail/file.h"
#include "nn/data/transforms/image_processor_class.h"
#include "tensor/error.h"
#include "tensor/files/detail/json.h"

namespace papilio::nn {

using nlohmann::json;

namespace {

constexpr int64_t kMostPixels = 1 << 20;  // of a side, before it is enlarged

struct Size {
  int64_t height = 0, width = 0, shortest_edge = 0;
};

// Null is false, whatever the class has.
bool read_flag(JsonFields& fields, const json& document, const char* key, bool otherwise) {
  return fields.boolean(key, otherwise && !document.contains(key));
}

// {"height": 224, "width": 224}, {"shortest_edge": 256}, [224, 224] or 224.
Size read_size(JsonFields& fields, const char* key, const Size& otherwise, bool number_is_square,
               const std::string& where) {
  const json& value = fields.value(key);
  if (value.is_null()) return otherwise;
  if (value.is_array()) {
    const std::vector<int64_t> both = fields.integers(key);
    if (both.size() != 2 || std::ranges::min(both) < 1 || std::ranges::max(both) > kMostPixels)
      fields.fail(key, "a height and a width of 1 or more");
    return {both[0], both[1], 0};
  }
  if (!value.is_object()) {
    const int64_t n = fields.integer(key, 0, 1, kMostPixels);
    return {n, n, number_is_square ? 0 : n};
  }
  JsonFields size(value, where + ", " + key);
  const int64_t edge = size.integer("shortest_edge", 0, 1, kMostPixels),
                height = size.integer("height", 0, 1, kMostPixels),
                width = size.integer("width", 0, 1, kMostPixels);
  const bool sides = height > 0 && width > 0 && edge == 0,
             shortest = edge > 0 && height == 0 && width == 0;
  if (!size.unread().empty() || (!sides && !shortest))
    fields.fail(key, "height and width, or shortest_edge alone");
  return sides ? Size{height, width, 0} : Size{edge, edge, edge};
}

// A list of numbers, or one for every channel.
std::vector<double> read_numbers(JsonFields& fields, const char* key,
                                 const std::vector<double>& otherwise, size_t channels) {
  const json& value = fields.value(key);
  if (value.is_null()) return otherwise;
  if (value.is_number()) return std::vector<double>(channels, value.get<double>());
  const bool good =
      value.is_array() && std::ranges::all_of(value, [](const json& v) { return v.is_number(); });
  if (!good) fields.fail(key, "a number or a list of numbers");
  return value.get<std::vector<double>>();
}

void read_normalization(JsonFields& fields, const json& document, ImageProcessor& p,
                        int64_t channels) {
  p.do_rescale = read_flag(fields, document, "do_rescale", p.do_rescale);
  p.rescale_factor = fields.number("rescale_factor", p.rescale_factor);
  p.do_normalize = read_flag(fields, document, "do_normalize", p.do_normalize);
  // One number is as many as the other's list has.
  size_t count = size_t(channels);
  for (const char* key : {"image_mean", "image_std"}) {
    if (fields.value(key).is_array()) count = fields.value(key).size();
  }
  p.image_mean = read_numbers(fields, "image_mean", p.image_mean, count);
  p.image_std = read_numbers(fields, "image_std", p.image_std, count);
}

// The class that the file names, or the model's with a warning if it is not known.
const ImageProcessorClass& read_class(JsonFields& fields, const std::string& model_type,
                                      const std::string& where,
                                      std::vector<std::string>& warnings) {
  const std::string older = fields.string("feature_extractor_type", ""),
                    type = fields.string("image_processor_type", older);
  if (type.empty()) return image_processor_class_of_model(model_type);
  if (const ImageProcessorClass* found = find_image_processor_class(type)) return *found;
  const ImageProcessorClass& other = image_processor_class_of_model(model_type);
  warnings.push_back(str(where, ": image_processor_type \"", type, "\" is not known and read as ",
                         other.name, "; its pictures may come out otherwise"));
  return other;
}

void read_geometry(JsonFields& fields, const json& document, ImageProcessor& p,
                   const ImageProcessorClass& c, const std::string& where) {
  p.do_resize = read_flag(fields, document, "do_resize", p.do_resize);
  p.do_center_crop = read_flag(fields, document, "do_center_crop", p.do_center_crop);
  const bool square = fields.boolean("default_to_square", c.number_is_square);
  const Size own = {p.height, p.width, c.crop_pct > 0 ? p.height : p.shortest_edge},
             size = read_size(fields, "size", own, square, where),
             own_crop = c.knows_crop ? Size{p.crop_height, p.crop_width, 0} : Size(),
             crop = read_size(fields, "crop_size", own_crop, true, where);
  if (p.do_center_crop && crop.height == 0) fields.fail("crop_size", "a size to crop to");
  p.height = size.height;
  p.width = size.width;
  p.shortest_edge = int64_t(double(size.shortest_edge) * c.enlarged);
  p.crop_height = crop.height > 0 ? crop.height : size.height;
  p.crop_width = crop.width > 0 ? crop.width : size.width;
  const Interpolation usual = document.contains("resample") ? Interpolation::bilinear : p.resample;
  const int64_t resample = fields.integer("resample", int64_t(usual), 0);
  if (resample > 5) {
    fields.fail("resample",
                "0 (nearest), 1 (lanczos), 2 (bilinear), 3 (bicubic), 4 (box) or 5 (hamming)");
  }
  p.resample = Interpolation(resample);
}

// ConvNeXt's own resizing, as a resize and a crop.
void apply_crop_pct(JsonFields& fields, ImageProcessor& p, double otherwise) {
  const double crop_pct = fields.number("crop_pct", otherwise);
  if (!p.do_resize) return;
  if (p.shortest_edge == 0) fields.fail("size", "a number or shortest_edge, as ConvNeXt has it");
  if (!(crop_pct >= 0.01 && crop_pct <= 1)) fields.fail("crop_pct", "a number from 0.01 to 1");
  const int64_t side = p.shortest_edge;
  if (p.do_center_crop && (p.crop_height != side || p.crop_width != side))
    fields.fail("do_center_crop", "false, or a crop_size that is the size: ConvNeXt crops itself");
  p.height = p.width = p.crop_height = p.crop_width = side;
  p.do_center_crop = side < 384;
  p.shortest_edge = side < 384 ? int64_t(double(side) / crop_pct) : 0;
}

void note_the_rest(JsonFields& fields, const std::string& where,
                   std::vector<std::string>& warnings) {
  const auto note = [&](const char* key, const char* instead) {
    if (fields.boolean(key, false)) warnings.push_back(str(where, ": ", key, ": ", instead));
  };
  note("do_pad", "padding is not known; pictures are not padded");
  note("do_flip_channel_order", "is not known; channels stay red, green, blue");
  for (const char* said_elsewhere :
       {"do_convert_rgb", "processor_class", "data_format", "input_data_format", "return_tensors",
        "device", "disable_grouping", "do_reduce_labels", "reduce_labels"}) {
    fields.value(said_elsewhere);
  }
  for (const std::string& key : fields.unread()) {
    if (!key.starts_with('_'))
      warnings.push_back(where + ": unknown key \"" + key + "\" is ignored");
  }
}

}  // namespace

ImageProcessorFile parse_image_processor(const std::string& text, const std::string& where,
                                         const ImageProcessorModel& model) {
  const json document = parse_json(text, where);
  JsonFields fields(document, where);
  ImageProcessorFile file;
  const ImageProcessorClass& c = read_class(fields, model.model_type, where, file.warnings);
  ImageProcessor& p = file.processor;
  p = c.defaults;
  read_geometry(fields, document, p, c, where);
  if (c.crop_pct > 0) apply_crop_pct(fields, p, c.crop_pct);
  read_normalization(fields, document, p, model.channels);
  note_the_rest(fields, where, file.warnings);
  try {
    p.validate();
  } catch (const ArgumentError& e) {
    throw FileError(where + ": " + e.what());
  }
  return file;
}

ImageProcessorFile read_image_processor(const std::filesystem::path& path,
                                        const ImageProcessorModel& model) {
  return parse_image_processor(read_file(path, 1 << 20), path.string(), model);
}

std::string image_processor_text(const ImageProcessor& p) {
  json document{{"image_processor_type", "ViTImageProcessor"},
                {"do_resize", p.do_resize},
                {"size", {{"height", p.height}, {"width", p.width}}},
                {"resample", int(p.resample)},
                {"do_rescale", p.do_rescale},
                {"rescale_factor", p.rescale_factor},
                {"do_normalize", p.do_normalize},
                {"image_mean", p.image_mean},
                {"image_std", p.image_std},
                {"do_convert_rgb", p.channels() == 3}};
  // ViTImageProcessor knows no crop; BitImageProcessor, which DINOv2 has, does.
  if (p.do_center_crop) {
    document["image_processor_type"] = "BitImageProcessor";
    document["do_center_crop"] = true;
    document["crop_size"] = {{"height", p.crop_height}, {"width", p.crop_width}};
  }
  if (p.shortest_edge > 0) document["size"] = {{"shortest_edge", p.shortest_edge}};
  return document.dump(2) + '\n';
}

}  // namespace papilio::nn
