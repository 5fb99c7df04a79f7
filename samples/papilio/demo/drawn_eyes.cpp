#include "samples/papilio/demo/drawn_eyes.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops/argmax.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/cross_entropy.h"
#include "autograd/ops/math.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape.h"
#include "nn/layers/linear.h"
#include "nn/models/vit.h"
#include "nn/module.h"
#include "nn/optim/optimizer.h"
#include "nn/optim/parameter_groups.h"
#include "nn/optim/schedule.h"
#include "samples/papilio/demo/drawn_scenes.h"
#include "samples/papilio/run/interrupt.h"
#include "tensor/creation.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace papilio::demo {

namespace {

constexpr int64_t kPatches = 4;  // of a side
constexpr int64_t kWidth = 64, kLayers = 2, kHeads = 4, kBatch = 64;
constexpr int64_t kThing =
    48;  // features that name the thing; the others its place, the background
constexpr double kRate = 4e-3, kNoise = 0.05;
constexpr uint64_t kFresh = uint64_t(1) << 40;  // seeds of pictures to measure with, from here on

// (N, 3, side, side) in [-1, 1].
Tensor tensor_of(const std::vector<nn::Image>& images, int64_t side) {
  check(!images.empty(), "eyes: expected pictures, got none");
  std::vector<float> values;
  values.reserve(images.size() * size_t(3 * side * side));
  for (const nn::Image& image : images) {
    check(image.width == side && image.height == side && image.channels == 3,
          "eyes: expected RGB pictures of ", side, "x", side, ", got ", image.width, "x",
          image.height, " of ", image.channels, " channels");
    for (size_t c = 0; c < 3; ++c)
      for (size_t i = c; i < image.pixels.size(); i += 3)
        values.push_back(float(image.pixels[i]) / 127.5f - 1);
  }
  return tensor<float>(values, {int64_t(images.size()), 3, side, side});
}

constexpr int kSubjectColours = int(kColours.size());  // a class of their own

// Pictures and what they show.
struct Drawn {
  std::vector<nn::Image> images;
  std::vector<int64_t> shapes, colours, places, backgrounds;

  void add(const DrawnWorld& world, const Scene& scene, int64_t side, uint64_t seed) {
    images.push_back(world.draw(scene, side, seed));
    shapes.push_back(scene.shape);
    colours.push_back(scene.shape == kSubject ? kSubjectColours : scene.colour);
    places.push_back(scene.place);
    backgrounds.push_back(scene.background);
  }
};

// Everything there is, shapes and digits about equally often.
std::vector<Scene> scenes_to_name() {
  std::vector<Scene> scenes = all_scenes();
  const auto add = [&](const std::vector<Scene>& more, int copies) {
    for (int i = 0; i < copies; ++i) scenes.insert(scenes.end(), more.begin(), more.end());
  };
  add(digit_scenes(), 2);
  add(digit_subject_prompts(), 2);
  add(subject_prompts(), 4);
  return scenes;
}

double share_right(const Tensor& logits, const std::vector<int64_t>& labels) {
  const std::vector<int64_t> named = argmax(logits, -1).to_vector<int64_t>();
  double right = 0;
  for (size_t i = 0; i < labels.size(); ++i) right += named[i] == labels[i];
  return right / double(labels.size());
}

// Rows divided by their lengths.
Tensor of_length_1(const Tensor& rows) {
  return rows / sqrt(sum(rows * rows, {-1}, keepdim));
}

}  // namespace

struct Eyes::Model : nn::Module {
  nn::ViTModel vit;
  nn::Linear shape, colour, place, background;

  explicit Model(int64_t side)
      : vit({.image_size = side,
             .patch_size = side / kPatches,
             .hidden_size = kWidth,
             .num_hidden_layers = kLayers,
             .num_attention_heads = kHeads,
             .intermediate_size = 2 * kWidth,
             .initializer_range = 0.1}),
        shape(kThing, kSubject + 1),
        colour(kThing, kSubjectColours + 1),
        place(kWidth - kThing, int64_t(kPlaces.size())),
        background(kWidth - kThing, int64_t(kBackgrounds.size())) {}

