// Changes of colour, as Pillow's ImageEnhance and ImageOps make them on 8-bit images.
#pragma once

#include "nn/data/formats/image.h"

namespace papilio::nn {

// Blends with black (brightness), with the image's grey (color), with its mean grey (contrast) or
// with its smoothed self (sharpness): factor 0 gives that, 1 the image, more than 1 goes beyond it.
Image adjust_brightness(const Image& image, double factor);
Image adjust_color(const Image& image, double factor);
Image adjust_contrast(const Image& image, double factor);
Image adjust_sharpness(const Image& image, double factor);

// Keeps the highest `bits` of each value, 0 to 8.
Image posterize(const Image& image, int bits);
// Inverts all values from the threshold on.
Image solarize(const Image& image, double threshold);
// Stretches each channel to reach from 0 to 255.
Image autocontrast(const Image& image);
// Spreads each channel's values so that all are about equally frequent.
Image equalize(const Image& image);

}  // namespace papilio::nn
