// Everything that the page about one run shows: train, finetune or evaluate. What is empty or NaN
// is left out or shown as a dash; nothing here is required.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "samples/report/pages/butterfly.h"
#include "samples/report/pages/geometry.h"
#include "samples/report/pages/html.h"
#include "samples/report/svg/grids.h"

namespace papilio::report {

struct CurvePoint {
  double epoch = kUnset, value = kUnset;
};

struct RunCurves {  // against epochs
  std::vector<CurvePoint> train_loss = {}, validation_loss = {};
  std::vector<CurvePoint> validation_accuracy = {};  // fractions
  std::vector<CurvePoint> learning_rate = {}, gradient_norm = {};
  int64_t steps_a_point = 1;  // that a point of train_loss and gradient_norm is the mean of
};

struct SampleReport {
  Picture picture = {};
  std::string name = {};                     // the file, or its number
  std::string label = {}, predicted = {};    // classes
  double confidence = kUnset;                // probability of the predicted class
  double loss = kUnset;                      // cross-entropy of the true class
  Matrix attention_last = {}, rollout = {};  // of patches
};

// A text that the model made, or went on with.
struct TextReport {
  std::string title = {}, text = {};
};

// Pictures that the model made at one time.
struct PicturesReport {
  std::string title = {}, note = {};  // "step 100", and what they are to show
  std::vector<Picture> pictures = {};
};

struct AdaptedLayerReport {
  std::string path = {};
  int64_t inputs = 0, outputs = 0;
  std::string blocks = {};           // "2 × 16 of 4 × 4"; empty if nothing rotates
  std::vector<double> degrees = {};  // rotation angles of all planes; empty if nothing rotates
  double orthogonality_error = kUnset;
  double energy_before = kUnset, energy_after = kUnset;
  double relative_change = kUnset;  // |W' - W| / |W|, Frobenius
};

struct AdapterReport {
  std::string method = {};                      // as in --method: its colour
  bool keeps_angles = true, has_scale = false;  // W' = W R with R orthogonal; a scale a row
  std::string label = {};                       // "BOFT b=4 m=2"
  std::vector<AdaptedLayerReport> layers = {};
  int64_t energy_rows = 0;  // that an energy counts at most; 0: all
  // All that are adapted; if more than `layers`, those are evenly chosen.
  int64_t layers_in_model = 0;

  ButterflyPicture butterfly = {};  // of the layer below; d = 0: not shown
  std::string picture_layer = {};
  Matrix rotation = {};     // R of that layer, or of its first coordinates
  int64_t coordinates = 0;  // of that layer

  std::vector<double> row_angles_before = {}, row_angles_after = {};  // of that layer, degrees
};

struct RunReport {
  std::string title = {};
  std::string command = {};         // "train", "finetune" or "evaluate"
  std::string subject = {};         // what was done, one sentence
  std::string stopped = {};         // why it ended early; empty if it did not
  std::string resume_command = {};  // the command that goes on
  std::vector<std::string> command_lines = {};
  std::string model_note = {}, data_note = {};

  int64_t parameters = 0, trainable = -1;  // trainable -1: not said
  int64_t steps = 0, total_steps = 0;
  double seconds = kUnset, images_per_second = kUnset;
  RunCurves curves = {};
  bool cross_entropy = true;       // the curves' loss, in nats; else an error without a unit
  bool training_is_harder = true;  // by augmentation and label smoothing, than validation

  std::string samples = "images";  // what the data are made of
  std::vector<TextReport> texts = {};
  std::vector<PicturesReport> pictures = {};  // the first ones first

  std::string part = {};  // of the data that was evaluated: "test"; empty: nothing was
  int64_t images = 0;
  double accuracy = kUnset, top5 = kUnset, loss = kUnset;
  // The old classes' test images, read with the head from before adapting.
  int64_t kept_images = 0;
  double kept_before = kUnset, kept_after = kUnset;
  std::vector<std::string> class_names = {};
  std::vector<std::vector<int64_t>> confusion = {};  // [true][predicted]
  std::vector<SampleReport> worst = {};              // the highest loss first
  std::vector<SampleReport> attention = {};
  std::string attention_missing = {};  // why there is none
  bool class_token = true;             // whose attention it is; else the mean over the tokens

  AdapterReport adapter = {};
  std::vector<Setting> settings = {}, environment = {};
};

// The whole report.html.
std::string render(const RunReport& report);

}  // namespace papilio::report
