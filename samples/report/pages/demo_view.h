// What the sections of the demo's page share.
#pragma once

#include <string_view>
#include <vector>

#include "samples/report/pages/demo_report.h"

namespace papilio::report {

// What every section of the demo's page gets: the data, and the colour of each method. A section
// adds nothing if its data are missing.
struct DemoView {
  const DemoReport& data;
  std::vector<int> slots;

  const MethodReport* find(std::string_view name_prefix) const;  // the first, or null
};

}  // namespace papilio::report
