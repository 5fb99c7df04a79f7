#include "samples/papilio/images/image_evaluate.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "nn/data/batch_source.h"
#include "nn/data/loader.h"
#include "nn/data/transforms/image_processor.h"
#include "nn/models/answers.h"
#include "nn/train/fit.h"
#include "samples/papilio/data/known_split.h"
#include "samples/papilio/data/processor.h"
#include "samples/papilio/data/training_data.h"
#include "samples/papilio/images/report_evaluation.h"
#include "samples/papilio/models/model.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/output_file.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/report/report_adapter.h"
#include "samples/papilio/report/report_page.h"
#include "samples/report/pages/class_rows.h"
#include "samples/report/pages/run_report.h"

namespace papilio::cli {

namespace {

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

using Confusion = std::vector<std::vector<int64_t>>;

// NaN, of a class without images or never predicted, is a dash.
std::string share(double value) {
  return std::isnan(value) ? "-" : percent(value);
}

std::string class_table(const std::vector<report::ClassRow>& classes) {
  std::vector<std::vector<std::string>> rows{{"class", "images", "recall", "precision", "F1"}};
  for (const report::ClassRow& f : classes) {
    if (f.images == 0 && f.predicted == 0) continue;
    rows.push_back({printable(f.name), with_commas(f.images), share(f.recall()),
                    share(f.precision()), share(f.f1())});
  }
  return table(rows);
}

// The classes most often taken for another, if a whole matrix would be too wide.
std::string confusion_list(const Confusion& counts, const std::vector<std::string>& names) {
  struct Pair {
    size_t is, taken_for;
    int64_t count;
  };
  std::vector<Pair> pairs;
  for (size_t i = 0; i < counts.size(); ++i) {
    for (size_t k = 0; k < counts.size(); ++k) {
      if (i != k && counts[i][k] > 0) pairs.push_back({i, k, counts[i][k]});
    }
  }
  std::ranges::stable_sort(pairs, std::greater(), &Pair::count);
  pairs.resize(std::min<size_t>(pairs.size(), 20));
  std::vector<std::vector<std::string>> rows{{"true", "predicted", "images"}};
  for (const Pair& p : pairs)
    rows.push_back({printable(names[p.is]), printable(names[p.taken_for]), with_commas(p.count)});
  return table(rows, 2);
}

nlohmann::json classes_json(const std::vector<report::ClassRow>& classes) {
  nlohmann::json list = nlohmann::json::array();
  for (const report::ClassRow& f : classes) {
    list.push_back({{"class", f.name},
                    {"images", f.images},
                    {"predicted", f.predicted},
                    {"right", f.right},
                    {"recall", f.recall()},
                    {"precision", f.precision()},
                    {"f1", f.f1()}});
  }
  return list;
}

constexpr size_t kWidestMatrix = 12;

void print_result(const std::string& part, const nn::Evaluation& e, const Confusion& confusion,
                  const std::vector<std::string>& names, const LeftOut& rest) {
  std::string top5;
  if (names.size() > 5) top5 = ", top-5 " + percent(e.top5);
  std::printf("accuracy %s%s, loss %s on %lld images (%s)%s\n\n%s\n", percent(e.accuracy).c_str(),
              top5.c_str(), short_number(e.loss).c_str(), static_cast<long long>(e.labels.size()),
              part.c_str(), rest.classes.empty() ? "" : ("; " + printable(rest.text())).c_str(),
              class_table(report::class_rows(confusion, names)).c_str());
  const bool narrow = names.size() <= kWidestMatrix;
  std::printf(
      "%s",
      (narrow ? confusion_table(confusion, names) : confusion_list(confusion, names)).c_str());
}

}  // namespace

int evaluate_images(const ImageEvaluation& c) {
  check_data_options(c.options, c.data);
  check_can_be_written(c.report);
  warn(c.options, take_known_split(c.options, c.data, {c.adapter, c.model}));
  const Data all = open_data(c.data);
  chosen_classes(c.data, all);
  set_threads(c.common);

  c.options.applies_when(!all.source->processor, {&c.image_size}, kNoProcessor);
  LoadedModel loaded = load_model(
      c.model,
      {.adapter = c.adapter, .ignore_unused = c.ignore_unused, .image_size = c.image_size});
  loaded.to(c.device);
  if (!c.classifier.empty()) take_classifier(loaded, c.classifier);
  warn(c.options, loaded.warnings);
  check_takes(*all.source, c.model, *loaded.model);
  warn(c.options, all.images.notes);
  const Data data = for_model(c.data, all, loaded.class_names);
  const LeftOut rest = left_out(c.data, all, c.split, loaded.class_names);
  const nn::AnswerKind kind = nn::answer_kind(*loaded.model);
  check<UsageError>(kind != nn::AnswerKind::numbers && loaded.class_names.size() > 1, c.model,
                    kind == nn::AnswerKind::numbers
                        ? ": problem_type regression: its outputs are numbers, not classes"
                        : ": has one output, which tells no classes apart",
                    ", so that there is no accuracy; predict says what it answers");
  const nn::ImageProcessor processor =
      processor_of(c.options, data, c.model, *loaded.model, loaded.image_size);
  const nn::Batches images = evaluation_batches(data, c.split, processor, c.data.on_corrupt());
  nn::Loader loader(images, {.batch_size = c.batch_size,
                             .workers = loader_workers(c.data, data),
                             .epochs = 1,
                             .shuffle = false});
  const nn::Evaluation result = nn::evaluate(
      *loaded.model, [&](const Tensor& images) { return loaded(images); }, loader, kind);
  for (const std::string& message : result.skipped) warn(c.options, {"left out: " + message});
  check<Error>(result.without_answer == 0, "the model gives no number for ", result.without_answer,
               " of ", result.labels.size(), " images: weights or activations are not finite");
  const Confusion confusion = nn::confusion_matrix(result, int64_t(loaded.class_names.size()));
  if (c.common.json) {
    print_json({{"command", "evaluate"},
                {"device", str(nn::device_of(*loaded.model))},
                {"model", c.model},
                {"adapter", or_null(c.adapter)},
                {"classifier", or_null(c.classifier)},
                {"data", c.data.path},
                {"split", c.split},
                {"images", result.labels.size()},
                {"skipped", result.skipped},
                {"left_out", {{"classes", rest.classes}, {"images", rest.images}}},
                {"accuracy", result.accuracy},
                {"top5", result.top5},
                {"loss", result.loss},
                {"classes", loaded.class_names},
                {"per_class", classes_json(report::class_rows(confusion, loaded.class_names))},
                {"confusion", confusion}});
  } else {
    print_result(c.split, result, confusion, loaded.class_names, rest);
  }
  if (!c.report.empty()) {
    write_report(c.report, [&](report::RunReport& page) {
      page.title = "Evaluation on " + data_title(c.data);
      page.subject = "The model in " + c.model +
                     (c.adapter.empty() ? "" : " with the adapter in " + c.adapter) + ".";
      page.parameters = nn::count_parameters(*loaded.model).all;
      report_command(page, c.options, c.words, *loaded.model, c.data, data);
      report_evaluation(page, *loaded.model, {c.split, images, result}, data, processor);
      report_adapter(page, loaded.adapters.get());
    });
  }
  return 0;
}

}  // namespace papilio::cli
