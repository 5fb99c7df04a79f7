// The pictures of one rotation, equation by equation: drawn at random for a (d, b, m), or an
// adapter's. What is empty is left out.
#pragma once

#include <string>
#include <vector>

#include "samples/report/pages/butterfly.h"
#include "samples/report/pages/geometry.h"
#include "samples/report/pages/html.h"
#include "samples/report/svg/svg.h"

namespace papilio::report {

struct ExplainReport {
  std::string title = {};
  std::string subject = {};           // one sentence
  ButterflyPicture shape = {};        // d = 0: nothing turns in blocks
  std::string layer = {};             // whose rotation it is; empty: drawn
  std::vector<Matrix> factors = {};   // B_0, B_1, ... as matrices
  std::vector<Matrix> products = {};  // B_0, B_1 B_0, ..., R
  std::vector<double> angles = {};    // of R's planes, degrees
  std::vector<double> singular_values_before = {}, singular_values_after = {};  // of W and W'
  Matrix dropped = {};            // R with one draw of multiplicative dropout
  std::string dropped_text = {};  // "factor 1, 3 of 16 blocks"
  // |R(t) - R(1)|, |R(t) - I| over the strength t, Frobenius norms over sqrt(d).
  std::vector<double> strengths = {}, from_whole = {}, from_identity = {};
  std::vector<LayerAngles> layers = {};  // of an adapter
  std::vector<Setting> facts = {};       // counts
};

// The whole explain.html.
std::string render(const ExplainReport& report);

}  // namespace papilio::report
