#pragma once

#include <string_view>
#include <vector>

#include "samples/report/pages/demo_report.h"
#include "samples/report/pages/html.h"

// Parts of the demo's page, in reading order. Each adds nothing when its data are missing.
namespace papilio::report {

struct DemoView {
  const DemoReport& data;
  std::vector<int> slots;  // colour of each method

  const MethodReport* find(std::string_view name_prefix) const;  // the first, or null
};

void add_summary(Document& page, const DemoView& view);
void add_results(Document& page, const DemoView& view);
void add_learning(Document& page, const DemoView& view);
void add_forgetting(Document& page, const DemoView& view);
void add_rotation(Document& page, const DemoView& view);
void add_rotation_angles(Document& page, const DemoView& view);
void add_row_angles(Document& page, const DemoView& view);
void add_energy(Document& page, const DemoView& view);
void add_attention(Document& page, const DemoView& view);
void add_mistakes(Document& page, const DemoView& view);
void add_merging(Document& page, const DemoView& view);
void add_making(Document& page, const DemoView& view);

// Relative change of the hyperspherical energy in percent; NaN if it is not known.
double energy_change(const MethodReport& method);

}  // namespace papilio::report
