// What the report shows of an adapter.
#pragma once

#include <string>

#include "boft/model/model.h"
#include "samples/report/pages/run_report.h"

namespace papilio::cli {

// "BOFT b=4 m=2", "OFT b=8", "LoRA r=4"
std::string adapter_label(const boft::AdapterConfig& config);

// What the first active adapter does to the layers it is on; nothing without adapters.
void report_adapter(report::RunReport& page, const boft::AdapterModel* adapters);

}  // namespace papilio::cli
