// Everything that the page about the main job shows. What is empty or NaN is left out or shown as
// a dash; nothing here is required.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "samples/report/pages/butterfly.h"
#include "samples/report/pages/curve_report.h"
#include "samples/report/pages/geometry.h"
#include "samples/report/pages/html.h"
#include "samples/report/svg/grids.h"

namespace papilio::report {

struct Estimate {  // over seeds
  double mean = kUnset;
  double std = kUnset;
};

struct SeedCurves {
  std::vector<double> steps = {};
  std::vector<std::vector<double>> seeds = {};  // one curve a seed, as long as steps
};

struct MethodReport {
  std::string name = {};   // as in results.json: boft_b4_m2
  std::string label = {};  // as on the page: BOFT b=4 m=2
  int64_t trainable_parameters = 0;
  double trainable_fraction = kUnset;             // of all parameters of the adapted model
  Estimate accuracy_new = {}, accuracy_old = {};  // fractions of the test digits
  double energy_before = kUnset, energy_after = kUnset;
  double step_seconds = kUnset, step_ratio = kUnset;
  double learning_rate = kUnset;

  SeedCurves loss = {};                                         // training loss
  SeedCurves accuracy_new_curve = {}, accuracy_old_curve = {};  // fractions
  std::vector<LayerAngles> rotation_angles = {};                // BOFT and OFT only
  // Angles in degrees between all pairs of rows of one weight after adapting, pairs in the order of
  // DemoReport::base_row_angles.
  std::vector<double> row_angles = {};
  std::vector<Tile> misclassified = {};  // overlay unused; caption "5 → 3", true to predicted
};

struct AttentionExample {
  Picture picture = {};
  int label = 0;
  std::vector<Matrix> maps = {};  // one for each of DemoReport::attention_titles, grid of patches
};

struct DemoReport {
  std::string title = "Orthogonal finetuning on handwritten digits";
  std::string data_note = {};   // what the images are, their source and licence
  std::string model_note = {};  // "ViT, 3 layers, width 64, ..."
  int64_t model_parameters = 0;
  std::string old_classes = "0\u20134";    // pretrained on
  std::string new_classes = "5\u20139";    // adapted to
  int seeds = 0;                           // adaptation runs of each method
  double pretrain_accuracy = kUnset;       // held-out old digits, before adapting
  std::vector<MethodReport> methods = {};  // in the table's order

  CurveReport curve = {};

  ButterflyPicture butterfly = {};  // of the layer below; d = 0: not shown
  std::string rotation_layer = {};
  Matrix rotation = {};  // R_total of that layer

  std::string row_angles_layer = {};
  std::vector<double> base_row_angles = {};

  std::vector<std::string> attention_titles = {};  // "pretrained", "BOFT b=4 m=2", ...
  std::vector<AttentionExample> attention = {};

  double merge_max_difference = kUnset;  // of merged against unmerged logits
  double merge_tolerance = 1e-4;
  int64_t merge_images = 0;
  std::string adapter_folder = {};

  std::string learning_rate_rule = {};    // one or two sentences
  std::vector<Setting> settings = {};     // hyper-parameters
  std::vector<Setting> environment = {};  // threads, compiler, seeds, date, command, seconds
};

// The whole report.html.
std::string render(const DemoReport& report);

}  // namespace papilio::report