  // What the heads say of features (N, D).
  struct Names {
    Tensor shape, colour, place, background;
  };
  Names operator()(const Tensor& seen) {
    const Tensor thing = thing_of(seen), where = slice(seen, -1, kThing);
    return {shape(thing), colour(thing), place(where), background(where)};
  }
  static Tensor thing_of(const Tensor& seen) { return slice(seen, -1, 0, kThing); }

  void visit(nn::Visitor& v) override {
    v("vit", vit);
    v("shape", shape);
    v("colour", colour);
    v("place", place);
    v("background", background);
  }
  std::string describe() const override { return "Eyes"; }
};

Eyes::~Eyes() = default;
Eyes::Eyes(Eyes&&) noexcept = default;

Eyes::Eyes(const DrawnWorld& world, int64_t side, uint64_t seed, int64_t steps) : side_(side) {
  check(side > 0 && side % kPatches == 0, "eyes: expected a multiple of ", kPatches,
        " pixels a side, got ", side);
  const GeneratorState before = default_generator().state();
  default_generator().manual_seed(seed);
  model_ = std::make_unique<Model>(side);
  train(world, seed, steps);
  default_generator().set_state(before);
  nn::eval(*model_);
  measure(world, seed);
}

void Eyes::train(const DrawnWorld& world, uint64_t seed, int64_t steps) {
  const std::vector<Scene> scenes = scenes_to_name();
  nn::AdamW optimizer(nn::parameter_groups(*model_, {.weight_decay = 0.05}), {.lr = kRate});
  const nn::Schedule schedule{.warmup_steps = steps / 20, .total_steps = steps};
  for (int64_t step = 0; step < steps && cli::Interruptible::signal() == 0; ++step) {
    Drawn drawn;
    const std::vector<int64_t> chosen =
        randint(0, int64_t(scenes.size()), {kBatch}).to_vector<int64_t>();
    for (const int64_t i : chosen)
      drawn.add(world, scenes[size_t(i)], side_,
                seed + uint64_t(step * kBatch) + drawn.images.size());
    const Tensor images = tensor_of(drawn.images, side_);
    const Tensor seen = model_->vit(images + normal({kBatch, 3, side_, side_}, 0, kNoise));
    const auto [shape, colour, place, background] = (*model_)(seen);
    const Tensor loss = cross_entropy(shape, tensor(drawn.shapes)) +
                        cross_entropy(colour, tensor(drawn.colours)) +
                        cross_entropy(place, tensor(drawn.places)) +
                        cross_entropy(background, tensor(drawn.backgrounds));
    optimizer.zero_grad();
    backward(loss);
    nn::clip_grad_norm(optimizer.parameters(), 1);
    optimizer.set_lr(kRate * schedule.factor(step));
    optimizer.step();
  }
}

void Eyes::measure(const DrawnWorld& world, uint64_t seed) {
  const NoGrad no_grad;
  Drawn drawn;
  for (const Scene& scene : scenes_to_name())
    drawn.add(world, scene, side_, kFresh + seed + drawn.images.size());
  const auto [shape, colour, place, background] =
      (*model_)(model_->vit(tensor_of(drawn.images, side_)));
  accuracy_ = {.shape = share_right(shape, drawn.shapes),
               .colour = share_right(colour, drawn.colours),
               .place = share_right(place, drawn.places),
               .background = share_right(background, drawn.backgrounds)};
}

Tensor Eyes::features(const std::vector<nn::Image>& images) {
  const NoGrad no_grad;
  return model_->vit(tensor_of(images, side_));
}

double Eyes::likeness(const std::vector<nn::Image>& images,
                      const std::vector<nn::Image>& references) {
  const auto things = [&](const std::vector<nn::Image>& some) {
    return of_length_1(Model::thing_of(features(some)));
  };
  return mean(matmul(things(images), transpose(things(references), 0, 1))).item();
}

double Eyes::drift(const std::vector<nn::Image>& base, const std::vector<nn::Image>& adapted) {
  check(base.size() == adapted.size(), "eyes: expected as many pictures of both, got ", base.size(),
        " and ", adapted.size());
  const Tensor cosines = sum(of_length_1(features(base)) * of_length_1(features(adapted)), {-1});
  return (1 - mean(cosines).item()) / 2;
}

}  // namespace papilio::demo
