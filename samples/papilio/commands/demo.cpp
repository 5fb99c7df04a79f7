#include "samples/papilio/demo/demo.h"
#include "samples/papilio/demo/generation.h"
#include "samples/papilio/demo/language.h"

#include <cstdint>
#include <string>
#include <vector>

#include "samples/papilio/commands/commands.h"
#include "samples/papilio/data/digits.h"
#include "samples/papilio/demo/methods.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/keys.h"
#include "samples/papilio/options/options.h"

namespace papilio::cli {

int demo(const Words& words) {
  std::string what = "digits", out = "demo";
  int64_t seeds = papilio::demo::Hyperparameters{}.seeds, seed = 0;
  int64_t pretrainings = 3;
  std::string epochs = "20,60", heads = "both", data = kDigits;
  bool quick = false, tune = false, curve = false;
  Common common;
  Options options(
      "demo", "[WHAT] [options]",
      "Pretrains a small vision transformer on the digits 0-4 and adapts it to 5-9 with a frozen "
      "backbone by BOFT, OFT and LoRA, by a linear probe and by full finetuning; compares "
      "accuracy, what is kept, energy and time; merges; writes results.json and report.html. "
      "Of language: a small GPT-2 learns Jane Austen, then the King James Version's Genesis, by "
      "every method over rates and steps. Of generation: a small Stable Diffusion learns pictures "
      "that the program draws, then two subjects from five pictures each by BOFT, OFT, LoRA and in "
      "full, "
      "each at the rate that keeps nine backgrounds of ten as asked and has the highest likeness, "
      "and to follow silhouettes; what it pretrained is kept in the folder and used again.");
  options.section("Demo");
  options.add("WHAT", &what, "", "digits, language or generation")
      .choices({"digits", "language", "generation"});
  add_out(options, out);
  options.add("seeds", &seeds, "N", "adaptations of each method").range(1, 100);
  options.flag("quick", quick, "few steps: shows that everything runs, measures nothing");
  options.add(
      kDataKey, &data, "PATH",
      "--curve: the digits, or pictures as train reads them (such as CIFAR-10's), brought to "
      "32x32: the first half of their classes, in the order of their names, is learned in 8 "
      "epochs, then the others in 3");
  options.flag("curve", curve,
               "only draw what is learned against what is kept: every method over rates, epochs, "
               "heads and three pretrainings, into points.jsonl, curve.json and curve.html; goes "
               "on with the points in the folder, and pretrains again");
  options.add("pretrainings", &pretrainings, "N", "--curve: models to begin with").range(1, 100);
  options.add("curve-epochs", &epochs, "LIST", "--curve: lengths of training: 20, 60 or 20,60")
      .choices({"20", "60", "20,60"});
  options.add("curve-heads", &heads, "WHICH", "--curve: new heads: drawn, fitted or both")
      .choices({"drawn", "fitted", "both"});
  options.flag("tune", tune, "only try each method with every rate, on the validation digits");
  options.add("seed", &seed, "N", "of the pretraining and the first adaptation").range(0);
  add_common_and_device(options, common);
  options.example("papilio demo");
  options.example("papilio demo --seeds 10 --out long");
  options.example("papilio demo language --out language");
  options.example("papilio demo generation --out generation");
  options.example("papilio demo --curve --seeds 1 --out curve");
  options.example("papilio demo --curve --data cifar --pretrainings 1 --seeds 1 --out photographs");
  if (!options.parse(words)) return 0;
  const bool digits = what == "digits";
  options.applies_when(what != "language", {&seeds}, "the digits and generation");
  options.applies_when(digits, {&curve, &tune}, "the digits");
  options.applies_when(curve, {&pretrainings, &epochs, &heads, &data}, "--curve");
  options.applies_when(data == kDigits, {&epochs}, "the digits");
  options.applies_when(!curve, {&tune}, "the main job, which --curve is not");
  set_threads(common);
  const Device device = device_of(common);
  const papilio::demo::DemoOptions settings{
      .out = out,
      .seeds = seeds,
      .data = data,
      .quick = quick,
      .curve = curve,
      .pretrainings = pretrainings,
      .curve_epochs = epochs == "20"   ? std::vector<int64_t>{20}
                      : epochs == "60" ? std::vector<int64_t>{60}
                                       : std::vector<int64_t>{20, 60},
      .fitted_heads = heads == "drawn"    ? std::vector<bool>{false}
                      : heads == "fitted" ? std::vector<bool>{true}
                                          : std::vector<bool>{false, true},
      .tune = tune,
      .json = common.json,
      .quiet = common.quiet,
      .seed = uint64_t(seed),
      .device = device};
  if (what == "language") return papilio::demo::run_language(settings);
  return digits ? papilio::demo::run(settings) : papilio::demo::run_generation(settings);
}

}  // namespace papilio::cli
