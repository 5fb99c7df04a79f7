#include "samples/papilio/demo/curve_table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>
#include <utility>

#include "samples/papilio/data/digits.h"
#include "samples/papilio/output/table.h"
#include "tensor/text.h"

namespace papilio::demo {

namespace {

using Figure = double CurvePoint::*;
constexpr Figure kFigures[] = {
    &CurvePoint::before,        &CurvePoint::learned,       &CurvePoint::kept, &CurvePoint::probed,
    &CurvePoint::energy_change, &CurvePoint::weight_change, &CurvePoint::angle};

// The mean figures of points that describe one setting.
CurvePoint mean_of(const std::vector<CurvePoint>& points) {
  CurvePoint mean = points.front();
  for (const Figure figure : kFigures) {
    mean.*figure = 0;
    for (const CurvePoint& p : points) mean.*figure += p.*figure / double(points.size());
  }
  return mean;
}

// Points of equal key, averaged; in the order in which the keys came.
template <class Key>
std::vector<CurvePoint> averaged(const std::vector<CurvePoint>& points, Key&& key) {
  using K = decltype(key(points.front()));
  std::vector<K> order;
  std::map<K, std::vector<CurvePoint>> groups;
  for (const CurvePoint& point : points) {
    std::vector<CurvePoint>& group = groups[key(point)];
    if (group.empty()) order.push_back(key(point));
    group.push_back(point);
  }
  std::vector<CurvePoint> result;
  result.reserve(order.size());
  for (const K& k : order) result.push_back(mean_of(groups[k]));
  return result;
}

std::vector<double> ranks(const std::vector<double>& values) {
  std::vector<double> result;
  for (const double v : values) {
    double below = 0, equal = 0;
    for (const double other : values) below += other < v, equal += other == v;
    result.push_back(below + (equal - 1) / 2);
  }
  return result;
}

double pearson(const std::vector<double>& x, const std::vector<double>& y) {
  const auto n = double(x.size());
  double mx = 0, my = 0, xy = 0, xx = 0, yy = 0;
  for (size_t i = 0; i < x.size(); ++i) mx += x[i] / n, my += y[i] / n;
  for (size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mx) * (y[i] - my);
    xx += (x[i] - mx) * (x[i] - mx);
    yy += (y[i] - my) * (y[i] - my);
  }
  return xy / std::sqrt(xx * yy);
}

std::string level_text(const CurveRow::Level& level) {
  if (level.reached == 0) return "-";
  char text[64];
  std::snprintf(text, sizeof text, level.reached > 1 ? "%s%.1f ± %.1f" : "%s%.1f",
                level.above > 0 ? ">= " : "", 100 * level.kept.mean, 100 * level.kept.std);
  return level.reached == level.of ? text : str(text, " (", level.reached, '/', level.of, ')');
}

// "93.4 / 90.4": learned and kept, in percent.
std::string learned_and_kept(const CurvePoint& point) {
  char text[64];
  std::snprintf(text, sizeof text, "%.1f / %.1f", 100 * point.learned, 100 * point.kept);
  return text;
}

// A row for each setting: what all of it learned and kept, and what parts of the way did.
std::string settings_text(const std::vector<CurvePoint>& points) {
  const std::vector<CurvePoint> shown = means(points);
  std::vector<double> parts;
  for (const CurvePoint& p : shown)
    if (p.strength < 1 && std::ranges::count(parts, p.strength) == 0) parts.push_back(p.strength);
  std::vector<std::vector<std::string>> rows{
      {"method", "epochs", "head", "setting", "learned / kept", "fresh head"}};
  for (const double strength : parts) rows[0].push_back(str("at ", strength));
  const auto setting = [](const CurvePoint& p) {
    return std::tuple(p.method, p.setting, p.epochs, p.fitted_head);
  };
  for (const CurvePoint& whole : shown) {
    if (whole.strength < 1) continue;
    rows.push_back({whole.label, std::to_string(whole.epochs),
                    whole.fitted_head ? "fitted" : "drawn", whole.setting, learned_and_kept(whole),
                    cli::percent(whole.probed)});
    for (const double strength : parts) {
      const auto part = std::ranges::find_if(shown, [&](const CurvePoint& p) {
        return p.strength == strength && setting(p) == setting(whole);
      });
      rows.back().push_back(part == shown.end() ? "" : learned_and_kept(*part));
    }
  }
  return cli::table(rows);
}

}  // namespace

