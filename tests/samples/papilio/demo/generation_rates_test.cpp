#include "samples/papilio/demo/generation_rates.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace papilio::test {

namespace {

demo::GenerationRun tried(const std::string& method, double lr, double likeness, double fidelity) {
  return {.method = method,
          .lr = lr,
          .points = {{.steps = 1, .likeness = 1, .fidelity = 1},
                     {.steps = 2, .likeness = likeness, .fidelity = fidelity}}};
}

}  // namespace

TEST_CASE(
    "demo generation: each method keeps the rate of the highest likeness among the faithful") {
  const demo::Rates rates = demo::chosen_rates({
      tried("boft", 1e-3, 0.2, 1), tried("boft", 3e-3, 0.4, 0.9),
      tried("boft", 1e-2, 0.9, 0.89),  // the likest, and too few backgrounds as asked
      tried("lora", 1e-3, 0.9, 0.5),
      tried("lora", 3e-3, 0.1, 0.7),  // none is faithful: the most faithful one
      tried("full", 1e-4, 0.3, 0.95), tried("full", 3e-4, 0.3, 1),  // no better: the first stays
  });
  CHECK(rates == demo::Rates{{"boft", 3e-3}, {"full", 1e-4}, {"lora", 3e-3}});
}

}  // namespace papilio::test
