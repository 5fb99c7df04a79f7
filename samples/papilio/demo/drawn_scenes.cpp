#include "samples/papilio/demo/drawn_scenes.h"

#include <cstddef>
#include <memory>
#include <string>

#include "nn/data/dataset.h"
#include "tensor/error.h"

namespace papilio::demo {

namespace {

constexpr int kShapeCount = int(kShapes.size()), kColourCount = int(kColours.size()),
              kPlaceCount = int(kPlaces.size()), kBackgroundCount = int(kBackgrounds.size());

class DrawnPictures : public nn::Dataset<nn::CaptionedImage> {
 public:
  DrawnPictures(const DrawnWorld& world, const std::vector<Scene>& scenes, int64_t copies,
                int64_t side, uint64_t seed, bool with_silhouettes)
      : Dataset({"picture"}),
        world_(std::make_shared<DrawnWorld>(world)),
        scenes_(scenes),
        size_(copies * int64_t(scenes.size())),
        side_(side),
        seed_(seed),
        with_silhouettes_(with_silhouettes) {}

  int64_t size() const override { return size_; }
  int64_t label(int64_t) const override { return 0; }
  std::string own_name(int64_t) const override { return ""; }
  const char* kind() const override { return "picture"; }
  nn::CaptionedImage sample(int64_t i) const override {
    const Scene& scene = scenes_[size_t(i) % scenes_.size()];
    const auto drawn = [this, scene, seed = seed_ + uint64_t(i)](auto how) {
      return [world = world_, scene, seed, side = side_, how] {
        return ((*world).*how)(scene, side, seed);
      };
    };
    nn::CaptionedImage image{caption(scene), drawn(&DrawnWorld::draw)};
    if (with_silhouettes_) image.read_conditioning = drawn(&DrawnWorld::silhouette);
    return image;
  }

 private:
  std::shared_ptr<const DrawnWorld> world_;
  std::vector<Scene> scenes_;
  int64_t size_, side_;
  uint64_t seed_;
  bool with_silhouettes_;
};

}  // namespace

std::vector<Scene> all_scenes() {
  std::vector<Scene> scenes;
  for (int shape = 0; shape < kShapeCount; ++shape)
    for (int colour = 0; colour < kColourCount; ++colour)
      for (int place = 0; place < kPlaceCount; ++place)
        for (int background = 0; background < kBackgroundCount; ++background)
          scenes.push_back({shape, colour, place, background});
  return scenes;
}

std::vector<Scene> digit_scenes() {
  std::vector<Scene> scenes;
  for (int shape = kFirstDigit; shape < kFirstDigit + 10; ++shape)
    for (int colour = 0; colour < kColourCount && shape != kNewDigit; ++colour)
      for (int background = 0; background < kBackgroundCount; ++background)
        scenes.push_back({shape, colour, kMiddle, background});
  return scenes;
}

std::vector<Scene> control_scenes() {
  std::vector<Scene> scenes;
  for (int shape = 0; shape < kShapeCount; ++shape)
    for (int colour = 0; colour < kColourCount; ++colour)
      for (int background = 0; background < kBackgroundCount; ++background)
        scenes.push_back({shape, colour, kAnywhere, background});
  return scenes;
}

std::vector<Scene> subject_scenes() {
  std::vector<Scene> scenes;
  scenes.reserve(kPlaces.size());
  for (int place = 0; place < kPlaceCount; ++place)
    scenes.push_back({kSubject, 0, place, place % kHeldBackground});
  return scenes;
}

std::vector<Scene> digit_subject_scenes() {
  std::vector<Scene> scenes;
  scenes.reserve(kColours.size());
  for (int colour = 0; colour < kColourCount; ++colour)
    scenes.push_back({kNewDigit, colour, kMiddle, colour % kHeldBackground});
  return scenes;
}

std::vector<Scene> subject_prompts() {
  std::vector<Scene> scenes;
  for (int place = 0; place < kPlaceCount; ++place)
    for (int background = 0; background < kBackgroundCount; ++background)
      scenes.push_back({kSubject, 0, place, background});
  return scenes;
}

std::vector<Scene> digit_subject_prompts() {
  std::vector<Scene> scenes;
  for (int colour = 0; colour < kColourCount; ++colour)
    for (int background = 0; background < kBackgroundCount; ++background)
      scenes.push_back({kNewDigit, colour, kMiddle, background});
  return scenes;
}

std::vector<Scene> other_scenes() {
  std::vector<Scene> scenes;
  for (int i = 0; i < kShapeCount * kColourCount; ++i) {  // 4 and 5 have no common factor
    const int background = i / kColourCount;
    scenes.push_back(
        {i % kShapeCount, i % kColourCount, (2 * i + background) % kPlaceCount, background});
  }
  return scenes;
}

nn::CaptionedData drawn_pictures(const DrawnWorld& world, const std::vector<Scene>& scenes,
                                 int64_t copies, int64_t side, uint64_t seed,
                                 bool with_silhouettes) {
  check(!scenes.empty() && copies >= 1, "drawn_pictures: expected scenes and copies, got ",
        scenes.size(), " and ", copies);
  return std::make_shared<DrawnPictures>(world, scenes, copies, side, seed, with_silhouettes);
}

}  // namespace papilio::demo
