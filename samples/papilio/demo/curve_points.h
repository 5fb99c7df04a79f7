// points.jsonl: what curves have measured so far, a line of JSON a point.
#pragma once

#include <filesystem>
#include <vector>

#include "samples/papilio/demo/curve.h"

namespace papilio::demo {

class PointFile {
 public:
  // Reads what is there; a last line that a killed process left unfinished is passed over and cut
  // off. Throws FileError for a file that is no such list.
  explicit PointFile(std::filesystem::path path);

  // The points of the run that `at` describes, the whole one first; empty if this version of the
  // program has not made it.
  std::vector<CurvePoint> find(const CurvePoint& at) const;
  // Adds a run's points, all of them or none. Throws FileError.
  void add(const std::vector<CurvePoint>& points);

 private:
  std::filesystem::path path_;
  std::vector<CurvePoint> points_;
};

}  // namespace papilio::demo
