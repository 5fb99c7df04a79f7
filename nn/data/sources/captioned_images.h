// Pictures with a text that says what they show, and perhaps a picture that says where.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "nn/data/dataset.h"
#include "nn/data/formats/image.h"
#include "nn/data/splits.h"

namespace papilio::nn {

// One picture, which is read when it is asked for.
struct CaptionedImage {
  std::string caption;
  std::function<Image()> read;
  std::function<Image()> read_conditioning = {};  // empty without
};
// Pictures with captions as a data set, and its parts; all are of one class.
using CaptionedData = SharedDataset<CaptionedImage>;
using CaptionedSplits = Splits<CaptionedImage>;

// Whether the folder, or its folder of pictures to train on (part_named), holds a metadata.csv or
// metadata.jsonl with captions.
bool is_captioned_folder(const std::filesystem::path& folder);

// A line a picture, as Hugging Face's `imagefolder` reads it: `file_name`, a path below the
// metadata file's folder, its caption in `text` (or `caption`, `prompt`), and perhaps another
// picture's path in `conditioning_image_file_name` (or `conditioning_image`). Parts as in
// open_metadata_folder; what is not there is held out of the part to train on. Throws FileError,
// with the line, for what is not so, and if only some lines have a conditioning picture.
CaptionedSplits open_captioned_folder(const std::filesystem::path& folder, const HoldOut& shares);
// Whether its pictures have conditioning pictures.
bool has_conditioning(const CaptionedData& data);

// Every picture below the folder, in the order of the paths' bytes, under one caption. Throws
// FileError for a folder that cannot be read or holds no picture.
CaptionedData pictures_with_caption(const std::filesystem::path& folder,
                                    const std::string& caption);

}  // namespace papilio::nn
