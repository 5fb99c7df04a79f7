// Sections of the demo's page: what the rotation does to the weights.
#pragma once

#include "samples/report/pages/demo_report.h"
#include "samples/report/pages/demo_view.h"
#include "samples/report/pages/html.h"

namespace papilio::report {

void add_rotation(Document& page, const DemoView& view);
void add_rotation_angles(Document& page, const DemoView& view);
void add_row_angles(Document& page, const DemoView& view);
void add_energy(Document& page, const DemoView& view);

// Relative change of the hyperspherical energy in percent; NaN if it is not known.
double energy_change(const MethodReport& method);

}  // namespace papilio::report
