#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>

#include "nn/train/fit.h"
#include "samples/cli/commands.h"
#include "samples/cli/common.h"
#include "samples/cli/digits.h"
#include "samples/cli/model.h"
#include "samples/cli/table.h"

namespace papilio::cli {

namespace {

struct Settings {
  std::string model, adapter, classes, split = "test";
  int64_t batch_size = 256;
  Common common;
};

Options declare(Settings& s) {
  Options options("evaluate", "MODEL [options]",
                  "Accuracy, mean cross-entropy and confusion matrix of a model on the digits.");
  options.section("What to evaluate");
  options.add("MODEL", &s.model, "", "model folder").required();
  options.add("adapter", &s.adapter, "DIR", "adapter folder to put on it");
  options.add("classes", &s.classes, "LIST", "only these digits: 0-4, or 0,1,7")
      .default_is("all the model knows");
  options.add("split", &s.split, "NAME", "test, validation, train or all")
      .choices({"test", "validation", "train", "all"});
  options.add("batch-size", &s.batch_size, "N", "images at a time").range(1, 1e6);
  add_common(options, s.common);
  options.example("papilio evaluate runs/base");
  options.example("papilio evaluate runs/base --adapter runs/boft --split validation --json");
  return options;
}

// A row a true class that has images, a column a predicted one, and the share of the row that is
// right.
std::string confusion_table(const std::vector<std::vector<int64_t>>& counts,
                            const std::vector<std::string>& names) {
  std::vector<std::vector<std::string>> rows{{"true \\ predicted"}};
  for (const std::string& name : names) rows[0].push_back(printable(name));
  rows[0].emplace_back("right");
  for (size_t i = 0; i < counts.size(); ++i) {
    const int64_t all = std::accumulate(counts[i].begin(), counts[i].end(), int64_t(0));
    if (all == 0) continue;
    rows.push_back({printable(names[i])});
    for (int64_t n : counts[i]) rows.back().push_back(n == 0 ? "." : std::to_string(n));
    rows.back().push_back(percent(double(counts[i][i]) / double(all)));
  }
  return table(rows);
}

}  // namespace

int evaluate(const Words& words) {
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  const nn::Dataset digits = all_digits();
  std::vector<int64_t> classes;
  if (!s.classes.empty()) classes = parse_classes(s.classes, int64_t(digits.class_names.size()));
  set_threads(s.common);

  LoadedModel loaded = load_model(s.model, s.adapter);
  warn(options, loaded.warnings);
  check_takes_digits(s.model, *loaded.model);
  const nn::Dataset data = for_model(split_of(digits, s.split), loaded.class_names, classes);
  const nn::Evaluation result = nn::evaluate(
      *loaded.model, [&](const Tensor& images) { return loaded(images); }, data, s.batch_size);
  const auto confusion = nn::confusion_matrix(result, int64_t(data.class_names.size()));
  if (s.common.json) {
    print_json(
        {{"command", "evaluate"},
         {"model", s.model},
         {"adapter", s.adapter.empty() ? nlohmann::json(nullptr) : nlohmann::json(s.adapter)},
         {"split", s.split},
         {"images", data.size()},
         {"accuracy", result.accuracy},
         {"loss", result.loss},
         {"classes", loaded.class_names},
         {"confusion", confusion}});
  } else {
    std::printf("accuracy %s, loss %s on %lld images (%s)\n\n%s", percent(result.accuracy).c_str(),
                short_number(result.loss).c_str(), static_cast<long long>(data.size()),
                s.split.c_str(), confusion_table(confusion, loaded.class_names).c_str());
  }
  return 0;
}

}  // namespace papilio::cli
