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
#include "samples/papilio/commands/commands.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/data/known_split.h"
#include "samples/papilio/data/processor.h"
#include "samples/papilio/data/training_data.h"
#include "samples/papilio/images/report_evaluation.h"
#include "samples/papilio/models/language_model.h"
#include "samples/papilio/models/model.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/output_file.h"
#include "samples/papilio/options/text_options.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/report/report_adapter.h"
#include "samples/papilio/report/report_page.h"
#include "samples/papilio/text/text_evaluate.h"
#include "samples/report/pages/class_rows.h"
#include "samples/report/pages/run_report.h"

namespace papilio::cli {

namespace {

struct Settings {
  std::string model, adapter, classifier, split = "test", report;
  DataSettings data;
  int64_t batch_size = 256, image_size = 0;
  bool ignore_unused = false;
  TextSettings text;
  Common common;
};

Options declare(Settings& s) {
  Options options(
      "evaluate", "MODEL [options]",
      "Accuracy (the likeliest class, and the five likeliest), mean cross-entropy, figures of "
      "each class and confusion matrix of a model, on the digits or on images in files; of a "
      "language model the perplexity of a text, also in bits a byte.");
  options.section("What to evaluate");
  options.add("MODEL", &s.model, "", "model folder").required();
  add_adapter(options, s.adapter, s.ignore_unused);
  add_image_size(options, s.image_size);
  options.add("classifier", &s.classifier, "DIR",
              "model folder whose classifier and classes to use instead: with the model that was "
              "adapted, what is left of its knowledge");
  add_data(options, s.data);
  options.option(&s.data.classes).default_is("all the model knows");
  options.add("split", &s.split, "NAME", "test, validation, train or all")
      .choices({"test", "validation", "train", "all"});
  options.add("batch-size", &s.batch_size, "N", "images at a time").range(1, 1e6);
  options.add("report", &s.report, "FILE",
              "write a page with pictures: confusion, the hardest images, attention, the adapter");
  add_text(options, s.text);
  add_common_and_device(options, s.common);
  options.example("papilio evaluate runs/base");
  options.example("papilio evaluate runs/photos --data photos --corrupt skip");
  options.example("papilio evaluate runs/base --adapter runs/boft --classifier runs/base");
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

void print_result(const Settings& s, const nn::Evaluation& e, const Confusion& confusion,
                  const std::vector<std::string>& names, const LeftOut& rest) {
  std::string top5;
  if (names.size() > 5) top5 = ", top-5 " + percent(e.top5);
  std::printf("accuracy %s%s, loss %s on %lld images (%s)%s\n\n%s\n", percent(e.accuracy).c_str(),
              top5.c_str(), short_number(e.loss).c_str(), static_cast<long long>(e.labels.size()),
              s.split.c_str(), rest.classes.empty() ? "" : ("; " + printable(rest.text())).c_str(),
              class_table(report::class_rows(confusion, names)).c_str());
  const bool narrow = names.size() <= kWidestMatrix;
  std::printf(
      "%s",
      (narrow ? confusion_table(confusion, names) : confusion_list(confusion, names)).c_str());
}

// The same command on a language model.
int evaluate_as_text(Options& options, const Words& words, Settings& s) {
  options.applies_when(false,
                       {&s.classifier, &s.report, &s.image_size, &s.data.classes, &s.data.corrupt},
                       kImageModel);
  if (!options.given(&s.batch_size)) s.batch_size = 8;
  return evaluate_text({options, words, s.data, s.text, s.common, s.batch_size}, s.model, s.adapter,
                       s.ignore_unused, s.split);
}

}  // namespace

int evaluate(const Words& words) {
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  const Device device = device_of(s.common);
  if (holds_language_model(s.model)) return evaluate_as_text(options, words, s);
  refuse_text(options, s.text);
  check_data_options(options, s.data);
  check_can_be_written(s.report);
  warn(options, take_known_split(options, s.data, {s.adapter, s.model}));
  const Data all = open_data(s.data);
  chosen_classes(s.data, all);
  set_threads(s.common);

  options.applies_when(!all.source->processor, {&s.image_size}, kNoProcessor);
  LoadedModel loaded = load_model(
      s.model,
      {.adapter = s.adapter, .ignore_unused = s.ignore_unused, .image_size = s.image_size});
  loaded.to(device);
  if (!s.classifier.empty()) take_classifier(loaded, s.classifier);
  warn(options, loaded.warnings);
  check_takes(*all.source, s.model, *loaded.model);
  warn(options, all.images.notes);
  const Data data = for_model(s.data, all, loaded.class_names);
  const LeftOut rest = left_out(s.data, all, s.split, loaded.class_names);
  const nn::AnswerKind kind = nn::answer_kind(*loaded.model);
  check<UsageError>(kind != nn::AnswerKind::numbers && loaded.class_names.size() > 1, s.model,
                    kind == nn::AnswerKind::numbers
                        ? ": problem_type regression: its outputs are numbers, not classes"
                        : ": has one output, which tells no classes apart",
                    ", so that there is no accuracy; predict says what it answers");
  const nn::ImageProcessor processor =
      processor_of(options, data, s.model, *loaded.model, loaded.image_size);
  const nn::Batches images = evaluation_batches(data, s.split, processor, s.data.on_corrupt());
  nn::Loader loader(images, {.batch_size = s.batch_size,
                             .workers = loader_workers(s.data, data),
                             .epochs = 1,
                             .shuffle = false});
  const nn::Evaluation result = nn::evaluate(
      *loaded.model, [&](const Tensor& images) { return loaded(images); }, loader, kind);
  for (const std::string& message : result.skipped) warn(options, {"left out: " + message});
  check<Error>(result.without_answer == 0, "the model gives no number for ", result.without_answer,
               " of ", result.labels.size(), " images: weights or activations are not finite");
  const Confusion confusion = nn::confusion_matrix(result, int64_t(loaded.class_names.size()));
  if (s.common.json) {
    print_json({{"command", "evaluate"},
                {"device", str(nn::device_of(*loaded.model))},
                {"model", s.model},
                {"adapter", or_null(s.adapter)},
                {"classifier", or_null(s.classifier)},
                {"data", s.data.path},
                {"split", s.split},
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
    print_result(s, result, confusion, loaded.class_names, rest);
  }
  if (!s.report.empty()) {
    write_report(s.report, [&](report::RunReport& page) {
      page.title = "Evaluation on " + data_title(s.data);
      page.subject = "The model in " + s.model +
                     (s.adapter.empty() ? "" : " with the adapter in " + s.adapter) + ".";
      page.parameters = nn::count_parameters(*loaded.model).all;
      report_command(page, options, words, *loaded.model, s.data, data);
      report_evaluation(page, *loaded.model, {s.split, images, result}, data, processor);
      report_adapter(page, loaded.adapters.get());
    });
  }
  return 0;
}

}  // namespace papilio::cli
