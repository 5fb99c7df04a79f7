// A page of sample pictures, a row a class.
#pragma once

#include <cstdint>
#include <string>

#include "nn/data/formats/image.h"
#include "nn/data/sources/image_dataset.h"

namespace papilio::cli {

// Self-contained HTML with up to `per_class` pictures of each class, the first that can be read.
std::string contact_sheet(const std::string& title, const nn::ImageDataset& data,
                          int64_t per_class);

// At most `side` pixels a side. Small pictures keep their pixels: the page enlarges them.
nn::Image thumbnail(const nn::Image& image, int64_t side);

}  // namespace papilio::cli
