// Batches of pictures with captions, as a pipeline learns from them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "nn/data/batch_source.h"
#include "nn/data/image_batches.h"
#include "nn/data/sources/captioned_images.h"

namespace papilio::nn {

// A caption's ids, all captions' of one number. Several threads may call it at a time.
using EncodeCaption = std::function<std::vector<int64_t>(const std::string& caption)>;

// What becomes of a picture and its caption. Pictures are resized to a shortest edge of `size`
// (bilinear) and cut to a square.
struct CaptionedBatchOptions {
  int64_t size = 512;
  bool random_crop = false;    // else the middle
  double hflip = 0;            // probability
  double caption_dropout = 0;  // of a caption to be "": drop_captions
  // Pictures of the class, one more for each of `data` (Ruiz and others, arXiv 2208.12242). An
  // epoch is as many samples as the larger of both has; the other begins anew.
  CaptionedData class_images = nullptr;
  OnCorrupt on_corrupt = OnCorrupt::fail;
};

// inputs: (B, 3, size, size) in [-1, 1]; `more` has
//   input_ids        (B, T) int64, the captions'
//   conditioning     (B, 3, size, size) in [0, 1], cut and mirrored as the picture is, if the data
//                    have it
//   class_inputs, class_input_ids    as inputs and input_ids, of class_images
// Throws ArgumentError for options out of range.
Batches captioned_batches(CaptionedData data, EncodeCaption encode,
                          const CaptionedBatchOptions& options);

}  // namespace papilio::nn
