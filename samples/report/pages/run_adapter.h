// Sections of a run's page: what the adapter turned, and how far. They add nothing without one.
#pragma once

#include "samples/report/pages/html.h"
#include "samples/report/pages/run_report.h"

namespace papilio::report {

void add_adapter(Document& page, const RunReport& report);

}  // namespace papilio::report
