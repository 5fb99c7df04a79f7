#include "nn/data/transforms/detail/image_processor_class.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tensor/error.h"
#include "tensor/text.h"

namespace papilio::nn {

namespace {

const std::vector<double> kImageNetMean{0.485, 0.456, 0.406}, kImageNetStd{0.229, 0.224, 0.225},
    kClipMean{0.48145466, 0.4578275, 0.40821073}, kClipStd{0.26862954, 0.26130258, 0.27577711};

ImageProcessor square(int64_t side, Interpolation resample, std::vector<double> mean = {},
                      std::vector<double> std = {}) {
  ImageProcessor p;
  p.height = p.width = side;
  p.resample = resample;
  if (!mean.empty()) {
    p.image_mean = std::move(mean);
    p.image_std = std::move(std);
  }
  return p;
}

// The shortest edge and the middle of it.
ImageProcessor edge(int64_t side, Interpolation resample, std::vector<double> mean,
                    std::vector<double> std) {
  ImageProcessor p = square(side, resample, std::move(mean), std::move(std));
  p.shortest_edge = side;
  p.do_center_crop = true;
  return p;
}

ImageProcessor cropped(ImageProcessor p) {
  p.do_center_crop = true;
  return p;
}

// Knows the size of a crop that it does not make by itself.
ImageProcessor crop_of(int64_t side, ImageProcessor p) {
  p.crop_height = p.crop_width = side;
  return p;
}

ImageProcessor not_normalized(ImageProcessor p) {
  p.do_normalize = false;
  return p;
}

ImageProcessor on(ImageProcessor::Backend backend, ImageProcessor p) {
  p.backend = backend;
  return p;
}

using enum Interpolation;
using enum ImageProcessor::Backend;
using enum ImageProcessorClass::CropPct;

const std::vector<double> kHalf(3, 0.5);

// The classes as Transformers 5.24 has them.
const std::vector<ImageProcessorClass>& classes() {
  static const std::vector<ImageProcessorClass> all = {
      {.name = "ViTImageProcessor", .defaults = square(224, bilinear)},
      {.name = "DeiTImageProcessor", .defaults = cropped(square(256, bicubic)), .knows_crop = true},
      {.name = "BeitImageProcessor", .defaults = square(224, bicubic), .knows_crop = true},
      {.name = "BitImageProcessor",
       .defaults = edge(224, bicubic, kClipMean, kClipStd),
       .knows_crop = true,
       .number_is_square = false},
      {.name = "CLIPImageProcessor",
       .defaults = edge(224, bicubic, kClipMean, kClipStd),
       .knows_crop = true,
       .number_is_square = false},
      {.name = "ChineseCLIPImageProcessor",
       .defaults = edge(224, bicubic, kClipMean, kClipStd),
       .knows_crop = true,
       .number_is_square = false},
      {.name = "SiglipImageProcessor", .defaults = square(224, bicubic), .number_is_square = false},
      {.name = "BlipImageProcessor", .defaults = square(384, bicubic, kClipMean, kClipStd)},
      {.name = "FlavaImageProcessor",
       .defaults = cropped(square(224, bicubic, kClipMean, kClipStd)),
       .knows_crop = true},
      {.name = "OwlViTImageProcessor",
       .defaults = crop_of(768, square(768, bicubic, kClipMean, kClipStd)),
       .knows_crop = true},
      {.name = "PvtImageProcessor", .defaults = square(224, bicubic, kImageNetMean, kImageNetStd)},
      {.name = "SegformerImageProcessor",
       .defaults = square(512, bilinear, kImageNetMean, kImageNetStd),
       .crops = false},
      {.name = "DINOv3ViTImageProcessor",
       .defaults = on(torchvision_floats, square(224, bilinear, kImageNetMean, kImageNetStd))},
      {.name = "Tipsv2ImageProcessor",
       .defaults = on(torchvision, not_normalized(square(448, bilinear)))},
      {.name = "Tipsv2DptImageProcessor",
       .defaults = on(torchvision, not_normalized(square(448, bilinear)))},
      {.name = "MobileNetV1ImageProcessor",
       .defaults = edge(256, bilinear, kHalf, kHalf),
       .knows_crop = true,
       .number_is_square = false},
      {.name = "MobileNetV2ImageProcessor",
       .defaults = edge(256, bilinear, kHalf, kHalf),
       .knows_crop = true,
       .number_is_square = false},
      {.name = "LevitImageProcessor",
       .defaults = edge(224, bicubic, kImageNetMean, kImageNetStd),
       .knows_crop = true,
       .number_is_square = false,
       .enlarged = 256.0 / 224},
      {.name = "ConvNextImageProcessor",
       .defaults = square(384, bicubic),
       .number_is_square = false,
       .crop_pct_is = convnext,
       .crop_pct = 224.0 / 256},
      {.name = "PoolFormerImageProcessor",
       .defaults = edge(224, bicubic, kImageNetMean, kImageNetStd),
       .knows_crop = true,
       .number_is_square = false,
       .crop_pct_is = poolformer,
       .crop_pct = 0.9},
  };
  return all;
}

// The others of Transformers 5.24, each without "ImageProcessor" and between spaces.
constexpr std::string_view kOthers =
    " Apertus1p5 Aria BridgeTower Chameleon CHMv2 Cohere2Vision CohereCompass ConditionalDetr "
    "Cosmos3Edge DeepseekOcr2 DeepseekVL DeepseekVLHybrid DeformableDetr DepthPro Detr Donut "
    "DPT EfficientLoFTR EfficientNet Emu3 Eomt Ernie4_5_VL_Moe Ernie4_5_VLMoe Fuyu Gemma3 "
    "Gemma4 Gemma4Unified Glm46V Glm4v Glm5Next Glmga GlmImage GLPN GotOcr2 GraniteDocling "
    "GroundingDino HunYuanVL HYV4VL Idefics Idefics2 Idefics3 ImageGPT Inkling Inkling2 "
    "Janus Kimi_K25 Kosmos2_5 LayoutLMv2 LayoutLMv3 Lfm2Vl LightGlue Llama4 Llava LlavaNext "
    "LlavaOnevision Mask2Former MaskFormer MiniCPMOcr MiniCPMV4_6 MiniMaxM3VL Mllama "
    "MobileViT Molmo2 MuseGlimmer NemotronH_Omni_Reasoning_V3 NeoMME Nougat OneFormer Ovis2 "
    "Owlv2 PaddleOCRVL Perceiver PerceptionLM Phi4Multimodal PI0 Pix2Struct Pixtral "
    "PPChart2Table PPDocLayoutV2 PPDocLayoutV3 PPDocLayoutV4 PPFormulaNet PPLCNet "
    "PPOCRV5ServerDet PPOCRV5ServerRec PPOCRV6SmallRec PromptDepthAnything Qwen2VL RfDetr "
    "RTDetr Sam Sam2 Sam3 Sapiens2 SegGpt Siglip2 SLANeXt SmolVLM Step3p7 SuperGlue "
    "SuperPoint Swin2SR TextNet TimmWrapper Tvp UltraVBert UnlimitedOcr UVDoc VideoLlama3 "
    "VideoLlava VideoMAE Vilt VitMatte VitPose Vivit Yolos ZoeDepth ";

constexpr std::string_view kEnding = "ImageProcessor";

// The class's name without "Fast" and "Pil", and in today's words.
std::string class_name(std::string_view type) {
  std::string name(type);
  for (const std::string_view ending : {"Fast", "Pil"}) {
    if (name.ends_with(ending)) name.resize(name.size() - ending.size());
  }
  constexpr std::string_view kOlder = "FeatureExtractor";
  if (name.ends_with(kOlder)) name.replace(name.size() - kOlder.size(), kOlder.size(), kEnding);
  return name;
}

}  // namespace

const ImageProcessorClass* find_image_processor_class(std::string_view type) {
  const auto found = std::ranges::find(classes(), class_name(type), &ImageProcessorClass::name);
  return found == classes().end() ? nullptr : &*found;
}

bool is_other_image_processor(std::string_view type) {
  std::string name = class_name(type);
  if (!name.ends_with(kEnding) || name.find(' ') != name.npos) return false;
  name.resize(name.size() - kEnding.size());
  return kOthers.find(' ' + name + ' ') != kOthers.npos;
}

std::string image_processor_class_names() {
  std::vector<std::string_view> names;
  for (const ImageProcessorClass& c : classes()) names.push_back(c.name);
  return joined(names, ", ");
}

const ImageProcessorClass& image_processor_class(std::string_view type) {
  const ImageProcessorClass* const found = find_image_processor_class(type);
  check(found != nullptr, "image_processor_class: expected one of ", image_processor_class_names(),
        ", got ", type);
  return *found;
}

ImageProcessor default_image_processor(const ImageProcessorModel& model) {
  ImageProcessor p = image_processor_class(model.processor_class).defaults;
  if (model.imagenet_statistics) {
    p.image_mean = kImageNetMean;
    p.image_std = kImageNetStd;
  }
  const int64_t side = model.side;
  p.crop_height = p.crop_width = side;
  p.height = p.width = p.do_center_crop ? side * 256 / 224 : side;
  if (p.shortest_edge > 0) p.shortest_edge = p.height;
  if (model.channels != p.channels())
    p.image_mean = p.image_std = std::vector<double>(size_t(model.channels), 0.5);
  return p;
}

}  // namespace papilio::nn
