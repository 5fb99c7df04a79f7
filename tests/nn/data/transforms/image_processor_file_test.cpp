// preprocessor_config.json: what its fields mean to each class, and what is said about the rest.
#include "nn/data/transforms/image_processor_file.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "nn/data/transforms/detail/image_processor_class.h"
#include "tensor/error.h"
#include "tests/capture_bound.h"
#include "tests/nn/data/files.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

std::string complaint(const std::string& text) {
  try {
    nn::parse_image_processor(text, "p.json");
  } catch (const FileError& e) {
    return e.what();
  }
  return "";
}

nn::ImageProcessor parsed(const std::string& text, const nn::ImageProcessorModel& model = {}) {
  const nn::ImageProcessorFile file = nn::parse_image_processor(text, "p.json", model);
  CHECK(file.warnings.empty());
  return file.processor;
}

nn::ImageProcessor of_type(const std::string& type, const std::string& more = "") {
  return parsed(R"({"image_processor_type": ")" + type + '"' + more + '}');
}

using Numbers = std::vector<double>;

}  // namespace

TEST_CASE("preprocessor_config.json of ViT and of DINOv2") {
  // google/vit-base-patch16-224
  const nn::ImageProcessor vit =
      nn::parse_image_processor(
          R"({"do_normalize": true, "do_resize": true, "image_mean": [0.5, 0.5, 0.5],
          "image_std": [0.5, 0.5, 0.5], "size": 224})",
          "p")
          .processor;
  CHECK(vit.out_height() == 224);
  CHECK(vit.shortest_edge == 0);
  CHECK(vit.resample == nn::Interpolation::bilinear);
  CHECK_FALSE(vit.do_center_crop);
  // facebook/dinov2-base
  const nn::ImageProcessor dino =
      nn::parse_image_processor(
          R"({"crop_size": {"height": 224, "width": 224}, "do_center_crop": true,
          "do_convert_rgb": true, "do_normalize": true, "do_rescale": true, "do_resize": true,
          "image_mean": [0.485, 0.456, 0.406], "image_processor_type": "BitImageProcessor",
          "image_std": [0.229, 0.224, 0.225], "resample": 3,
          "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": 256}})",
          "p")
          .processor;
  CHECK(dino.shortest_edge == 256);
  CHECK(dino.out_width() == 224);
  CHECK(dino.resample == nn::Interpolation::bicubic);
  CHECK(dino.image_std[2] == 0.225);
  for (const nn::ImageProcessor& p : {vit, dino, nn::image_processor_for(28, 30, 1)}) {
    const std::string text = nn::image_processor_text(p);
    const nn::ImageProcessor again = nn::parse_image_processor(text, "p").processor;
    CHECK(nn::image_processor_text(again) == text);
    CHECK(again.out_width() == p.out_width());
    CHECK(again.image_mean == p.image_mean);
  }
}

