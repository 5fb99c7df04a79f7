#include "samples/report/pages/demo_geometry.h"

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "samples/report/pages/geometry.h"
#include "samples/report/svg/bars.h"
#include "samples/report/svg/text.h"

namespace papilio::report {

double energy_change(const MethodReport& method) {
  if (!(std::abs(method.energy_before) > 0)) return kUnset;
  return 100 * (method.energy_after - method.energy_before) / method.energy_before;
}

void add_rotation(Document& page, const DemoView& view) {
  const DemoReport& data = view.data;
  if (data.butterfly.d <= 0 && !data.rotation.valid()) return;
  page.section("rotation", "The rotation");
  show_rotation(
      page, data.butterfly, data.rotation,
      data.rotation_layer.empty() ? "of one adapted layer" : "of " + code(data.rotation_layer));
}

void add_rotation_angles(Document& page, const DemoView& view) {
  std::vector<MethodAngles> methods;
  for (size_t i = 0; i < view.data.methods.size(); ++i) {
    const MethodReport& method = view.data.methods[i];
    if (method.rotation_angles.empty()) continue;
    methods.push_back({method.label, view.slots[i], method.rotation_angles});
  }
  if (methods.empty()) return;
  page.section("angles", "How far each layer turned");
  page.figure(
      {angles_chart(methods)},
      "Every dot is one plane of one small rotation, the bar their median. A plane that stayed at "
      "0\u00B0 learned nothing; look which layers turn most, and whether the methods agree.");
}

void add_row_angles(Document& page, const DemoView& view) {
  const DemoReport& data = view.data;
  std::vector<RowAngles> after;
  for (size_t i = 0; i < data.methods.size(); ++i) {
    const MethodReport& method = data.methods[i];
    if (!method.row_angles.empty())
      after.push_back({method.label, view.slots[i], method.row_angles});
  }
  if (data.base_row_angles.empty() || after.empty()) return;
  page.section("rows", "What a rotation keeps");
  show_row_angles(page, data.base_row_angles, after, data.row_angles_layer);
}

void add_energy(Document& page, const DemoView& view) {
  BarChart chart{.title = "Change of hyperspherical energy"};
  chart.value.label = "change from before adapting to after (%)";
  chart.width = 620;
  for (size_t i = 0; i < view.data.methods.size(); ++i) {
    const MethodReport& m = view.data.methods[i];
    const double change = energy_change(m);
    if (!std::isfinite(change)) continue;
    const std::string sign = change > 0 ? "+" : "";
    chart.bars.push_back(
        {m.label, view.slots[i], change, kUnset, sign + significant(change, 2) + " %"});
  }
  if (chart.bars.empty()) return;
  page.section("energy", "Hyperspherical energy");
  explain_energy(page);
  page.figure(
      {render(chart)},
      "Relative change of the adapted layers\u2019 energy. For BOFT and OFT it is rounding, and, "
      "at large learning rates, rows whose learned scale <i class=\"v\">s</i> went below zero and "
      "now point the other way; an additive update is under no such constraint.");
}

}  // namespace papilio::report
