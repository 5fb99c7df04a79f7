#include "samples/papilio/demo/drawn_world.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "nn/data/formats/pixels.h"
#include "nn/data/transforms/draw.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace papilio::demo {

namespace {

constexpr std::array kDigits{"zero", "one", "two",   "three", "four",
                             "five", "six", "seven", "eight", "nine"};
constexpr Rgb kSubjectRing = kColours[1].rgb, kSubjectCore = kColours[0].rgb;
constexpr double kRadius = 0.26, kDigitRadius = 0.38;  // in shares of the side
constexpr double kAside = 0.2;                         // from the middle to the places beside it
constexpr double kHole = 0.5;                          // of a ring's radius

// Samples of a pixel's side, against jagged edges; ink is smooth.
constexpr int kSamples = 4, kInkSamples = 2;

bool is_digit(int shape) {
  return shape >= kFirstDigit && shape < kSubject;
}

void check_scene(const Scene& s) {
  check(s.shape >= 0 && s.shape <= kSubject && s.colour >= 0 && s.colour < int(kColours.size()) &&
            s.place >= 0 && s.place <= kAnywhere && s.background >= 0 &&
            s.background < int(kBackgrounds.size()),
        "scene: shape ", s.shape, ", colour ", s.colour, ", place ", s.place, ", background ",
        s.background, ": an index is out of range");
}

// Where the thing lies and how it is written.
struct Position {
  double x, y, radius;   // in shares of the side
  double which_writing;  // in [0, 1)
};

Position position_of(const Scene& s, uint64_t seed) {
  constexpr std::array<std::pair<double, double>, 5> kAsides{
      {{-kAside, 0}, {kAside, 0}, {0, -kAside}, {0, kAside}, {0, 0}}};
  Generator generator(seed);
  nn::Draw draw(generator);
  const double full = is_digit(s.shape) ? kDigitRadius : kRadius;
  if (s.place == kAnywhere) {
    const double radius = full * draw.uniform(0.75, 1.25);
    const double x = draw.uniform(radius, 1 - radius), y = draw.uniform(radius, 1 - radius);
    return {x, y, radius, draw.uniform()};
  }
  const auto [aside, down] = kAsides[size_t(s.place)];
  const double radius = full * draw.uniform(0.94, 1.06);
  const double x = 0.5 + aside + draw.uniform(-0.02, 0.02);
  const double y = 0.5 + down + draw.uniform(-0.02, 0.02);
  return {x, y, radius, draw.uniform()};
}

// How much of a point, or of a pixel, each colour of the thing covers.
struct Coverage {
  double outer = 0, core = 0;
};

// Strength of the ink between the pixels of an 8x8 digit, u and v in [-1, 1].
double ink_at(const nn::Image& digit, double u, double v) {
  const auto pixel = [&](int64_t row, int64_t col) {
    if (row < 0 || col < 0 || row >= digit.height || col >= digit.width) return 0.0;
    return digit.pixels[size_t(row * digit.width + col)] / 240.0;
  };
  const double x = (u + 1) / 2 * double(digit.width) - 0.5,
               y = (v + 1) / 2 * double(digit.height) - 0.5;
  const double left = std::floor(x), top = std::floor(y), right_part = x - left,
               lower_part = y - top;
  const auto row = int64_t(top), col = int64_t(left);
  const double ink =
      (1 - lower_part) * ((1 - right_part) * pixel(row, col) + right_part * pixel(row, col + 1)) +
      lower_part * ((1 - right_part) * pixel(row + 1, col) + right_part * pixel(row + 1, col + 1));
  return std::clamp(2 * ink - 0.5, 0.0, 1.0);  // a clear edge
}

// At (u, v), in radii from the thing's centre, v downwards.
Coverage coverage_at(int shape, const nn::Image& digit, double u, double v) {
  const double squared = u * u + v * v;
  const bool disc = squared <= 1, core = squared < kHole * kHole;
  const auto one_colour = [](bool inside) { return Coverage{.outer = inside ? 1.0 : 0.0}; };
  switch (shape) {
    case 0:  // square
      return one_colour(std::max(std::abs(u), std::abs(v)) <= 0.85);
    case 1:  // circle
      return one_colour(disc);
    case 2:  // triangle: (0, -1), (-1, 0.8), (1, 0.8)
      return one_colour(v <= 0.8 && 1.8 * std::abs(u) <= v + 1);
    case 3:  // ring
      return one_colour(disc && !core);
    case kSubject:
      return {.outer = disc && !core ? 1.0 : 0.0, .core = core ? 1.0 : 0.0};
    default:
      return {.outer = ink_at(digit, u, v)};
  }
}

// The mean over points of the pixel.
Coverage coverage_of(int shape, const nn::Image& digit, const Position& p, int64_t side,
                     int64_t row, int64_t col) {
  const auto offset = [&](int64_t pixel, double inside, double centre) {
    return ((double(pixel) + inside) / double(side) - centre) / p.radius;
  };
  const double far = 1 + 0.5 / (double(side) * p.radius);
  if (std::abs(offset(col, 0.5, p.x)) > far || std::abs(offset(row, 0.5, p.y)) > far) return {};
  const int samples = is_digit(shape) ? kInkSamples : kSamples;
  Coverage sum;
  for (int i = 0; i < samples; ++i) {
    for (int j = 0; j < samples; ++j) {
      const double u = offset(col, (j + 0.5) / samples, p.x),
                   v = offset(row, (i + 0.5) / samples, p.y);
      if (std::max(std::abs(u), std::abs(v)) > 1) continue;
      const Coverage point = coverage_at(shape, digit, u, v);
      sum.outer += point.outer;
      sum.core += point.core;
    }
  }
  const double points = samples * samples;
  return {sum.outer / points, sum.core / points};
}

}  // namespace