TEST_CASE("preprocessor_config.json that lies: the key, what came, what is allowed") {
  CHECK(complaint("{}").empty());
  CHECK(complaint("[").starts_with("p.json: "));
  CHECK(complaint("[]").starts_with("p.json"));
  for (const char* text :
       {R"({"do_resize": 1})",
        R"({"size": "224"})",
        R"({"size": 0})",
        R"({"size": -3})",
        R"({"size": {"height": 0, "width": 3}})",
        R"({"size": {"height": 100000, "width": 3}})",
        R"({"size": {"shortest_edge": 0}, "do_center_crop": true})",
        R"({"size": {"shortest_edge": 256}})",
        R"({"resample": 6})",
        R"({"resample": "bicubic"})",
        R"({"size": [224]})",
        R"({"size": [224, 0]})",
        R"({"size": {"longest_edge": 224}})",
        R"({"size": {"shortest_edge": 224, "longest_edge": 300}, "do_center_crop": true})",
        R"({"size": {"height": 224}})",
        R"({"do_center_crop": true})",
        R"({"image_processor_type": 3})",
        R"({"image_processor_type": "ConvNextImageProcessor", "size": 30, "crop_pct": 0})",
        R"({"image_processor_type": "ConvNextImageProcessor", "size": 9, "crop_pct": 1e-300})",
        R"({"image_processor_type": "LevitImageProcessor", "size": 9223372036854775807})",
        R"({"size": [9223372036854775807, 3]})",
        R"({"image_processor_type": "ConvNextImageProcessor", "size": [30, 30]})",
        R"({"image_processor_type": "ConvNextImageProcessor", "size": 30, "crop_pct": null})",
        R"({"image_processor_type": "PoolFormerImageProcessor", "crop_pct": 0})",
        R"({"image_processor_type": "DINOv3ViTImageProcessor", "resample": 4})",
        R"({"image_processor_type": "Siglip2ImageProcessor"})",
        R"({"image_processor_type": "MobileViTImageProcessorFast"})",
        R"({"feature_extractor_type": "YolosFeatureExtractor"})",
        R"({"_backend": "pillow"})",
        R"({"crop_size": {"shortest_edge": 3}, "do_center_crop": true})",
        R"({"image_mean": "0.5"})",
        R"({"image_mean": ["a"]})",
        R"({"image_mean": []})",
        R"({"image_mean": [0.5, 0.5], "image_std": [0.5, 0.5]})",
        R"({"image_std": [0.5]})",
        R"({"image_std": [0, 1, 1]})",
        R"({"crop_size": 0, "do_center_crop": true})",
        R"({"rescale_factor": "1/255"})",
        R"({"size": 224, "size": 225})"}) {
    CAPTURE(text);
    CHECK(complaint(text).starts_with("p.json"));
  }
  const std::string other =
      complaint(R"({"feature_extractor_type": "YolosFeatureExtractor", "size": 3})");
  CHECK(other.starts_with("p.json: feature_extractor_type: expected ViTImageProcessor, Dei"));
  CHECK(other.ends_with(", PoolFormerImageProcessor, got \"YolosFeatureExtractor\""));
  CHECK(complaint(R"({"image_processor_type": "Tipsv2ImageProcessor", "resample": 5})") ==
        "p.json: ImageProcessor: PyTorch, which resizes here, has no hamming");
  CHECK(complaint(R"({"image_std": [0, 1, 1]})") ==
        "p.json: ImageProcessor: expected deviations above 0, got 0");
}

TEST_CASE(
    "a folder's image processor is that of processor_config.json, where Transformers 5 writes it") {
  const TemporaryFolder folder;
  const auto found = [&] { return nn::image_processor_in(folder.path()); };
  CHECK_FALSE(found().has_value());
  write_bytes(folder / "preprocessor_config.json", R"({"size": 30})");
  REQUIRE(found().has_value());
  CHECK(found()->text == R"({"size": 30})");
  // As Transformers 4 wrote it, for the tokenizer's sake.
  write_bytes(folder / "processor_config.json", R"({"processor_class": "CLIPProcessor"})");
  CHECK(found()->where == (folder / "preprocessor_config.json").string());
  write_bytes(
      folder / "processor_config.json",
      R"({"image_processor": {"image_processor_type": "DINOv3ViTImageProcessor", "size": 40},
                  "processor_class": "Other"})");
  const nn::ImageProcessorText nested = *found();
  CHECK(nested.where == (folder / "processor_config.json").string() + ": image_processor");
  const nn::ImageProcessor p = nn::parse_image_processor(nested.text, nested.where).processor;
  CHECK(p.height == 40);
  CHECK(p.keeps_floats());
  write_bytes(folder / "processor_config.json", "[1]");
  CHECK_THROWS_WITH_AS(
      found(), ((folder / "processor_config.json").string() + ": expected an object").c_str(),
      FileError);
}

TEST_CASE("preprocessor_config.json: one number for more channels than pictures have is an error") {
  const std::string text = R"({"image_processor_type": "ViTImageProcessor", "image_mean": 0.5})";
  CHECK(nn::parse_image_processor(text, "x").processor.image_mean.size() == 3);
  CHECK_THROWS_WITH_AS(
      nn::parse_image_processor(text, "x", {.channels = 11111111110}),
      doctest::Contains("x: image_mean: expected 1 or 3 numbers (the model has 11111111110"),
      FileError);
}

