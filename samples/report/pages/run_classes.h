// Sections of a run's page: class by class, the hardest images, where the model looks. Each adds
// nothing if its data are missing.
#pragma once

#include "samples/report/pages/html.h"
#include "samples/report/pages/run_report.h"

namespace papilio::report {

void add_classes(Document& page, const RunReport& report);
void add_worst(Document& page, const RunReport& report);
void add_attention(Document& page, const RunReport& report);

}  // namespace papilio::report
