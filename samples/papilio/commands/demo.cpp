#include "samples/papilio/demo/demo.h"

#include <string>

#include "samples/papilio/commands/commands.h"
#include "samples/papilio/demo/methods.h"
#include "samples/papilio/options/common.h"

namespace papilio::cli {

int demo(const Words& words) {
  std::string out = "demo";
  int64_t seeds = papilio::demo::Schedule{}.seeds, seed = 0;
  bool quick = false, tune = false;
  Common common;
  Options options(
      "demo", "[options]",
      "Pretrains a small vision transformer on the digits 0-4 and adapts it to 5-9 with a frozen "
      "backbone by BOFT, OFT and LoRA, by a linear probe and by full finetuning; compares "
      "accuracy, what is kept, energy and time; merges; writes results.json and report.html.");
  options.section("Demo");
  options.add("o,out", &out, "DIR", "folder to write");
  options.add("seeds", &seeds, "N", "adaptations of each method").range(1, 100);
  options.flag("quick", quick, "few steps: shows that everything runs, measures nothing");
  options.flag("tune", tune, "only try each method with every rate, on the validation digits");
  options.add("seed", &seed, "N", "of the pretraining and the first adaptation").range(0);
  add_device(options, common);
  add_common(options, common);
  options.example("papilio demo");
  options.example("papilio demo --seeds 10 --out long");
  if (!options.parse(words)) return 0;
  set_threads(common);
  const Device device = device_of(common);
  return papilio::demo::run({.out = out,
                             .seeds = seeds,
                             .quick = quick,
                             .tune = tune,
                             .json = common.json,
                             .quiet = common.quiet,
                             .seed = uint64_t(seed),
                             .device = device});
}

}  // namespace papilio::cli