TEST_CASE("preprocessor_config.json: a bare number is a square or the shortest edge, by class") {
  for (const char* type : {"ViTImageProcessor", "ViTImageProcessorFast", "BeitImageProcessor",
                           "DeiTImageProcessorPil", "DeiTImageProcessor"}) {
    CAPTURE(type);
    const nn::ImageProcessor p =
        of_type(type, R"(, "size": 40, "crop_size": 32, "do_center_crop": true)");
    CHECK(p.shortest_edge == 0);
    CHECK(p.height == 40);
    CHECK(p.width == 40);
    CHECK(p.out_width() == 32);
  }
  for (const char* type :
       {"BitImageProcessor", "CLIPImageProcessorFast", "ChineseCLIPImageProcessorPil"}) {
    CAPTURE(type);
    CHECK(of_type(type, R"(, "size": 40, "crop_size": 32)").shortest_edge == 40);
    CHECK(of_type(type, R"(, "size": [40, 41], "crop_size": 32)").shortest_edge == 0);
    CHECK(of_type(type, R"(, "size": [40, 41], "crop_size": 32)").width == 41);
    CHECK(of_type(type, R"(, "size": 40, "default_to_square": true)").shortest_edge == 0);
  }
  CHECK(parsed(R"({"feature_extractor_type": "CLIPFeatureExtractor", "size": 40})").shortest_edge ==
        40);
  CHECK(parsed(R"({"feature_extractor_type": "DeiTFeatureExtractor", "size": 40})").height == 40);
  // Without a type the model's decides.
  const std::string untyped = R"({"size": 40, "crop_size": 32, "do_center_crop": true})";
  CHECK(parsed(untyped).shortest_edge == 0);
  CHECK(parsed(untyped, {.processor_class = "DeiTImageProcessor"}).shortest_edge == 0);
  CHECK(parsed(untyped, {.processor_class = "BitImageProcessor"}).shortest_edge == 40);
}

TEST_CASE("preprocessor_config.json: what a file leaves out is the class's own") {
  const nn::ImageProcessor bit = of_type("BitImageProcessor"), deit = of_type("DeiTImageProcessor"),
                           vit = of_type("ViTImageProcessor"),
                           convnext = of_type("ConvNextImageProcessor");
  CHECK(bit.shortest_edge == 224);
  CHECK(bit.out_height() == 224);
  CHECK(bit.resample == nn::Interpolation::bicubic);
  CHECK(bit.image_mean == Numbers{0.48145466, 0.4578275, 0.40821073});
  CHECK(deit.height == 256);
  CHECK(deit.out_height() == 224);
  CHECK(deit.image_mean == Numbers(3, 0.5));
  CHECK(vit.resample == nn::Interpolation::bilinear);
  CHECK_FALSE(vit.do_center_crop);
  CHECK(convnext.height == 384);
  CHECK_FALSE(convnext.do_center_crop);
  CHECK_FALSE(of_type("Tipsv2ImageProcessor").do_normalize);
  CHECK(of_type("DINOv3ViTImageProcessor").image_std == Numbers{0.229, 0.224, 0.225});
  CHECK(of_type("LevitImageProcessor").shortest_edge == 256);
  // ConvNeXt below 384: 224 / .875 = 256, and the middle 224 of it.
  const nn::ImageProcessor small = of_type("ConvNextImageProcessor", R"(, "size": 224)");
  CHECK(small.shortest_edge == 256);
  CHECK(small.out_height() == 224);
  CHECK(of_type("ConvNextImageProcessor", R"(, "size": 224, "crop_pct": 0.95)").shortest_edge ==
        235);
  CHECK_FALSE(of_type("ViTImageProcessor", R"(, "do_normalize": null)").do_normalize);
}

