// What a program can say of a picture of the drawn world: the colour of its background, and where
// its thing stands.
#pragma once

#include <vector>

#include "nn/data/formats/image.h"
#include "samples/papilio/demo/drawn_world.h"

namespace papilio::demo {

// All take RGB pictures, and throw ArgumentError for others, for pictures of two sizes, and for no
// picture.

// The median of each channel over the outermost pixels: a thing may reach the edge, if it does not
// fill half of it.
Rgb border_colour(const nn::Image& image);
// The one of kBackgrounds that is nearest to it in RGB.
int background_of(const nn::Image& image);
// Share of the pictures whose background is the one that was asked; images[i] is of asked[i].
double fidelity(const std::vector<nn::Image>& images, const std::vector<Scene>& asked);

// Pixels further than 64 from the picture's own border colour, row by row.
std::vector<bool> foreground(const nn::Image& image);
// Pixels in both over pixels in any of: a picture's foreground, and what is white (128 and more) in
// a silhouette. 0 if both are empty.
double intersection_over_union(const nn::Image& image, const nn::Image& silhouette);
// Distance of their centres, the pixels' mean places, in sides of the (square) picture; 1 if one of
// them is empty.
double centre_error(const nn::Image& image, const nn::Image& silhouette);

}  // namespace papilio::demo
