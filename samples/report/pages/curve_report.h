// What is learned against what is kept: a part of the demo's page, and a page of its own.
#pragma once

#include <string>
#include <vector>

#include "samples/report/pages/html.h"
#include "samples/report/svg/svg.h"

namespace papilio::report {

struct CurveLine {  // one method; points by rate (COFT: by bound), the lowest first
  std::string name = {}, label = {};
  std::vector<double> learned = {}, kept = {};  // fractions, means over pretrainings
};

struct CurvePicture {  // one length of training, one kind of head
  std::string title = {};
  std::vector<CurveLine> lines = {};
  std::vector<CurveLine> back = {};  // from the last point of a method back to the base
};

struct CurveReport {
  std::string old_classes = {}, new_classes = {};  // "0, 1, 2"
  std::vector<CurvePicture> pictures = {};
  Table levels = {};              // kept at equal learned accuracy
  std::string pretrainings = {};  // "3 pretrainings, one seed each"
  std::vector<Setting> correlations = {};
  std::vector<Setting> environment = {};
};

// Pictures, the table and its caption.
void add_curves(Document& page, const CurveReport& report);

// The whole curve.html.
std::string render(const CurveReport& report);

}  // namespace papilio::report