std::optional<Crossing> kept_at(const std::vector<CurvePoint>& points, double learned) {
  for (size_t i = 0; i < points.size(); ++i) {
    const CurvePoint& p = points[i];
    if (p.learned < learned) continue;
    if (i == 0) return Crossing{p.kept, true};
    const CurvePoint& last = points[i - 1];
    const double share = (learned - last.learned) / (p.learned - last.learned);
    return Crossing{last.kept + share * (p.kept - last.kept), false};
  }
  return {};
}

std::vector<double> levels_of(const std::vector<CurvePoint>& points) {
  if (points.empty() || points.front().data == cli::kDigits) return {0.90, 0.93, 0.95};
  using Line = std::tuple<std::string, int64_t, bool>;
  std::map<Line, double> best;
  double probe = 0, least = 2;
  for (const CurvePoint& p : means(points)) {
    if (p.strength != 1) continue;
    if (p.method == "probe") {
      probe = std::max(probe, p.learned);
    } else {
      double& b = best[{p.method, p.epochs, p.fitted_head}];
      b = std::max(b, p.learned);
    }
  }
  for (const auto& [line, b] : best)
    if (b > probe) least = std::min(least, b);
  if (probe == 0 || least > 1) return {};
  std::set<double> levels;
  for (const double share : {1. / 3, 2. / 3, 1.})
    levels.insert(std::floor(1e-9 + 100 * std::lerp(probe, least, share)) / 100);
  return {levels.begin(), levels.end()};
}

std::vector<CurveRow> read_levels(const std::vector<CurvePoint>& points) {
  std::vector<CurvePoint> whole;
  std::ranges::copy_if(points, std::back_inserter(whole),
                       [](const CurvePoint& p) { return p.strength == 1; });
  const auto line = [](const CurvePoint& p) {
    return std::tuple(p.method, p.epochs, p.fitted_head);
  };
  std::vector<CurveRow> rows;
  const std::vector<double> levels = levels_of(points);
  std::set<std::tuple<std::string, int64_t, bool>> done;
  for (const CurvePoint& first : whole) {
    if (!done.insert(line(first)).second) continue;
    CurveRow row{.method = first.method,
                 .label = first.label,
                 .epochs = first.epochs,
                 .fitted_head = first.fitted_head,
                 .probed_least = 1};
    std::map<uint64_t, std::vector<CurvePoint>> of_pretraining;
    for (const CurvePoint& p : whole) {
      if (line(p) != line(first)) continue;
      of_pretraining[p.pretraining].push_back(p);
      row.probed_least = std::min(row.probed_least, p.probed);
      row.probed_most = std::max(row.probed_most, p.probed);
    }
    for (const double level : levels) {
      CurveRow::Level found{.learned = level, .of = int(of_pretraining.size())};
      std::vector<double> kept;
      for (const auto& [pretraining, own] : of_pretraining) {
        auto path = averaged(own, [](const CurvePoint& p) { return p.order; });
        std::ranges::sort(path, {}, &CurvePoint::order);
        const auto crossing = kept_at(path, level);
        if (!crossing) continue;
        kept.push_back(crossing->kept);
        found.above += crossing->above;
      }
      found.reached = int(kept.size());
      found.kept = estimate(kept);
      row.levels.push_back(found);
    }
    rows.push_back(row);
  }
  return rows;
}

