// WebDataset: tar files whose neighbouring members with one name belong together ("000017.jpg",
// "000017.cls").
#pragma once

#include <filesystem>

#include "nn/data/sources/image_dataset.h"
#include "nn/data/splits.h"

namespace papilio::nn {

// Whether the path is such a tar file (.tar, or .tar.gz and .tgz), or a folder of them, by the
// first of their files; or one in a compression that open_webdataset refuses by name (.tar.xz).
bool is_webdataset(const std::filesystem::path& path);

// A picture (.jpg, .jpeg, .png) of each sample and its class: the text of its .cls, or `label` in
// its .json, as a name or a number. Numbers are those of the lines of classes.txt or classnames.txt
// beside the files, if one is there. Files belong to the part that a word of their names says
// (part_named: "images-train-0001.tar"), to train if none does; what is not there is held out of
// train. Files are mapped, those of gzip unpacked into memory: a picture is read when it is asked
// for. Folders and files without an ending (README) are no samples. Throws FileError for what
// read_tar refuses, samples without a picture or a class, and several pictures in one.
ImageSplits open_webdataset(const std::filesystem::path& path, const HoldOut& shares);

}  // namespace papilio::nn
