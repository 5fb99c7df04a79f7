#include "samples/papilio/demo/generation_rates.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace papilio::demo {

const char* const kGenerationRateRule =
    "Every method is tried once with each rate of its list, with noise and a seed that are used "
    "for nothing else; of the rates whose fidelity is at least 90 % it keeps the one with the "
    "highest likeness, and if there is none the one with the highest fidelity.";

namespace {

constexpr double kLeastFidelity = 0.9;

}  // namespace

Rates chosen_rates(const std::vector<GenerationRun>& tried) {
  std::map<std::string, const GenerationRun*> best;
  // Above all enough fidelity, then likeness; without it fidelity.
  const auto worth = [](const GenerationRun& run) {
    const GenerationPoint& p = run.points.back();
    const bool enough = p.fidelity >= kLeastFidelity;
    return std::pair(enough, enough ? p.likeness : p.fidelity);
  };
  for (const GenerationRun& run : tried) {
    const GenerationRun*& so_far = best[run.method];
    if (so_far == nullptr || worth(run) > worth(*so_far)) so_far = &run;
  }
  Rates rates;
  for (const auto& [method, run] : best) rates[method] = run->lr;
  return rates;
}

}  // namespace papilio::demo