TEST_CASE("preprocessor_config.json: null for what a step needs is refused, where it is done") {
  const auto says = [](const std::string& type, const std::string& rest) {
    return complaint(R"({"image_processor_type": ")" + type + "\"" + rest + "}");
  };
  const std::vector<std::pair<std::string, std::string>> needs = {{"image_mean", "do_normalize"},
                                                                  {"image_std", "do_normalize"},
                                                                  {"rescale_factor", "do_rescale"},
                                                                  {"resample", "do_resize"},
                                                                  {"size", "do_resize"},
                                                                  {"crop_size", "do_center_crop"}};
  for (const std::string type :
       {"BitImageProcessor", "DeiTImageProcessor", "CLIPImageProcessorFast", "LevitImageProcessor",
        "PoolFormerImageProcessor"}) {
    for (const auto& [key, step] : needs) {
      CAPTURE(type);
      CAPTURE_BOUND(key);
      const std::string null = ", \"" + key + "\": null";
      CHECK(says(type, null) ==
            "p.json: " + key + ": expected a value, as " + step + " is true, got null");
      // What is not cropped must have one size.
      const std::string size = key == "crop_size" ? R"(, "size": [224, 240])" : "";
      CHECK(says(type, null + size + ", \"" + step + "\": false") == "");
    }
  }
  // These crop only if the file says so, and by a size that they have not.
  for (const std::string type : {"ViTImageProcessor", "ConvNextImageProcessor"}) {
    CHECK(says(type, R"(, "crop_size": null)").empty());
    for (const auto& [size, got] :
         {std::pair("", "nothing"), std::pair(R"(, "crop_size": null)", "null")})
      CHECK(says(type, R"(, "do_center_crop": true)" + std::string(size)) ==
            std::string("p.json: crop_size: expected a value, as do_center_crop is true, got ") +
                got);
  }
  CHECK(says("Tipsv2ImageProcessor", R"(, "do_normalize": true)") ==
        "p.json: image_mean: expected a value, as do_normalize is true, got nothing");
  CHECK(
      says("Tipsv2ImageProcessor", R"(, "do_normalize": true, "image_mean": 0.5, "image_std": 0.5)")
          .empty());
}

TEST_CASE("preprocessor_config.json: a mean of one number is one for every channel") {
  const std::string text = R"({"image_mean": 0.4, "image_std": 0.2})";
  CHECK(parsed(text).image_mean == Numbers(3, 0.4));
  CHECK(parsed(text, {.channels = 1}).image_std == Numbers{0.2});
  CHECK(parsed(R"({"image_mean": [0.4], "image_std": 0.2})").image_std == Numbers{0.2});
  CHECK(parsed(R"({"image_mean": [0.4], "image_std": [0.1, 0.2, 0.3]})").image_mean ==
        Numbers(3, 0.4));
}

TEST_CASE(
    "preprocessor_config.json: unknown types and keys, padding and flipping get a line each") {
  const auto warnings = [](const std::string& text) {
    return nn::parse_image_processor(text, "p.json").warnings;
  };
  using Lines = std::vector<std::string>;
  CHECK(warnings(R"({"image_processor_type": "MyImageProcessor"})") ==
        Lines{"p.json: image_processor_type \"MyImageProcessor\" is not known and read as "
              "ViTImageProcessor; its pictures may come out otherwise"});
  CHECK(warnings(
            R"({"do_pad": true, "do_flip_channel_order": true, "max_size": 300, "colour": 3})") ==
        Lines{"p.json: do_pad: padding is not known; pictures are not padded",
              "p.json: do_flip_channel_order: is not known; channels stay red, green, blue",
              "p.json: unknown key \"colour\" is ignored",
              "p.json: unknown key \"max_size\" is ignored"});
  CHECK(warnings(R"({"do_pad": false, "do_flip_channel_order": false, "do_convert_rgb": true,
                     "_valid_kwargs_names": ["size"], "processor_class": "ViTProcessor",
                     "data_format": "channels_first", "pad_size": null})")
            .empty());
}

TEST_CASE("no preprocessor_config.json: the class's own numbers at the model's size") {
  const nn::ImageProcessor vit = nn::default_image_processor({.side = 32}),
                           dino =
                               nn::default_image_processor({.processor_class = "BitImageProcessor",
                                                            .imagenet_statistics = true}),
                           deit =
                               nn::default_image_processor({.processor_class = "DeiTImageProcessor",
                                                            .imagenet_statistics = true}),
                           grey = nn::default_image_processor({.channels = 1, .side = 28});
  CHECK(vit.out_height() == 32);
  CHECK(vit.image_mean == Numbers(3, 0.5));
  CHECK(dino.shortest_edge == 256);
  CHECK(dino.out_height() == 224);
  CHECK(dino.image_mean == Numbers{0.485, 0.456, 0.406});
  CHECK(deit.shortest_edge == 0);
  CHECK(deit.height == 256);
  CHECK(deit.out_height() == 224);
  CHECK(deit.image_std == Numbers{0.229, 0.224, 0.225});
  CHECK(grey.image_mean == Numbers{0.5});
  for (const nn::ImageProcessor& p : {vit, dino, deit, grey}) p.validate();
  CHECK_THROWS_AS(nn::default_image_processor({.processor_class = "SamImageProcessor"}),
                  ArgumentError);
}

}  // namespace papilio::test
