#include "samples/report/pages/butterfly.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "samples/report/svg/canvas.h"
#include "samples/report/svg/text.h"

namespace papilio::report {
namespace {

constexpr int kMostNodes = 40;  // half-blocks in a column
constexpr double kTop = 64;

const std::string& subscript(int digit) {
  static const std::string kDigits[10] = {"\u2080", "\u2081", "\u2082", "\u2083", "\u2084",
                                          "\u2085", "\u2086", "\u2087", "\u2088", "\u2089"};
  return kDigits[digit];
}

std::string factor_name(int i) {
  std::string name = "B";
  for (char c : std::to_string(i)) name += subscript(c - '0');
  return name;
}

void check(const ButterflyPicture& s) {
  const auto fail = [&](const std::string& rule) {
    throw std::invalid_argument("butterfly (d = " + std::to_string(s.d) +
                                ", b = " + std::to_string(s.b) + ", m = " + std::to_string(s.m) +
                                "): " + rule);
  };
  if (s.d < 1 || s.b < 1 || s.m < 1) fail("all three must be positive");
  if (s.d % s.b != 0) fail("b must divide d");
  if (s.m == 1) return;
  if (s.m > 30 || s.b % 2 != 0) fail("m > 1 needs an even b");
  if (s.d % (static_cast<long long>(s.b) << (s.m - 1)) != 0) fail("b * 2^(m-1) must divide d");
}

// Column of nodes and the geometry between columns.
struct Layout {
  int nodes;        // drawn half-blocks in a column (blocks if m = 1 and b is odd)
  int coordinates;  // in a node
  int segment;      // nodes that mix
  double node_height, pitch, node_width, gap, left;

  double x(int column) const { return left + column * (node_width + gap); }
  double y(int node) const {
    const int above = node / segment;
    return kTop + node * pitch + above * 10.0;
  }
  double middle(int node) const { return y(node) + node_height / 2; }
};

Layout lay_out(const ButterflyPicture& s) {
  const bool whole_blocks = s.m == 1 && s.b % 2 != 0;
  Layout layout{};
  layout.coordinates = whole_blocks ? s.b : s.b / 2;
  layout.segment = whole_blocks ? 1 : 1 << s.m;
  const int all = s.d / layout.coordinates;
  const int segments = std::max(1, std::min(all, kMostNodes) / layout.segment);
  layout.nodes = std::min(all, segments * layout.segment);
  layout.node_height = std::clamp(600.0 / layout.nodes - 5, 3.0, 22.0);
  layout.pitch = layout.node_height + (layout.node_height < 8 ? 2 : 5);
  const std::string widest = std::to_string(s.d - 1) + "\u2013" + std::to_string(s.d - 1);
  layout.node_width = std::max(44.0, text_width(widest, 10.5) + 12);
  layout.gap = std::clamp(420.0 / s.m, 84.0, 190.0);
  layout.left = 8;
  return layout;
}

void draw_lines(Canvas& canvas, const Layout& layout, int factor, bool joined) {
  std::string plain;
  std::string strong;
  const double from = layout.x(factor) + layout.node_width;
  const double to = layout.x(factor + 1);
  const double bend = (to - from) * 0.35;
  const auto connect = [&](int a, int b) {
    const double y1 = layout.middle(a);
    const double y2 = layout.middle(b);
    (a < (1 << factor) ? strong : plain) +=
        "M" + at(from, y1) + "C" + at(from + bend, y1) + " " + at(to - bend, y2) + " " + at(to, y2);
  };
  if (!joined) {
    for (int node = 0; node < layout.nodes; ++node) connect(node, node);
  } else {
    for (int n = 0; 2 * n < layout.nodes; ++n) {
      const int lo = lower_half_block(n, factor);
      const int hi = lo + (1 << factor);
      for (const auto& [a, b] : {std::pair{lo, lo}, {lo, hi}, {hi, lo}, {hi, hi}}) connect(a, b);
    }
  }
  canvas.path(plain, "class=\"weft\"");
  canvas.path(strong, "class=\"warp\"");
}

void draw_nodes(Canvas& canvas, const Layout& layout, int column, bool joined) {
  const int reached = column == 0 || !joined ? 1 : 1 << column;
  for (int node = 0; node < layout.nodes; ++node) {
    const double x = layout.x(column);
    const double y = layout.y(node);
    canvas.rect(x, y, layout.node_width, layout.node_height,
                node < reached ? "rx=\"3\" class=\"node reached\"" : "rx=\"3\" class=\"node\"");
    if (layout.node_height < 11) continue;
    const int first = node * layout.coordinates;
    const int last = first + layout.coordinates - 1;
    canvas.text(x + layout.node_width / 2, y + layout.node_height / 2 + 3.8,
                first == last ? std::to_string(first)
                              : std::to_string(first) + "\u2013" + std::to_string(last),
                "middle", node < reached ? "small on" : "small");
  }
}

}  // namespace

int lower_half_block(int n, int i) {
  return ((n >> i) << (i + 1)) | (n & ((1 << i) - 1));
}

std::string draw_butterfly(const ButterflyPicture& shape) {
  check(shape);
  const Layout layout = lay_out(shape);
  const bool joined = layout.segment > 1;
  const int hidden =
      shape.d / (layout.coordinates * layout.segment) - layout.nodes / layout.segment;
  const double width = layout.x(shape.m) + layout.node_width + 8;
  const double bottom = layout.y(layout.nodes - 1) + layout.node_height;
  const std::string size = "d = " + std::to_string(shape.d) + ", b = " + std::to_string(shape.b) +
                           ", m = " + std::to_string(shape.m);
  Canvas canvas(width, bottom + (hidden > 0 ? 34 : 10), "Butterfly of " + size);
  canvas.text(2, 16, "Butterfly, " + size, "start", "title");

  const auto centre = [&](int column) { return layout.x(column) + layout.node_width / 2; };
  canvas.text(centre(0), kTop - 12, "w", "middle", "name symbol");
  canvas.text(centre(shape.m), kTop - 12, "R w", "middle", "name symbol");
  for (int factor = 0; factor < shape.m; ++factor) {
    const double middle = layout.x(factor) + layout.node_width + layout.gap / 2;
    canvas.text(middle, kTop - 24, factor_name(factor), "middle", "name symbol");
    const std::string stride =
        joined ? (factor == 0 ? "neighbours" : std::to_string(1 << factor) + " apart")
               : "each block";
    canvas.text(middle, kTop - 8, stride, "middle", "small");
    draw_lines(canvas, layout, factor, joined);
  }
  for (int column = 0; column <= shape.m; ++column) draw_nodes(canvas, layout, column, joined);
  if (hidden > 0) {
    canvas.text(2, bottom + 24,
                "and " + std::to_string(hidden) + " more segment" + (hidden > 1 ? "s" : "") +
                    " of " + std::to_string(layout.coordinates * layout.segment) +
                    " coordinates, all alike");
  }
  return canvas.finish();
}

}  // namespace papilio::report