struct DrawnWorld::Colours {
  Rgb background, outer, core;
};

std::string caption(const Scene& s) {
  check_scene(s);
  const std::string colour = kColours[size_t(s.colour)].name;
  std::string thing = "sks ring";
  if (s.shape == kNewDigit)
    thing = colour + " sks digit";
  else if (is_digit(s.shape))
    thing = colour + " digit " + kDigits[size_t(s.shape - kFirstDigit)];
  else if (s.shape != kSubject)
    thing = colour + " " + kShapes[size_t(s.shape)];
  const std::string place = s.place == kAnywhere ? "" : str(" ", kPlaces[size_t(s.place)]);
  return str("a ", thing, place, " on ", kBackgrounds[size_t(s.background)].name);
}

DrawnWorld::DrawnWorld(nn::ImageData digits) : digits_(std::move(digits)) {
  for (int64_t i = 0; i < digits_->size(); ++i) {
    const int64_t digit = digits_->label(i);
    check(digit >= 0 && digit < 10, "drawn world: expected the digits 0 to 9, got ", digit);
    positions_[size_t(digit)].push_back(i);
  }
  for (size_t digit = 0; digit < 10; ++digit)
    check(!positions_[digit].empty(), "drawn world: there is no picture of the digit ", digit);
}

nn::Image DrawnWorld::paint(const Scene& s, const Colours& colours, int64_t side,
                            uint64_t seed) const {
  check_scene(s);
  check(side >= 8, "drawn world: expected at least 8 pixels a side, got ", side);
  const Position p = position_of(s, seed);
  nn::Image digit;
  if (is_digit(s.shape)) {
    const std::vector<int64_t>& some = positions_[size_t(s.shape - kFirstDigit)];
    digit = digits_->sample(some[size_t(p.which_writing * double(some.size()))]);
  }
  nn::Image image{side, side, 3, nn::Pixels(size_t(side * side * 3))};
  for (int64_t row = 0; row < side; ++row) {
    for (int64_t col = 0; col < side; ++col) {
      const Coverage c = coverage_of(s.shape, digit, p, side, row, col);
      uint8_t* const pixel = &image.pixels[size_t((row * side + col) * 3)];
      const auto mix = [&](uint8_t Rgb::*channel) {
        return uint8_t(std::lround((1 - c.outer - c.core) * colours.background.*channel +
                                   c.outer * colours.outer.*channel +
                                   c.core * colours.core.*channel));
      };
      pixel[0] = mix(&Rgb::r);
      pixel[1] = mix(&Rgb::g);
      pixel[2] = mix(&Rgb::b);
    }
  }
  return image;
}

nn::Image DrawnWorld::draw(const Scene& s, int64_t side, uint64_t seed) const {
  check_scene(s);
  const bool subject = s.shape == kSubject;
  return paint(s,
               {.background = kBackgrounds[size_t(s.background)].rgb,
                .outer = subject ? kSubjectRing : kColours[size_t(s.colour)].rgb,
                .core = kSubjectCore},
               side, seed);
}

nn::Image DrawnWorld::silhouette(const Scene& s, int64_t side, uint64_t seed) const {
  constexpr Rgb kWhite{255, 255, 255};
  return paint(s, {.background = {}, .outer = kWhite, .core = kWhite}, side, seed);
}

}  // namespace papilio::demo
