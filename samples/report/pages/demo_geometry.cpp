#include <algorithm>
#include <cstddef>
#include <vector>

#include "samples/report/pages/demo_sections.h"

namespace papilio::report {

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

}  // namespace papilio::report
