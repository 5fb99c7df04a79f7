// Folders of pictures, a class a folder.
#pragma once

#include <cstdint>
#include <filesystem>

#include "nn/data/sources/image_dataset.h"

namespace papilio::nn {

// root/class/picture.jpg (.jpeg, .png), also in folders below the class's; classes and pictures are
// in the order of their names' bytes. Hidden files are passed over; links to files are followed,
// links to folders below a class are not. These and other files are left out, and counted in
// `ignored`.
// Throws FileError for a folder that cannot be read, holds no classes, or has a class without
// pictures or with a name that is not printable UTF-8.
ImageData image_folder(const std::filesystem::path& root, int64_t* ignored = nullptr);

// root/train, root/val (or validation, valid) and root/test, each as image_folder reads it, with
// train's classes; if only root/train is there, a share of it is held out for each of the
// others. With no root/train, all of root is divided. Throws FileError, also for a class that train
// does not have.
ImageSplits open_image_folder(const std::filesystem::path& root, const HoldOut& shares);

}  // namespace papilio::nn
