// Which scenes of the drawn world are for pretraining, for learning a subject, and for asking.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/data/sources/captioned_images.h"
#include "samples/papilio/demo/drawn_world.h"

namespace papilio::demo {

// On this background no new subject is ever shown.
inline constexpr int kHeldBackground = 3;

// Pretraining's, all there are of shapes (400), and of digits other than 5, in the middle (180).
std::vector<Scene> all_scenes();
std::vector<Scene> digit_scenes();
// Shapes anywhere (80): their captions name no place, so that only a silhouette can say it.
std::vector<Scene> control_scenes();

// The five pictures that a new subject is learned from: the ring with a core at each place, and
// digit 5 in each colour, on all backgrounds but kHeldBackground.
std::vector<Scene> subject_scenes();
std::vector<Scene> digit_subject_scenes();
// What is asked of the adapted model: at each place, or in each colour, on every background (20).
std::vector<Scene> subject_prompts();
std::vector<Scene> digit_subject_prompts();
// Scenes of pretraining that show what it forgets: each shape in each colour once (20), places and
// backgrounds equally often.
std::vector<Scene> other_scenes();

// `copies` pictures of each scene, with their captions and, if asked, their silhouettes to
// condition on: picture i is of scenes[i % scenes.size()] and seed + i, drawn when it is read.
// Throws ArgumentError if there would be none.
nn::CaptionedData drawn_pictures(const DrawnWorld& world, const std::vector<Scene>& scenes,
                                 int64_t copies, int64_t side, uint64_t seed,
                                 bool with_silhouettes = false);

}  // namespace papilio::demo
