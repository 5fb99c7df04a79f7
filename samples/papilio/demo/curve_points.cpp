#include "samples/papilio/demo/curve_points.h"

#include <cstddef>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "tensor/error.h"
#include "tensor/files/detail/regular_file.h"

namespace papilio::demo {

namespace {

using nlohmann::ordered_json;

constexpr size_t kLargest = 100'000'000;

// Calls f(key, field) for everything a line holds.
template <class Point, class F>
void fields(Point& p, F&& f) {
  f("version", p.version);
  f("data", p.data);
  f("method", p.method);
  f("label", p.label);
  f("setting", p.setting);
  f("order", p.order);
  f("pretraining", p.pretraining);
  f("seed", p.seed);
  f("epochs", p.epochs);
  f("fitted_head", p.fitted_head);
  f("strength", p.strength);
  f("before", p.before);
  f("learned", p.learned);
  f("kept", p.kept);
  f("probed", p.probed);
  f("energy_change", p.energy_change);
  f("weight_change", p.weight_change);
  f("angle", p.angle);
}

std::string line_of(const CurvePoint& point) {
  ordered_json line;
  fields(point, [&](const char* key, const auto& value) { line[key] = value; });
  return line.dump() + '\n';
}

CurvePoint point_of(const std::string& where, std::string_view line) {
  CurvePoint point;
  try {
    const ordered_json read = ordered_json::parse(line);
    fields(point, [&](const char* key, auto& value) {
      // Before there were others, all were of the digits.
      if (key == std::string_view("data") && !read.contains(key)) return;
      const ordered_json& found = read.at(key);
      if (!found.is_null()) found.get_to(value);  // null: NaN
    });
  } catch (const ordered_json::exception& e) {
    const std::string_view why = e.what();  // "[json.exception.parse_error.101] ..."
    throw FileError(str(where, " is no point of a curve (", why.substr(why.find("] ") + 2),
                        "); move the file away to begin anew"));
  }
  return point;
}

bool same_run(const CurvePoint& a, const CurvePoint& b) {
  return a.version == b.version && a.data == b.data && a.method == b.method &&
         a.setting == b.setting && a.pretraining == b.pretraining && a.seed == b.seed &&
         a.epochs == b.epochs && a.fitted_head == b.fitted_head;
}

}  // namespace

PointFile::PointFile(std::filesystem::path path) : path_(std::move(path)) {
  std::error_code ignored;
  if (!std::filesystem::exists(path_, ignored)) return;
  const std::string text = RegularFile(path_.string()).read(kLargest);
  size_t begin = 0;
  for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    points_.push_back(point_of(str(path_.string(), ": line ", points_.size() + 1),
                               std::string_view(text).substr(begin, end - begin)));
  if (begin < text.size()) std::filesystem::resize_file(path_, begin);
}

std::vector<CurvePoint> PointFile::find(const CurvePoint& at) const {
  std::vector<CurvePoint> found;
  for (const CurvePoint& point : points_)
    if (same_run(point, at)) found.push_back(point);
  return found;
}

void PointFile::add(const std::vector<CurvePoint>& points) {
  std::string lines;
  for (const CurvePoint& point : points) lines += line_of(point);
  std::ofstream file(path_, std::ios::app | std::ios::binary);
  file << lines << std::flush;
  check<FileError>(file.good(), "cannot write ", path_.string());
  points_.insert(points_.end(), points.begin(), points.end());
}

}  // namespace papilio::demo
