// A small vision transformer that looks at pictures of the drawn world: how alike two are.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "nn/data/formats/image.h"
#include "samples/papilio/demo/drawn_world.h"
#include "tensor/tensor.h"

namespace papilio::demo {

// Shares of pictures that it names rightly.
struct EyesAccuracy {
  double shape = 0, colour = 0, place = 0, background = 0;
};

// A ViT trained to name shape (or digit), colour, place and background of pretraining's scenes and
// of the new subjects, each a shape of its own: who learns them is judged by one that knows them.
// Pictures are compared by the cosine of its features, the class token behind the last layer; a
// part of them names the thing (shape and colour), the rest where it stands and on what.
class Eyes {
 public:
  static constexpr int64_t kSteps = 800;

  // Trains it, on pictures of `side` pixels, a multiple of 4, or until a signal comes. The same
  // seed gives the same bits; the default generator is left as it was.
  Eyes(const DrawnWorld& world, int64_t side, uint64_t seed, int64_t steps = kSteps);
  ~Eyes();
  Eyes(Eyes&&) noexcept;

  // On pictures of these scenes that it was not trained on.
  const EyesAccuracy& accuracy() const { return accuracy_; }
  // (N, D). Throws ArgumentError for pictures of another size and for none.
  Tensor features(const std::vector<nn::Image>& images);
  // Mean cosine of all pairs of a picture's thing and a reference's: -1 to 1.
  double likeness(const std::vector<nn::Image>& images, const std::vector<nn::Image>& references);
  // Mean of (1 - cos) / 2 of all features of base[i] and adapted[i]: 0 to 1.
  double drift(const std::vector<nn::Image>& base, const std::vector<nn::Image>& adapted);

 private:
  struct Model;

  void train(const DrawnWorld& world, uint64_t seed, int64_t steps);
  void measure(const DrawnWorld& world, uint64_t seed);

  int64_t side_;
  std::unique_ptr<Model> model_;
  EyesAccuracy accuracy_;
};

}  // namespace papilio::demo
