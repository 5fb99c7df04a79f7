// A subject that the pretraining did not see, learned from five pictures by every method.
#pragma once

#include <string>
#include <vector>

#include "samples/papilio/demo/drawn_scenes.h"
#include "samples/papilio/demo/drawn_world.h"
#include "samples/papilio/demo/generation.h"
#include "samples/papilio/demo/generation_plan.h"
#include "samples/papilio/demo/generation_rates.h"

namespace papilio::demo {

struct SubjectTask {
  std::string folder, name, prompt;  // below options.out; for people; what calls it
  std::vector<Scene> scenes;         // what is learned from
  std::vector<Scene> prompts;        // what is asked then
};
SubjectTask ring_task();
SubjectTask five_task();

// Tries the rates if `rates` has none and fills it in; then a run of each method and seed. The
// adapters of the first seed are written below the task's folder. A signal ends it with the runs
// that are whole.
SubjectResults learn_subject(const GenerationStage& stage, const SubjectTask& task, Rates& rates);

}  // namespace papilio::demo
