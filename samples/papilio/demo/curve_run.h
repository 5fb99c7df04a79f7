// papilio demo --curve, and the curves on the main job's page.
#pragma once

#include <vector>

#include "samples/papilio/demo/curve.h"
#include "samples/papilio/demo/demo.h"
#include "samples/papilio/demo/experiment.h"
#include "samples/papilio/demo/methods.h"
#include "samples/papilio/demo/task.h"
#include "samples/report/pages/curve_report.h"

namespace papilio::demo {

report::CurveReport curve_report(const std::vector<CurvePoint>& points);

// Draws all curves, or goes on with those that are begun; writes curve.json and curve.html of what
// there is, and prints the table. Returns the exit code.
int run_curve(const DemoOptions& options, const Task& task, const Hyperparameters& hyperparameters);

}  // namespace papilio::demo
