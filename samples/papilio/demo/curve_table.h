// What the curves say: how much is kept where equally much is learned, and what goes with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "samples/papilio/demo/curve.h"
#include "samples/papilio/demo/results.h"

namespace papilio::demo {

// The accuracies on the new classes at which methods are compared, ascending: 0.90, 0.93 and 0.95
// of the digits. Of others, a third, two thirds and the whole of the way from what the linear probe
// learns to what the method that learns least of those above it does at its best rate, in whole
// percent; none while the probe's run is missing, or if no method learns more.
std::vector<double> levels_of(const std::vector<CurvePoint>& points);

// Kept where `learned` is reached: along the points, in the order of their rates, the first two
// between which it lies, and a straight line between them. Nothing if it is never reached; the
// first point's if that has learned more already, which `above` then says.
struct Crossing {
  double kept = 0;
  bool above = false;
};
std::optional<Crossing> kept_at(const std::vector<CurvePoint>& points, double learned);

// One row: a method at one length of training and one kind of head.
struct CurveRow {
  std::string method = {}, label = {};
  int64_t epochs = 0;
  bool fitted_head = false;
  struct Level {
    double learned = 0;
    Estimate kept = {};  // mean and standard deviation over the pretrainings that reached it
    int reached = 0, above = 0, of = 0;
  };
  std::vector<Level> levels = {};            // as levels_of
  double probed_least = 0, probed_most = 0;  // under a fresh head, over all its points
};
// Whole runs only (strength 1); seeds of one pretraining are averaged first.
std::vector<CurveRow> read_levels(const std::vector<CurvePoint>& points);

// How far what is kept goes with a measure, over all whole runs: rank correlation (Spearman).
struct Correlation {
  std::string measure = {};
  double rho = 0;
  size_t points = 0;
};
std::vector<Correlation> correlations(const std::vector<CurvePoint>& points);

// Seeds and pretrainings averaged: one point for each setting, in the plan's order.
std::vector<CurvePoint> means(const std::vector<CurvePoint>& points);

std::string curve_text(const std::vector<CurvePoint>& points);
std::string curve_json(const std::vector<CurvePoint>& points);

}  // namespace papilio::demo
