// What the main job measured, as a table for the terminal and as results.json.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "samples/papilio/demo/curve.h"
#include "samples/papilio/demo/methods.h"
#include "tensor/device.h"

namespace papilio::demo {

struct Estimate {
  double mean = 0, std = 0;  // over the seeds; the sample's standard deviation, 0 for one seed
};
Estimate estimate(const std::vector<double>& values);

struct MethodResult {
  DemoMethod method;
  int64_t trainable_parameters = 0;
  double trainable_fraction = 0;  // of all parameters of the model with the adapter
  std::vector<double> new_digits = {}, old_digits = {};  // test accuracy by seed, fractions
  double energy_before = 0, energy_after = 0;  // of the adapted layers, mean over the seeds
  double step_seconds = 0, step_ratio = 0;
};

struct Results {
  Device device = Device::cpu();
  double pretrain_accuracy = 0;
  std::vector<MethodResult> methods = {};
  std::vector<CurvePoint> curve = {};
  double merge_max_difference = 0;
  double seconds = 0;
  bool interrupted = false;  // methods are missing
};

// One row a method, aligned.
std::string table(const Results& results);
// results.json, indented.
std::string to_json(const Results& results);

}  // namespace papilio::demo
