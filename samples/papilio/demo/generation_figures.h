// Figures of `papilio demo generation`: pictures side by side, and curves over its runs.
#pragma once

#include <string>
#include <vector>

#include "nn/data/formats/image.h"
#include "samples/papilio/demo/generation.h"
#include "samples/papilio/demo/results.h"
#include "samples/report/svg/lines.h"

namespace papilio::demo {

// The pictures row by row, each pixel a square.
std::string pictures_figure(const std::string& title, const std::vector<nn::Image>& images,
                            int columns, double side);

// The runs of one method; the first is measured along its way, all at their ends.
using Runs = std::vector<const GenerationRun*>;

// A field's mean and deviation over runs: of the base model, and at their ends.
Estimate at_base(const Runs& runs, double GenerationPoint::*field);
Estimate at_end(const Runs& runs, double GenerationPoint::*field);

// Likeness against drift along each method's first run, from the base model on.
report::LineChart forgetting_chart(const std::vector<Runs>& methods);
// A field over the steps of each method's first run.
report::LineChart steps_chart(const std::vector<Runs>& methods, double GenerationPoint::*field,
                              const std::string& title, const std::string& label);
// Likeness against drift at the ends of all runs, and where the base model is.
report::ScatterChart ends_chart(const std::vector<Runs>& methods);

}  // namespace papilio::demo
