#include "samples/report/svg/palette.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "samples/report/svg/text.h"

namespace papilio::report {
namespace {

struct Colour {
  const char* light;
  const char* dark;
};

constexpr std::array<Colour, kSlots> kColours{{
    {"#0541af", "#4a93fa"},  // boft, first
    {"#1e78b2", "#2cc3fd"},  // boft, second
    {"#03a57f", "#7df0b4"},  // oft
    {"#dd6a0c", "#fe8a2c"},  // lora
    {"#6e6864", "#a8a59e"},  // probe
    {"#791b5d", "#d75bb3"},  // full
    {"#a27d00", "#e3c84a"},  // hra
    {"#7d6bd6", "#b3a4ff"},
}};

int preferred_slot(std::string_view name, bool first_boft) {
  if (name.starts_with("boft")) return first_boft ? 0 : 1;
  if (name.starts_with("oft")) return 2;
  if (name.starts_with("lora")) return 3;
  if (name.starts_with("hra")) return 6;
  if (name.starts_with("probe") || name.starts_with("linear")) return 4;
  if (name.starts_with("full")) return 5;
  return kInk;
}

std::string variables(bool dark) {
  std::string css;
  const auto set = [&](const std::string& name, const char* light_value, const char* dark_value) {
    css += "--" + name + ":" + (dark ? dark_value : light_value) + ";";
  };
  set("paper", "#ffffff", "#14171c");
  set("panel", "#f6f7f9", "#1b1f26");
  set("ink", "#1b1e23", "#e6e8eb");
  set("soft", "#545b66", "#a9b0bb");
  set("rule", "#8d949f", "#5f6874");
  set("grid", "#e4e7eb", "#2a3038");
  set("link", "#0541af", "#7db3ff");
  set("plus", "#0b56b8", "#5aa2ff");
  set("minus", "#c4500a", "#ff9447");
  set("heat", "#d2500c", "#ff8a33");
  for (int slot = 0; slot < kSlots; ++slot) {
    const Colour& colour = kColours[size_t(slot)];
    set("m" + std::to_string(slot), colour.light, colour.dark);
  }
  return css;
}

}  // namespace

std::vector<int> method_slots(const std::vector<std::string>& names) {
  std::vector<int> slots(names.size(), kInk);
  std::array<bool, kSlots> taken{};
  bool first_boft = true;
  for (size_t i = 0; i < names.size(); ++i) {
    const int slot = preferred_slot(names[i], first_boft);
    if (names[i].starts_with("boft")) first_boft = false;
    if (slot == kInk || taken[size_t(slot)]) continue;
    slots[i] = slot;
    taken[size_t(slot)] = true;
  }
  // Spare colours first, then those of methods that are absent, then round again.
  static constexpr std::array<int, kSlots> kOrder{7, 6, 1, 2, 3, 5, 0, 4};
  size_t extra = 0;
  for (int& slot : slots) {
    if (slot != kInk) continue;
    const auto spare =
        std::find_if(kOrder.begin(), kOrder.end(), [&](int s) { return !taken[size_t(s)]; });
    slot = spare != kOrder.end() ? *spare : kOrder[extra++ % kSlots];
    taken[size_t(slot)] = true;
  }
  return slots;
}

std::string slot_class(int slot) {
  return slot == kInk ? "mi" : "m" + std::to_string(((slot % kSlots) + kSlots) % kSlots);
}

std::string marker_path(int slot, double x, double y, double r) {
  const auto polygon = [&](std::initializer_list<std::pair<double, double>> corners) {
    std::string d;
    for (const auto& [dx, dy] : corners) {
      d += (d.empty() ? "M" : "L") + coordinate(x + r * dx) + " " + coordinate(y + r * dy);
    }
    return d + "Z";
  };
  switch (slot) {
    case 1:
      return polygon({{-0.9, -0.9}, {0.9, -0.9}, {0.9, 0.9}, {-0.9, 0.9}});
    case 2:
      return polygon({{0, -1.2}, {1.1, 0.8}, {-1.1, 0.8}});
    case 3:
      return polygon({{0, -1.3}, {1.3, 0}, {0, 1.3}, {-1.3, 0}});
    case 4:
      return polygon({{-1.1, -0.8}, {1.1, -0.8}, {0, 1.2}});
    case 5:
      return polygon({{-0.4, -1.2},
                      {0.4, -1.2},
                      {0.4, -0.4},
                      {1.2, -0.4},
                      {1.2, 0.4},
                      {0.4, 0.4},
                      {0.4, 1.2},
                      {-0.4, 1.2},
                      {-0.4, 0.4},
                      {-1.2, 0.4},
                      {-1.2, -0.4},
                      {-0.4, -0.4}});
    case 6:
      return polygon({{0, -1.2}, {1.15, -0.37}, {0.7, 0.97}, {-0.7, 0.97}, {-1.15, -0.37}});
    case 7:
      return polygon({{-1.2, -0.55}, {1.2, -0.55}, {1.2, 0.55}, {-1.2, 0.55}});
    default:
      break;
  }
  const std::string radius = coordinate(r);
  const std::string arc = "a" + radius + " " + radius + " 0 1 0 ";
  return "M" + coordinate(x - r) + " " + coordinate(y) + arc + coordinate(2 * r) + " 0" + arc +
         coordinate(-2 * r) + " 0Z";
}

std::string picture_css() {
  // Paper is white, so printing keeps the light scheme.
  std::string css = ":root{color-scheme:light dark;" + variables(false) + "}\n" +
                    "@media screen and (prefers-color-scheme:dark){:root{" + variables(true) +
                    "}}\n";
  css += ".mi{--c:var(--ink)}";
  for (int slot = 0; slot < kSlots; ++slot) {
    css += ".m" + std::to_string(slot) + "{--c:var(--m" + std::to_string(slot) + ")}";
  }
  css += R"css(
svg{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-size:12px}
svg text{fill:var(--soft)}
svg .title{fill:var(--ink);font-size:14px;font-weight:600}
svg .name{fill:var(--ink)}
svg .small{font-size:10.5px}
svg .axis{stroke:var(--rule);stroke-width:1;fill:none}
svg .grid{stroke:var(--grid);stroke-width:1;fill:none}
svg .line{stroke:var(--c);stroke-width:1.9;fill:none;stroke-linejoin:round;stroke-linecap:round}
svg .thin{stroke:var(--c);stroke-width:1.2;fill:none}
svg .band{fill:var(--c);fill-opacity:.13;stroke:none}
svg .mark{fill:var(--c);stroke:var(--paper);stroke-width:1}
svg .bar{fill:var(--c);fill-opacity:.85}
svg .under{fill:var(--c);fill-opacity:.22;stroke:none}
svg .dots{stroke:var(--c);stroke-opacity:.38;stroke-width:4;stroke-linecap:round;fill:none}
svg .leader{stroke:var(--rule);stroke-width:.8;fill:none}
svg .reference{stroke:var(--soft);stroke-width:1;stroke-dasharray:4 4;fill:none}
svg .cell{shape-rendering:crispEdges;stroke:none}
svg .plus{fill:var(--plus)} svg .minus{fill:var(--minus)} svg .heat{fill:var(--heat)} svg .pixel{fill:var(--ink)}
svg .weft{stroke:var(--rule);stroke-width:1;stroke-opacity:.75;fill:none}
svg .warp{stroke:var(--m0);stroke-width:2;fill:none}
svg .node{fill:var(--panel);stroke:var(--rule);stroke-width:1}
svg .reached{fill:var(--m0);stroke:var(--m0)}
svg text.on{fill:var(--paper);font-weight:600}
svg .symbol{font-style:italic;font-size:15px;font-family:"Cambria Math",Cambria,Georgia,"Times New Roman",serif}
svg .veil{fill:#000}
svg .pixelated{image-rendering:pixelated}
svg .frame{fill:none;stroke:var(--rule);stroke-width:1}
svg .sheet{fill:var(--panel);stroke:var(--rule);stroke-width:1}
)css";
  return css;
}

}  // namespace papilio::report
