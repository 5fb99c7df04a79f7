// The world of `papilio demo generation`: things of one colour at a place on a background, drawn by
// the program, so that a program can say of a picture whether it shows what was asked.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "nn/data/formats/image.h"
#include "nn/data/sources/image_dataset.h"

namespace papilio::demo {

// A colour of 8 bits a channel.
struct Rgb {
  uint8_t r = 0, g = 0, b = 0;
  bool operator==(const Rgb&) const = default;
};
// ... and what captions call it.
struct NamedColour {
  const char* name;
  Rgb rgb;
};

// What captions are made of. Things and backgrounds have no colour in common, so that every scene
// can be seen; two backgrounds are 139 apart in RGB or more.
inline constexpr std::array kShapes{"square", "circle", "triangle", "ring"};
inline constexpr std::array<NamedColour, 5> kColours{{{"red", {220, 35, 35}},
                                                      {"yellow", {250, 210, 20}},
                                                      {"green", {20, 160, 50}},
                                                      {"cyan", {40, 205, 225}},
                                                      {"pink", {245, 110, 190}}}};
inline constexpr std::array<NamedColour, 4> kBackgrounds{{{"black", {0, 0, 0}},
                                                          {"white", {255, 255, 255}},
                                                          {"blue", {30, 60, 200}},
                                                          {"gray", {128, 128, 128}}}};
inline constexpr std::array kPlaces{"at the left", "at the right", "at the top", "at the bottom",
                                    "in the middle"};

inline constexpr int kFirstDigit = int(kShapes.size());  // shapes 4, ..., 13 are the digits 0 to 9
inline constexpr int kNewDigit = kFirstDigit + 5;  // the second new subject, "sks digit": digit 5
inline constexpr int kSubject = kFirstDigit + 10;  // the first, "sks ring": yellow, its core red
inline constexpr int kMiddle = 4;                  // a place
inline constexpr int kAnywhere = 5;                // a place that the caption does not name

// What a picture shows: indices into the lists above. The subject has colours of its own: its
// `colour` says nothing.
struct Scene {
  int shape = 0, colour = 0, place = kMiddle, background = 0;
  bool operator==(const Scene&) const = default;
};

// "a red circle at the left on black", "a red digit three in the middle on gray", "a sks ring in
// the middle on white", "a red sks digit in the middle on blue". Throws ArgumentError for an index
// out of range.
std::string caption(const Scene& scene);

// Draws scenes.
class DrawnWorld {
 public:
  // `digits`: nn::read_digits'. Throws ArgumentError if a digit has no picture.
  explicit DrawnWorld(nn::ImageData digits);

  // The scene in `side` x `side` pixels, RGB, anti-aliased. The seed decides by how little size (6
  // %) and place (2 % of the side) vary, where kAnywhere is (with a size of 0.75 to 1.25), and
  // which handwriting a digit has. Several threads may call it at a time. Throws ArgumentError for
  // an index out of range and sides below 8.
  nn::Image draw(const Scene& scene, int64_t side, uint64_t seed) const;
  // White where draw(scene, side, seed) has the thing, black elsewhere.
  nn::Image silhouette(const Scene& scene, int64_t side, uint64_t seed) const;

 private:
  struct Colours;
  nn::Image paint(const Scene& scene, const Colours& colours, int64_t side, uint64_t seed) const;

  nn::ImageData digits_;
  std::array<std::vector<int64_t>, 10> positions_;  // of each digit in them
};

}  // namespace papilio::demo
