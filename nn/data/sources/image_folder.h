// Folders of pictures, a class a folder.
#pragma once

#include <cstdint>
#include <filesystem>

#include "nn/data/sources/image_dataset.h"
#include "nn/data/splits.h"

namespace papilio::nn {

// root/class/picture.jpg (.jpeg, .png), also in folders below the class's; classes and pictures are
// in the order of their names' bytes. Links to files are followed, links to folders below a class
// are not. These and other files are left out, and counted in `ignored`; hidden files and what
// systems add (is_passed_over) are not. Throws FileError for a folder that cannot be read, holds no
// classes, or has a class without pictures or with a name that is not printable UTF-8.
ImageData image_folder(const std::filesystem::path& root, int64_t* ignored = nullptr);

// The parts under any of their names (part_named), each as image_folder reads it, with the classes
// of the one to train on, of which the others may lack some; for each that is not there, or whose
// pictures lie in no class's folder, a share of train is held out. Without parts all of root is
// divided. A folder that holds the data set's folder alone stands for it. What is left out, and
// classes without pictures in a part, are in the notes. Throws FileError, also for a class that
// train does not have, and for parts without train.
ImageSplits open_image_folder(const std::filesystem::path& root, const HoldOut& shares);

}  // namespace papilio::nn
