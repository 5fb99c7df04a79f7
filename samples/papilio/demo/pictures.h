// Fills the report with what the runs of seed 0 look like inside.
#pragma once

#include <string>
#include <vector>

#include "samples/papilio/demo/experiment.h"
#include "samples/papilio/demo/results.h"
#include "samples/papilio/demo/task.h"
#include "samples/report/pages/demo_report.h"

namespace papilio::demo {

// Curves of all seeds of one method.
void add_curves(report::MethodReport& method, const std::vector<Run>& runs);
// Rotation angles by layer (BOFT and OFT), row angles of `layer`, and the digits taken for others.
void add_inside(report::MethodReport& method, Run& run, const Task& task, const std::string& layer);
// R_total of `layer` in a BOFT run, and its butterfly.
void add_rotation(report::DemoReport& report, Run& run, const std::string& layer);
// Attention of the class token in the last layer, for the pretrained model and two runs.
void add_attention(report::DemoReport& report, const Pretrained& pretrained,
                   const std::vector<Run*>& runs, const Task& task);
// Angles in degrees between all pairs of rows.
std::vector<double> row_angles(const Tensor& weight);

}  // namespace papilio::demo
