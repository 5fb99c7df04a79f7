#include "samples/report/pages/run_adapter.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "samples/report/pages/geometry.h"
#include "samples/report/svg/bars.h"
#include "samples/report/svg/lines.h"
#include "samples/report/svg/palette.h"
#include "samples/report/svg/text.h"
#include "tensor/text.h"

namespace papilio::report {
namespace {

constexpr size_t kMostRows = 36;  // of the chart with a row a layer

double quantile(std::vector<double> values, double share) {
  std::erase_if(values, [](double v) { return !std::isfinite(v); });
  if (values.empty()) return kUnset;
  const int64_t at = std::lround(share * double(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[size_t(at)];
}

double energy_change(const AdaptedLayerReport& layer) {  // percent
  if (!(std::abs(layer.energy_before) > 0)) return kUnset;
  return 100 * (layer.energy_after - layer.energy_before) / layer.energy_before;
}

std::string energy_text(double energy) {
  return std::isfinite(energy) && std::abs(energy) >= 1000 && std::abs(energy) < 1e12
             ? grouped(std::llround(energy))
             : significant(energy, 5);
}

// "encoder.layer.3.attention.query" -> 3 and "attention.query"; -1 if no part is a number.
std::pair<int, std::string> depth_and_kind(const std::string& name) {
  int depth = -1;
  std::vector<std::string> kind;
  for (const std::string& part : split(name, '.')) {
    const bool digits = !part.empty() && part.size() < 6 &&
                        part.find_first_not_of("0123456789") == std::string::npos;
    if (digits && depth < 0) {
      depth = std::stoi(part);
      kind.clear();
    } else {
      kind.push_back(part);
    }
  }
  return {depth, joined(kind, ".")};
}

// For models with too many layers for a row each: a line for each kind of layer, against depth.
std::string depth_chart(const AdapterReport& adapter) {
  LineChart chart{.title = "Median rotation angle by depth"};
  chart.x.label = "transformer layer";
  chart.y.label = "median angle (degrees)";
  chart.width = 760;
  chart.height = 380;
  for (const AdaptedLayerReport& layer : adapter.layers) {
    if (layer.degrees.empty()) continue;
    const auto [depth, kind] = depth_and_kind(layer.path);
    auto found = std::ranges::find(chart.series, kind, &Series::label);
    if (found == chart.series.end()) {
      chart.series.push_back({.label = kind, .slot = int(chart.series.size()) % kSlots});
      found = chart.series.end() - 1;
    }
    found->x.push_back(depth);
    found->y.push_back(quantile(layer.degrees, 0.5));
  }
  return render(chart);
}

void add_angles(Document& page, const AdapterReport& adapter, int slot) {
  MethodAngles angles{adapter.label, slot, {}};
  for (const AdaptedLayerReport& layer : adapter.layers) {
    if (!layer.degrees.empty()) angles.layers.push_back({layer.path, layer.degrees});
  }
  if (angles.layers.empty()) return;
  page.section("angles", "How far each layer turned");
  if (angles.layers.size() > kMostRows) {
    page.figure({depth_chart(adapter)},
                "The angle by which the middle plane of each layer\u2019s small rotations turned. "
                "Which layers does the new task change most?");
    return;
  }
  page.figure({angles_chart({angles})},
              "Every dot is one plane of one small rotation, the bar their median. A plane that "
              "stayed at 0\u00B0 learned nothing; look which layers turn most.");
}

// Whether all adapted layers are measured: of large models only some are.
bool all_measured(const AdapterReport& adapter) {
  return adapter.layers_in_model <= int64_t(adapter.layers.size());
}

void add_layers(Document& page, const AdapterReport& adapter) {
  std::vector<std::string> paths;
  bool rotates = false;
  for (const AdaptedLayerReport& layer : adapter.layers) {
    paths.push_back(layer.path);
    rotates = rotates || !layer.degrees.empty();
  }
  const std::vector<std::string> names = short_layer_names(paths);
  Table table;
  table.headers = {"layer", "in \u2192 out"};
  if (rotates) {
    for (const char* header :
         {"blocks", "median<br/>angle", "largest<br/>angle",
          "max |<i class=\"v\">QQ</i><sup>\u22A4</sup> \u2212 <i class=\"v\">I</i>|"})
      table.headers.emplace_back(header);
  }
  for (const char* header : {"energy<br/>before", "change of<br/>energy",
                             "|\u0394<i class=\"v\">W</i>| /<br/>|<i class=\"v\">W</i>|"})
    table.headers.emplace_back(header);
  const auto number = [](std::string text) { return Table::Cell{std::move(text), true, false}; };
  for (size_t i = 0; i < adapter.layers.size(); ++i) {
    const AdaptedLayerReport& layer = adapter.layers[i];
    std::vector<Table::Cell> row{{escape(names[i])},
                                 number(std::to_string(layer.inputs) + "\u00A0\u2192\u00A0" +
                                        std::to_string(layer.outputs))};
    if (rotates) {
      row.push_back(number(escape(layer.blocks)));
      row.push_back(number(fixed(quantile(layer.degrees, 0.5), 1) + "\u00B0"));
      row.push_back(number(fixed(quantile(layer.degrees, 1), 1) + "\u00B0"));
      row.push_back(number(significant(layer.orthogonality_error, 1)));
    }
    const double change = energy_change(layer);
    row.push_back(number(energy_text(layer.energy_before)));
    row.push_back(number((change > 0 ? "+" : "") + significant(change, 2) +
                         (std::isfinite(change) ? "\u00A0%" : "")));
    row.push_back(number(fixed(layer.relative_change, 3)));
    table.rows.push_back(std::move(row));
  }
  std::string caption =
      std::string("Energy: hyperspherical energy of the weight\u2019s rows") +
      (adapter.energy_rows > 0
           ? ", the first " + std::to_string(adapter.energy_rows) + " where there are more"
           : std::string()) +
      ". |\u0394<i class=\"v\">W</i>|: how far the merged weight lies from the frozen one "
      "(Frobenius norm).";
  if (rotates) {
    caption +=
        " Angles and max |<i class=\"v\">QQ</i><sup>\u22A4</sup> \u2212 <i class=\"v\">I</i>| are "
        "of the small rotations: the latter is rounding where the Cayley transform is exact.";
  }
  if (!all_measured(adapter)) {
    caption += " Shown are " + std::to_string(adapter.layers.size()) + " of " +
               std::to_string(adapter.layers_in_model) + " adapted layers, evenly chosen.";
  }
  constexpr size_t kShort = 24;
  page.table(table, caption,
             adapter.layers.size() > kShort
                 ? (all_measured(adapter) ? "All " : "The ") +
                       std::to_string(adapter.layers.size()) + " layers as a table"
                 : "");
}

// What becomes of the energy, and why.
std::string what_is_kept(const AdapterReport& adapter) {
  if (!adapter.keeps_angles)
    return "This method is not orthogonal: it is free to change the angles between rows.";
  constexpr double kRounding = 1e-4;  // of float32 blocks; a truncated series lies above
  double error = 0;
  for (const AdaptedLayerReport& layer : adapter.layers) {
    if (std::isfinite(layer.orthogonality_error))
      error = std::max(error, layer.orthogonality_error);
  }
  return std::string("An orthogonal map leaves it as it is, up to ") +
         (error <= kRounding ? "rounding"
                             : "how far its blocks are from orthogonal: here max |<i "
                               "class=\"v\">QQ</i><sup>\u22A4</sup> \u2212 <i "
                               "class=\"v\">I</i>| reaches " +
                                   significant(error, 2)) +
         (adapter.has_scale
              ? "; only rows whose learned scale <i class=\"v\">s</i> went below zero point the "
                "other way."
              : ".");
}

void add_energy(Document& page, const AdapterReport& adapter, int slot) {
  double before = 0, after = 0;
  for (const AdaptedLayerReport& layer : adapter.layers) {
    if (!std::isfinite(layer.energy_before) || !std::isfinite(layer.energy_after)) continue;
    before += layer.energy_before;
    after += layer.energy_after;
  }
  page.section("energy", "Hyperspherical energy");
  explain_energy(page);
  if (before > 0) {
    BarChart chart{.title = "Energy of the adapted layers"};
    chart.value.label =
        std::string("sum over the layers") + (all_measured(adapter) ? "" : " measured");
    chart.width = 620;
    chart.bars = {{"before", kInk, before, kUnset, energy_text(before)},
                  {"after", slot, after, kUnset, energy_text(after)}};
    const double change = 100 * (after - before) / before;
    page.figure({render(chart)}, "Finetuning changed the energy by " +
                                     significant(std::abs(change), 2) + "\u00A0%. " +
                                     what_is_kept(adapter));
  }
  add_layers(page, adapter);
}

}  // namespace

void add_adapter(Document& page, const RunReport& run) {
  const AdapterReport& adapter = run.adapter;
  if (adapter.layers.empty()) return;
  const int slot = method_slots({adapter.method})[0];
  if (adapter.butterfly.d > 0 || adapter.rotation.valid()) {
    page.section("rotation", "The rotation");
    const auto shown =
        std::ranges::find(adapter.layers, adapter.picture_layer, &AdaptedLayerReport::path);
    const bool by_angle = shown != adapter.layers.end() && !shown->degrees.empty();
    std::string which = "of " + code(adapter.picture_layer) + ", which " +
                        (by_angle ? "turned most" : "changed most") +
                        (all_measured(adapter) ? "" : " of those measured") +
                        (by_angle ? ", by the median of its planes\u2019 angles" : "");
    if (adapter.coordinates > adapter.rotation.rows) {
      which += " (the first " + grouped(adapter.rotation.rows) + " of its " +
               grouped(adapter.coordinates) + " coordinates)";
    }
    show_rotation(page, adapter.butterfly, adapter.rotation, which);
  }
  add_angles(page, adapter, slot);
  if (!adapter.row_angles_before.empty() && !adapter.row_angles_after.empty()) {
    page.section("rows", adapter.keeps_angles ? "What an orthogonal map keeps"
                                              : "What a map that is not orthogonal changes");
    show_row_angles(page, adapter.row_angles_before,
                    {{adapter.label, slot, adapter.row_angles_after}}, adapter.picture_layer);
  }
  add_energy(page, adapter, slot);
}

}  // namespace papilio::report
