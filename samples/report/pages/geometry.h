// What a trained rotation looks like: parts of the demo's page and of a run's.
#pragma once

#include <string>
#include <vector>

#include "samples/report/pages/butterfly.h"
#include "samples/report/pages/html.h"
#include "samples/report/svg/svg.h"

namespace papilio::report {

struct LayerAngles {
  std::string layer = {};            // module name
  std::vector<double> degrees = {};  // rotation angles of all planes of all blocks, 0 to 180
};

struct MethodAngles {
  std::string label = {};
  int slot = kInk;
  std::vector<LayerAngles> layers = {};
};

struct RowAngles {  // between all pairs of rows of one weight, degrees, pairs in one order
  std::string label = {};
  int slot = kInk;
  std::vector<double> degrees = {};
};

// "<code>layer</code>", escaped.
std::string code(const std::string& text);

// "encoder.layer.0.attention.output.dense" -> "0.attention.output": without what all names begin
// with, without ".dense", and without an immediately repeated part.
std::vector<std::string> short_layer_names(const std::vector<std::string>& names);

// The butterfly (d = 0: not shown) and R beside R - I; `which_html` says of what, behind "The
// trained rotation ".
void show_rotation(Document& page, const ButterflyPicture& shape, const Matrix& rotation,
                   const std::string& which_html);

// What hyperspherical energy is.
void explain_energy(Document& page);

// A row a layer, a lane a method, a dot a plane.
std::string angles_chart(const std::vector<MethodAngles>& methods);

// Histograms and pairs of the angles between rows of one layer's weight, before and after.
void show_row_angles(Document& page, const std::vector<double>& before,
                     const std::vector<RowAngles>& after, const std::string& layer);

}  // namespace papilio::report
