#include "samples/papilio/demo/drawn_measures.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "tensor/error.h"

namespace papilio::demo {

namespace {

constexpr double kFar = 64;      // from the background, in RGB
constexpr uint8_t kWhite = 128;  // of a silhouette, from here on

void check_rgb(const char* what, const nn::Image& image) {
  check(image.channels == 3 && image.width >= 1 && image.height >= 1 &&
            int64_t(image.pixels.size()) == image.width * image.height * 3,
        what, ": expected an RGB picture, got ", image.width, "x", image.height, " of ",
        image.channels, " channels");
}

Rgb pixel_of(const nn::Image& image, int64_t i) {
  const uint8_t* p = &image.pixels[size_t(3 * i)];
  return {p[0], p[1], p[2]};
}

double distance(const Rgb& a, const Rgb& b) {
  const double r = a.r - b.r, g = a.g - b.g, blue = a.b - b.b;
  return std::sqrt(r * r + g * g + blue * blue);
}

std::vector<bool> white(const nn::Image& silhouette) {
  std::vector<bool> mask;
  for (int64_t i = 0; i < silhouette.width * silhouette.height; ++i)
    mask.push_back(pixel_of(silhouette, i).r >= kWhite);
  return mask;
}

// A picture's foreground and a silhouette's, of one size.
std::pair<std::vector<bool>, std::vector<bool>> masks(const char* what, const nn::Image& image,
                                                      const nn::Image& silhouette) {
  check_rgb(what, image);
  check_rgb(what, silhouette);
  check(image.width == silhouette.width && image.height == silhouette.height, what,
        ": expected pictures of one size, got ", image.width, "x", image.height, " and ",
        silhouette.width, "x", silhouette.height);
  return {foreground(image), white(silhouette)};
}

// Mean place of the mask's pixels, in pixels; nothing of an empty one.
std::optional<std::pair<double, double>> centre(const std::vector<bool>& mask, int64_t width) {
  double x = 0, y = 0, count = 0;
  for (size_t i = 0; i < mask.size(); ++i) {
    if (!mask[i]) continue;
    const int64_t row = int64_t(i) / width, col = int64_t(i) % width;
    x += double(col);
    y += double(row);
    ++count;
  }
  if (count == 0) return std::nullopt;
  return std::pair{x / count, y / count};
}

}  // namespace

Rgb border_colour(const nn::Image& image) {
  check_rgb("border_colour", image);
  std::array<std::vector<uint8_t>, 3> values;
  for (int64_t i = 0; i < image.width * image.height; ++i) {
    const int64_t row = i / image.width, col = i % image.width;
    if (row > 0 && row < image.height - 1 && col > 0 && col < image.width - 1) continue;
    for (size_t c = 0; c < 3; ++c) values[c].push_back(image.pixels[size_t(3 * i) + c]);
  }
  const auto median = [](std::vector<uint8_t>& some) {
    const auto middle = some.begin() + std::ptrdiff_t(some.size() / 2);
    std::nth_element(some.begin(), middle, some.end());
    return *middle;
  };
  return {median(values[0]), median(values[1]), median(values[2])};
}

int background_of(const nn::Image& image) {
  const Rgb border = border_colour(image);
  const auto nearest = std::min_element(kBackgrounds.begin(), kBackgrounds.end(),
                                        [&](const NamedColour& a, const NamedColour& b) {
                                          return distance(a.rgb, border) < distance(b.rgb, border);
                                        });
  return int(nearest - kBackgrounds.begin());
}

double fidelity(const std::vector<nn::Image>& images, const std::vector<Scene>& asked) {
  check(!images.empty() && images.size() == asked.size(),
        "fidelity: expected a scene for each picture, got ", images.size(), " pictures and ",
        asked.size(), " scenes");
  double right = 0;
  for (size_t i = 0; i < images.size(); ++i)
    right += background_of(images[i]) == asked[i].background;
  return right / double(images.size());
}

std::vector<bool> foreground(const nn::Image& image) {
  const Rgb border = border_colour(image);
  std::vector<bool> mask;
  for (int64_t i = 0; i < image.width * image.height; ++i)
    mask.push_back(distance(pixel_of(image, i), border) > kFar);
  return mask;
}

double intersection_over_union(const nn::Image& image, const nn::Image& silhouette) {
  const auto [made, asked] = masks("intersection_over_union", image, silhouette);
  double both = 0, any = 0;
  for (size_t i = 0; i < made.size(); ++i) {
    both += made[i] && asked[i];
    any += made[i] || asked[i];
  }
  return any > 0 ? both / any : 0;
}

double centre_error(const nn::Image& image, const nn::Image& silhouette) {
  const auto [made, asked] = masks("centre_error", image, silhouette);
  const auto a = centre(made, image.width), b = centre(asked, image.width);
  if (!a || !b) return 1;
  return std::hypot(a->first - b->first, a->second - b->second) / double(image.width);
}

}  // namespace papilio::demo
