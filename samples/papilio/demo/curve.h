// Learned against kept: every method over rates, lengths of training, pretrainings and heads.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "samples/papilio/demo/experiment.h"
#include "samples/papilio/demo/methods.h"
#include "samples/papilio/demo/task.h"

namespace papilio::demo {

// One method with one value of what decides how far it goes: its rate, or COFT's eps.
struct CurveSetting {
  std::string setting;  // "3e-3", "eps 1"
  DemoMethod method;
};

// What is tried: all settings with all the others, the cheap ones first.
struct CurvePlan {
  std::vector<CurveSetting> settings = {};  // by method, the lowest rate first
  std::vector<uint64_t> pretrainings = {0, 1, 2};
  std::vector<int64_t> epochs = {20, 60};
  std::vector<bool> fitted_heads = {false, true};  // drawn, or fitted to the frozen features
  int64_t seeds = 1;                               // adaptations of each

  size_t runs() const {
    return settings.size() * pretrainings.size() * epochs.size() * fitted_heads.size() *
           size_t(seeds);
  }
};
// Everything, and what the main job shows: two settings a method, one pretraining, 20 epochs.
CurvePlan whole_curve(int64_t seeds);
CurvePlan quick_curve(uint64_t seed);

// One adapted model, all of it or a part of the way back (strength < 1). Figures are shares of the
// test pictures, of energy and of |W|, and degrees; NaN if there is none.
struct CurvePoint {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  std::string version = {};  // of the program
  std::string method = {}, label = {}, setting = {};
  std::string data = cli::kDigits;  // Task::data
  int64_t order = 0;                // of the setting, among those of its method
  uint64_t pretraining = 0, seed = 0;
  int64_t epochs = 0;
  bool fitted_head = false;
  double strength = 1;
  double before = kNone;         // the old classes before adapting
  double learned = kNone;        // the new classes
  double kept = kNone;           // the old classes under their old head
  double probed = kNone;         // the old classes under a head fitted afresh to the features
  double energy_change = kNone;  // of the adapted layers
  double weight_change = kNone;  // |W' - W| / |W| of all of them together
  double angle = kNone;          // median over all planes; methods in blocks only
};

// Runs what `points.jsonl` in `out` does not have yet and adds it there, run by run; returns all
// that belongs to the plan. A signal ends it early. `progress`: null is silent. `known`: models
// that are pretrained already, by seed.
std::vector<CurvePoint> draw_curve(const CurvePlan& plan, const Task& task,
                                   const Hyperparameters& hyperparameters, Device device,
                                   const std::filesystem::path& out, std::FILE* progress,
                                   const std::map<uint64_t, Pretrained>& known = {});

}  // namespace papilio::demo
