// Hugging Face's `imagefolder` with labels in a metadata file: pictures beside a metadata.csv or
// metadata.jsonl.
#pragma once

#include <filesystem>
#include <string>

#include "nn/data/sources/image_dataset.h"
#include "nn/data/splits.h"

namespace papilio::nn {

// Whether the folder, or its folder of pictures to train on (part_named), holds a metadata file
// that has labels.
bool is_metadata_folder(const std::filesystem::path& folder);

// "; its metadata.csv has no ...", for a folder that holds a metadata file and is none; else empty.
std::string missing_in_metadata(const std::filesystem::path& folder);

// A line a picture: `file_name`, a path below the metadata file's folder, and its class in `label`
// (or `labels`, `class`, `category`), as a name or a number; other columns are passed over. Parts
// are folders as in open_image_folder, each with a metadata file of its own, or folders in the
// paths of the one at the top. A picture may be listed again, which is noted. Throws FileError,
// with the line, for what is not so, for paths that lead out of the folder or to no file, and for
// pictures of two classes.
ImageSplits open_metadata_folder(const std::filesystem::path& folder, const HoldOut& shares);

}  // namespace papilio::nn
