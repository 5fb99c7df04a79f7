// What the report shows of an adapter.
#pragma once

#include "boft/model/model.h"
#include "samples/report/pages/run_report.h"

namespace papilio::cli {

// What the first active adapter does to the layers it is on; nothing without adapters.
void report_adapter(report::RunReport& page, const boft::AdapterModel* adapters);

}  // namespace papilio::cli