std::vector<Correlation> correlations(const std::vector<CurvePoint>& points) {
  const std::pair<const char*, double (*)(const CurvePoint&)> measures[] = {
      {"learned", [](const CurvePoint& p) { return p.learned; }},
      {"|change of energy|", [](const CurvePoint& p) { return std::abs(p.energy_change); }},
      {"|W' - W| / |W|", [](const CurvePoint& p) { return p.weight_change; }},
      {"median angle", [](const CurvePoint& p) { return p.angle; }}};
  std::vector<Correlation> result;
  for (const auto& [name, measure] : measures) {
    std::vector<double> x, y;
    for (const CurvePoint& p : points) {
      if (p.strength != 1 || !std::isfinite(measure(p)) || !std::isfinite(p.kept)) continue;
      x.push_back(measure(p)), y.push_back(p.kept);
    }
    const auto varies = [](const std::vector<double>& v) {
      return std::ranges::adjacent_find(v, std::not_equal_to()) != v.end();
    };
    if (x.size() > 2 && varies(x) && varies(y))
      result.push_back({name, pearson(ranks(x), ranks(y)), x.size()});
  }
  return result;
}

std::vector<CurvePoint> means(const std::vector<CurvePoint>& points) {
  return averaged(points, [](const CurvePoint& p) {
    return std::tuple(p.method, p.setting, p.epochs, p.fitted_head, p.strength);
  });
}

std::string curve_text(const std::vector<CurvePoint>& points) {
  std::vector<std::vector<std::string>> rows{{"method", "epochs", "head"}};
  for (const double level : levels_of(points)) rows[0].push_back("kept at " + cli::percent(level));
  rows[0].emplace_back("fresh head");
  for (const CurveRow& row : read_levels(points)) {
    std::vector<std::string> cells{row.label, std::to_string(row.epochs),
                                   row.fitted_head ? "fitted" : "drawn"};
    for (const CurveRow::Level& level : row.levels) cells.push_back(level_text(level));
    cells.push_back(cli::percent(row.probed_least) + " to " + cli::percent(row.probed_most));
    rows.push_back(cells);
  }
  std::vector<std::string> measures;
  for (const Correlation& c : correlations(points)) {
    char number[32];
    std::snprintf(number, sizeof number, "%+.2f", c.rho);
    measures.push_back(str(c.measure, ' ', number, " (", c.points, ')'));
  }
  return cli::table(rows) + '\n' + settings_text(points) +
         "\nrank correlation with what is kept: " +
         (measures.empty() ? "none" : joined(measures, ", ")) + '\n';
}

std::string curve_json(const std::vector<CurvePoint>& points) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array(),
                         settings = nlohmann::ordered_json::array(),
                         goes_with = nlohmann::ordered_json::object();
  for (const CurveRow& row : read_levels(points)) {
    nlohmann::ordered_json levels = nlohmann::ordered_json::array();
    for (const CurveRow::Level& l : row.levels) {
      levels.push_back({{"learned", l.learned},
                        {"kept", {{"mean", l.kept.mean}, {"std", l.kept.std}}},
                        {"reached", l.reached},
                        {"above", l.above},
                        {"pretrainings", l.of}});
    }
    rows.push_back({{"method", row.method},
                    {"epochs", row.epochs},
                    {"fitted_head", row.fitted_head},
                    {"levels", levels},
                    {"fresh_head", {row.probed_least, row.probed_most}}});
  }
  for (const CurvePoint& p : means(points)) {
    settings.push_back({{"method", p.method},
                        {"setting", p.setting},
                        {"epochs", p.epochs},
                        {"fitted_head", p.fitted_head},
                        {"strength", p.strength},
                        {"learned", p.learned},
                        {"kept", p.kept},
                        {"fresh_head", p.probed},
                        {"energy_change", p.energy_change},
                        {"weight_change", p.weight_change},
                        {"angle", p.angle}});
  }
  for (const Correlation& c : correlations(points)) goes_with[c.measure] = c.rho;
  return nlohmann::ordered_json{
             {"rows", rows}, {"means", settings}, {"rank_correlation_with_kept", goes_with}}
             .dump(2) +
         '\n';
}

}  // namespace papilio::demo
