#include "samples/papilio/demo/results.h"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace papilio::demo {

Estimate estimate(const std::vector<double>& values) {
  Estimate e;
  if (values.empty()) return e;
  for (double v : values) e.mean += v / double(values.size());
  if (values.size() < 2) return e;
  for (double v : values) e.std += (v - e.mean) * (v - e.mean) / double(values.size() - 1);
  e.std = std::sqrt(e.std);
  return e;
}

namespace {

template <class... Parts>
std::string format(const char* pattern, Parts... parts) {
  char text[256];
  std::snprintf(text, sizeof text, pattern, parts...);
  return text;
}

nlohmann::json estimate_json(const std::vector<double>& values) {
  const Estimate e = estimate(values);
  return {{"mean", e.mean}, {"std", e.std}};
}

}  // namespace

std::string table(const Results& results) {
  std::string text = format("%-18s %10s %8s %15s %15s %12s %9s %8s\n", "method", "parameters", "lr",
                            "new digits %", "old digits %", "energy", "ms/step", "x frozen");
  for (const MethodResult& r : results.methods) {
    const Estimate now = estimate(r.new_digits), old = estimate(r.old_digits);
    text +=
        format("%-18s %10lld %8.0e %8.1f ± %-4.1f %8.1f ± %-4.1f %+11.3f%% %9.2f %8.2f\n",
               r.method.label.c_str(), static_cast<long long>(r.trainable_parameters), r.method.lr,
               100 * now.mean, 100 * now.std, 100 * old.mean, 100 * old.std,
               100 * (r.energy_after / r.energy_before - 1), 1000 * r.step_seconds, r.step_ratio);
  }
  return text;
}

std::string to_json(const Results& results) {
  nlohmann::ordered_json methods = nlohmann::ordered_json::array();
  for (const MethodResult& r : results.methods) {
    methods.push_back({{"name", r.method.name},
                       {"trainable_parameters", r.trainable_parameters},
                       {"learning_rate", r.method.lr},
                       {"accuracy_new", estimate_json(r.new_digits)},
                       {"accuracy_old", estimate_json(r.old_digits)},
                       {"energy_before", r.energy_before},
                       {"energy_after", r.energy_after},
                       {"step_seconds", r.step_seconds},
                       {"step_ratio", r.step_ratio}});
  }
  const nlohmann::ordered_json document{{"device", str(results.device)},
                                        {"pretrain_accuracy", results.pretrain_accuracy},
                                        {"methods", methods},
                                        {"merge_max_difference", results.merge_max_difference},
                                        {"seconds", results.seconds},
                                        {"interrupted", results.interrupted}};
  return document.dump(2) + '\n';
}

}  // namespace papilio::demo
