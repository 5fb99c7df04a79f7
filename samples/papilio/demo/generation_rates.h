// The rule by which every method gets its rate.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "samples/papilio/demo/generation.h"

namespace papilio::demo {

using Rates = std::map<std::string, double>;  // by method
// In a sentence.
extern const char* const kGenerationRateRule;
// The rates that it chooses of what was tried.
Rates chosen_rates(const std::vector<GenerationRun>& tried);

}  // namespace papilio::demo
