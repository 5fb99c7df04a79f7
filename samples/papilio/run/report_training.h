// What the report says of a training: curves, speed, how it ended.
#pragma once

#include <filesystem>

#include "samples/papilio/run/training_end.h"
#include "samples/report/pages/run_report.h"

namespace papilio::cli {

// The curves come from log.csv and steps.csv in `out`, which earlier processes of a resumed run
// began.
void report_training(report::RunReport& page, const std::filesystem::path& out,
                     const TrainingEnd& end);

}  // namespace papilio::cli
