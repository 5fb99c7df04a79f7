// A page of sample pictures, a row a class.
#pragma once

#include <string>

#include "nn/data/image_dataset.h"

namespace papilio::cli {

// Self-contained HTML with up to `per_class` pictures of each class, the first that can be read.
std::string contact_sheet(const std::string& title, const nn::ImageDataset& data,
                          int64_t per_class);

// RFC 4648's, with padding.
std::string base64(const std::string& bytes);

}  // namespace papilio::cli
