#include "nn/data/transforms/image_processor_file.h"

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string_view>

#include "nn/data/formats/detail/file.h"
#include "nn/data/transforms/detail/image_processor_class.h"
#include "nn/data/transforms/resize.h"
#include "tensor/error.h"
#include "tensor/files/detail/as_file_error.h"
#include "tensor/files/detail/json.h"

namespace papilio::nn {

using nlohmann::json;

namespace {

constexpr int64_t kMostPixels = 1 << 20;  // of a side, before it is enlarged
constexpr size_t kLargest = 1 << 20;      // of a file, in bytes

struct Size {
  int64_t height = 0, width = 0, shortest_edge = 0;
};

// Null is false, whatever the class has.
bool read_flag(JsonFields& fields, const json& document, const char* key, bool otherwise) {
  return fields.boolean(key, otherwise && !document.contains(key));
}

// What a step needs if it is done: Transformers refuses null, which is not as if the file left
// it to the class.
void check_given(const JsonFields& fields, const json& document, bool done, const char* step,
                 std::initializer_list<const char*> needs, bool class_has_it = true) {
  if (!done) return;
  for (const char* key : needs) {
    const bool given = document.contains(key);
    if (given ? document[key].is_null() : !class_has_it)
      fields.fail(key, str("a value, as ", step, " is true").c_str());
  }
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

// A list of numbers, or one, in a list or not, for every channel.
std::vector<double> read_numbers(JsonFields& fields, const char* key,
                                 const std::vector<double>& otherwise, size_t channels) {
  const json& value = fields.value(key);
  if (value.is_null()) return otherwise;
  if (value.is_number()) {
    if (channels > 3)
      fields.fail(key, str("1 or 3 numbers (the model has ", channels, " channels)").c_str());
    return std::vector<double>(channels, value.get<double>());
  }
  const bool good =
      value.is_array() && std::ranges::all_of(value, [](const json& v) { return v.is_number(); });
  if (!good) fields.fail(key, "a number or a list of numbers");
  const auto list = value.get<std::vector<double>>();
  return list.size() == 1 ? std::vector<double>(channels, list[0]) : list;
}

void read_normalization(JsonFields& fields, const json& document, ImageProcessor& p,
                        const ImageProcessorClass& c, int64_t channels) {
  p.do_rescale = read_flag(fields, document, "do_rescale", p.do_rescale);
  p.rescale_factor = fields.number("rescale_factor", p.rescale_factor);
  p.do_normalize = read_flag(fields, document, "do_normalize", p.do_normalize);
  check_given(fields, document, p.do_rescale, "do_rescale", {"rescale_factor"});
  check_given(fields, document, p.do_normalize, "do_normalize", {"image_mean", "image_std"},
              c.defaults.do_normalize);
  // One number is as many as the other's list has.
  size_t count = 0;
  for (const char* key : {"image_mean", "image_std"}) {
    if (fields.value(key).is_array()) count = std::max(count, fields.value(key).size());
  }
  if (count == 0) count = size_t(channels);
  p.image_mean = read_numbers(fields, "image_mean", p.image_mean, count);
  p.image_std = read_numbers(fields, "image_std", p.image_std, count);
}

// The class that the file names, or the model's with a warning if it is not known.
const ImageProcessorClass& read_class(JsonFields& fields, const std::string& own_class,
                                      const std::string& where,
                                      std::vector<std::string>& warnings) {
  const std::string older = fields.string("feature_extractor_type", ""),
                    type = fields.string("image_processor_type", older);
  if (type.empty()) return image_processor_class(own_class);
  if (const ImageProcessorClass* found = find_image_processor_class(type)) return *found;
  if (is_other_image_processor(type)) {
    const char* key = older == type ? "feature_extractor_type" : "image_processor_type";
    fields.fail(key, image_processor_class_names().c_str());
  }
  const ImageProcessorClass& other = image_processor_class(own_class);
  warnings.push_back(str(where, ": image_processor_type \"", type, "\" is not known and read as ",
                         other.name, "; its pictures may come out otherwise"));
  return other;
}

// timm's margins, which no class of Transformers' has: image_processor_text writes them.
constexpr const char* kBackend = "_backend";

void read_backend(JsonFields& fields, ImageProcessor& p) {
  if (fields.value(kBackend).is_null()) return;
  if (fields.value(kBackend) != "timm") fields.fail(kBackend, "\"timm\"");
  p.backend = ImageProcessor::Backend::timm;
}

void read_geometry(JsonFields& fields, const json& document, ImageProcessor& p,
                   const ImageProcessorClass& c, const std::string& where) {
  p.do_resize = read_flag(fields, document, "do_resize", p.do_resize);
  p.do_center_crop = read_flag(fields, document, "do_center_crop", p.do_center_crop) && c.crops;
  check_given(fields, document, p.do_resize, "do_resize", {"size", "resample"});
  check_given(fields, document, p.do_center_crop, "do_center_crop", {"crop_size"}, c.knows_crop);
  read_backend(fields, p);
  const bool square = fields.boolean("default_to_square", c.number_is_square);
  const bool convnext = c.crop_pct_is == ImageProcessorClass::CropPct::convnext;
  const Size own = {p.height, p.width, convnext ? p.height : p.shortest_edge},
             size = read_size(fields, "size", own, square, where),
             own_crop = c.knows_crop ? Size{p.crop_height, p.crop_width, 0} : Size(),
             crop = read_size(fields, "crop_size", own_crop, true, where);
  if (p.do_center_crop && (crop.height == 0 || crop.shortest_edge > 0))
    fields.fail("crop_size", "height and width to crop to");
  p.height = size.height;
  p.width = size.width;
  p.shortest_edge = int64_t(double(size.shortest_edge) * c.enlarged);
  p.crop_height = crop.height > 0 ? crop.height : size.height;
  p.crop_width = crop.width > 0 ? crop.width : size.width;
  const int64_t resample = fields.integer("resample", int64_t(p.resample), 0);
  if (resample > 5) {
    fields.fail("resample",
                "0 (nearest), 1 (lanczos), 2 (bilinear), 3 (bicubic), 4 (box) or 5 (hamming)");
  }
  p.resample = Interpolation(resample);
}

// ConvNeXt's and PoolFormer's own resizing, as a resize and a crop.
void apply_crop_pct(JsonFields& fields, const json& document, ImageProcessor& p,
                    const ImageProcessorClass& c) {
  using enum ImageProcessorClass::CropPct;
  const bool off = document.contains("crop_pct") && document["crop_pct"].is_null();
  const double crop_pct = fields.number("crop_pct", c.crop_pct);
  if (!p.do_resize || (c.crop_pct_is == poolformer && off)) return;
  const bool used = c.crop_pct_is == poolformer || p.shortest_edge < 384;
  if (used && (off || !(crop_pct >= 0.01 && crop_pct <= 1)))
    fields.fail("crop_pct", "a number from 0.01 to 1");
  const auto enlarged = [&](int64_t side) { return int64_t(double(side) / crop_pct); };
  if (c.crop_pct_is == poolformer) {
    p.height = enlarged(p.height);
    p.width = enlarged(p.width);
    if (p.height == p.width) p.shortest_edge = p.height;
    return;
  }
  if (p.shortest_edge == 0) fields.fail("size", "a number or shortest_edge, as ConvNeXt has it");
  const int64_t side = p.height = p.width = p.shortest_edge;
  p.shortest_edge = side < 384 ? enlarged(side) : 0;
  if (p.do_center_crop) {
    p.middle_square = side < 384 ? side : 0;
  } else {
    p.crop_height = p.crop_width = side;
    p.do_center_crop = side < 384;
  }
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
  const ImageProcessorClass& c = read_class(fields, model.processor_class, where, file.warnings);
  ImageProcessor& p = file.processor;
  p = c.defaults;
  read_geometry(fields, document, p, c, where);
  if (c.crop_pct_is != ImageProcessorClass::CropPct::none) apply_crop_pct(fields, document, p, c);
  read_normalization(fields, document, p, c, model.channels);
  note_the_rest(fields, where, file.warnings);
  as_file_error(where, [&] { p.validate(); });
  return file;
}

ImageProcessorFile read_image_processor(const std::filesystem::path& path,
                                        const ImageProcessorModel& model) {
  return parse_image_processor(read_file(path, kLargest), path.string(), model);
}

std::optional<ImageProcessorText> image_processor_in(const std::filesystem::path& folder) {
  const std::filesystem::path of_all = folder / "processor_config.json",
                              own = folder / "preprocessor_config.json";
  if (file_exists(of_all)) {
    const std::string where = of_all.string();
    const json document = parse_json(read_file(of_all, kLargest), where);
    check<FileError>(document.is_object(), where, ": expected an object");
    if (document.contains("image_processor"))
      return {{document["image_processor"].dump(), where + ": image_processor"}};
  }
  if (!file_exists(own)) return {};
  return {{read_file(own, kLargest), own.string()}};
}

std::string image_processor_text(const ImageProcessor& p) {
  using enum ImageProcessor::Backend;
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
  if (p.middle_square > 0) {
    document["image_processor_type"] = "ConvNextImageProcessor";
    document["size"] = {{"shortest_edge", p.middle_square}};
    // What int(middle_square / crop_pct) is the edge for.
    document["crop_pct"] = double(p.middle_square) / (double(p.shortest_edge) + 0.5);
  }
  if (p.backend == timm) document[kBackend] = "timm";
  if (p.backend == torchvision) document["image_processor_type"] = "Tipsv2ImageProcessor";
  if (p.backend == torchvision_floats) document["image_processor_type"] = "DINOv3ViTImageProcessor";
  return document.dump(2) + '\n';
}

}  // namespace papilio::nn
