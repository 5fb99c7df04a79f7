// Which scenes are for what: the subjects are none of pretraining's, and the data draw them.
#include "samples/papilio/demo/drawn_scenes.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tensor/error.h"
#include "tests/samples/papilio/demo/drawn.h"

namespace papilio::test {

using demo::Scene;

namespace {

std::set<std::string> captions(const std::vector<Scene>& scenes) {
  std::set<std::string> all;
  for (const Scene& scene : scenes) all.insert(demo::caption(scene));
  return all;
}

}  // namespace

TEST_CASE("drawn scenes: pretraining's captions are distinct, and show no new subject") {
  std::vector<Scene> scenes = demo::all_scenes();
  CHECK(scenes.size() == 4 * 5 * 5 * 4);
  const std::vector<Scene> digits = demo::digit_scenes(), anywhere = demo::control_scenes();
  CHECK(digits.size() == 9 * 5 * 4);
  CHECK(anywhere.size() == 4 * 5 * 4);
  scenes.insert(scenes.end(), digits.begin(), digits.end());
  scenes.insert(scenes.end(), anywhere.begin(), anywhere.end());
  CHECK(captions(scenes).size() == scenes.size());
  for (const Scene& scene : scenes) {
    CHECK(scene.shape != demo::kSubject);
    CHECK(scene.shape != demo::kNewDigit);
    CHECK(demo::caption(scene).find("sks") == std::string::npos);
    CHECK(demo::caption(scene).find("five") == std::string::npos);
  }
  CHECK(demo::all_scenes() == demo::all_scenes());
  CHECK(demo::all_scenes()[1] == Scene{0, 0, 0, 1});
}

TEST_CASE("drawn scenes: five pictures of a subject, never on the background held back") {
  const auto check_subject = [](const std::vector<Scene>& five, const std::vector<Scene>& prompts) {
    CHECK(five.size() == 5);
    CHECK(captions(five).size() == 5);
    std::set<int> seen;
    for (const Scene& scene : five) seen.insert(scene.background);
    CHECK(seen == std::set<int>{0, 1, 2});
    CHECK(prompts.size() == 20);
    CHECK(captions(prompts).size() == 20);
    std::map<int, int> asked;
    for (const Scene& scene : prompts) {
      ++asked[scene.background];
      CHECK(scene.shape == five[0].shape);
    }
    CHECK(asked == std::map<int, int>{{0, 5}, {1, 5}, {2, 5}, {3, 5}});
    for (const Scene& scene : five) CHECK(std::count(prompts.begin(), prompts.end(), scene) == 1);
  };
  check_subject(demo::subject_scenes(), demo::subject_prompts());
  check_subject(demo::digit_subject_scenes(), demo::digit_subject_prompts());
  CHECK(demo::kHeldBackground == 3);
}

TEST_CASE("drawn scenes: the other prompts cover shapes, colours, places and backgrounds evenly") {
  const std::vector<Scene> scenes = demo::other_scenes(), all = demo::all_scenes();
  std::set<std::pair<int, int>> things;
  std::map<int, int> places, backgrounds;
  for (const Scene& scene : scenes) {
    things.insert({scene.shape, scene.colour});
    ++places[scene.place];
    ++backgrounds[scene.background];
    CHECK(std::count(all.begin(), all.end(), scene) == 1);
  }
  CHECK(things.size() == 20);
  CHECK(places == std::map<int, int>{{0, 4}, {1, 4}, {2, 4}, {3, 4}, {4, 4}});
  CHECK(backgrounds == std::map<int, int>{{0, 5}, {1, 5}, {2, 5}, {3, 5}});
}

TEST_CASE("drawn_pictures: copies of every scene, each of a seed of its own") {
  const std::vector<Scene> scenes{{.shape = 0, .place = 0}, {.shape = 1, .place = 1}};
  const nn::CaptionedData data = demo::drawn_pictures(world(), scenes, 3, 16, 100);
  REQUIRE(data->size() == 6);
  CHECK_FALSE(nn::has_conditioning(data));
  for (int64_t i = 0; i < 6; ++i) {
    const nn::CaptionedImage image = data->sample(i);
    const Scene& scene = scenes[size_t(i % 2)];
    CHECK(image.caption == demo::caption(scene));
    CHECK(image.read() == world().draw(scene, 16, 100 + uint64_t(i)));
  }
  CHECK(data->sample(0).read() != data->sample(2).read());
  const nn::CaptionedData steered = demo::drawn_pictures(world(), scenes, 1, 16, 100, true);
  CHECK(nn::has_conditioning(steered));
  CHECK(steered->sample(1).read_conditioning() == world().silhouette(scenes[1], 16, 101));
  CHECK_THROWS_WITH_AS(demo::drawn_pictures(world(), {}, 1, 16, 0),
                       "drawn_pictures: expected scenes and copies, got 0 and 1", ArgumentError);
  CHECK_THROWS_AS(demo::drawn_pictures(world(), scenes, 0, 16, 0), ArgumentError);
}

}  // namespace papilio::test
