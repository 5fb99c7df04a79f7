#include "samples/papilio/demo/curve_run.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "kernels/threads.h"
#include "nn/data/sources/image_dataset.h"
#include "nn/data/survey.h"
#include "nn/train/progress.h"
#include "samples/papilio/demo/curve_table.h"
#include "samples/papilio/demo/experiment.h"
#include "samples/papilio/demo/methods.h"
#include "samples/papilio/demo/task.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/run/interrupt.h"
#include "samples/report/pages/html.h"
#include "samples/report/svg/text.h"
#include "tensor/error.h"
#include "tensor/files/atomic_file.h"

namespace papilio::demo {

namespace {

std::string title_of(const CurvePoint& p) {
  return str(p.epochs, " epochs, head ", p.fitted_head ? "fitted first" : "drawn");
}

// The way back from the whole run of the largest setting of each method.
std::vector<report::CurveLine> ways_back(const std::vector<CurvePoint>& points) {
  std::vector<report::CurveLine> lines;
  for (const CurvePoint& end : points) {
    const bool last = end.strength == 1 && std::ranges::none_of(points, [&](const CurvePoint& p) {
                        return p.method == end.method && p.order > end.order;
                      });
    if (!last) continue;
    report::CurveLine line{end.method, str(end.label, ' ', end.setting), {}, {}};
    for (const CurvePoint& p : points) {
      if (p.method != end.method || p.setting != end.setting) continue;
      line.learned.push_back(p.learned), line.kept.push_back(p.kept);
    }
    if (line.learned.size() > 1) lines.push_back(std::move(line));
  }
  return lines;
}

report::CurvePicture picture_of(const std::vector<CurvePoint>& points) {
  report::CurvePicture picture{.title = title_of(points.front())};
  for (const CurvePoint& p : points) {
    if (p.strength != 1) continue;
    auto line = std::ranges::find(picture.lines, p.method, &report::CurveLine::name);
    if (line == picture.lines.end()) line = picture.lines.insert(line, {p.method, p.label, {}, {}});
    line->learned.push_back(p.learned), line->kept.push_back(p.kept);
  }
  picture.back = ways_back(points);
  return picture;
}

report::Table table_of(const std::vector<CurvePoint>& points) {
  report::Table table;
  table.headers = {"Method", "epochs", "head"};
  for (const double level : levels_of(points))
    table.headers.push_back("at " + report::percent(level, 0) + "<br/>learned");
  table.headers.emplace_back("fresh<br/>head");
  const auto number = [](std::string text) {
    return report::Table::Cell{std::move(text), true, false};
  };
  for (const CurveRow& row : read_levels(points)) {
    std::vector<report::Table::Cell> cells{{report::escape(row.label)},
                                           number(std::to_string(row.epochs)),
                                           {row.fitted_head ? "fitted" : "drawn"}};
    for (const CurveRow::Level& l : row.levels) {
      if (l.reached == 0) {
        cells.push_back(number("\u2013"));
        continue;
      }
      std::string text = l.above > 0 ? "\u2265 " : "";
      text += report::plus_minus(100 * l.kept.mean,
                                 l.reached > 1 ? 100 * l.kept.std : report::kUnset, 1);
      if (l.reached < l.of) text += str(" (", l.reached, '/', l.of, ')');
      cells.push_back(number(text));
    }
    cells.push_back(number(report::percent(row.probed_least, 1) + " \u2013 " +
                           report::percent(row.probed_most, 1)));
    table.rows.push_back(std::move(cells));
  }
  return table;
}

// "0, 1, 2, 3, 4", and of many the first ones.
std::string names_of(const nn::ImageSplits& classes) {
  return nn::listed(classes.class_names(), 12);
}

// What is left out of the data, and what will be done.
void say_beginning(const Task& task, const Hyperparameters& hyperparameters, const CurvePlan& plan,
                   bool quiet) {
  for (const std::string& note : task.notes)
    std::fprintf(stderr, "papilio demo: warning: %s\n", cli::printable(note).c_str());
  if (quiet) return;
  const size_t runs = plan.settings.size() * plan.pretrainings.size() * size_t(plan.seeds) *
                      plan.epochs.size() * plan.fitted_heads.size();
  const auto half = [](const nn::ImageSplits& images) {
    return str(cli::printable(names_of(images)), " (",
               cli::counted(images.train->size(), "picture"), " to train, ",
               cli::with_commas(images.test->size()), " to test)");
  };
  std::fprintf(stderr,
               "%s learned first, in %s, by a transformer of width %lld and %s; then %s, in %s\n",
               half(task.old_classes).c_str(),
               cli::counted(hyperparameters.pretrain_epochs, "epoch").c_str(),
               static_cast<long long>(task.model.hidden_size),
               cli::counted(task.model.num_hidden_layers, "layer").c_str(),
               half(task.new_classes).c_str(), cli::counted(int64_t(runs), "run").c_str());
}

// A picture that cannot be read is better found before the hours that would end at it.
void check_readable(const Task& task, bool quiet) {
  for (const nn::ImageSplits* half : {&task.old_classes, &task.new_classes}) {
    const nn::ImageData all = half->part("all");
    nn::Progress bar(quiet ? nullptr : stderr, "read", all->size());
    int64_t before = 0;
    const nn::ImageSurvey found = nn::survey(*all, num_threads(), [&](int64_t done) {
      bar.update(done, done - before, "");
      before = done;
      return cli::Interruptible::signal() == 0;
    });
    if (found.corrupt.empty()) continue;
    const size_t more = found.corrupt.size() - 1;
    throw FileError(found.corrupt.front().message +
                    (more == 0 ? "" : str(", and ", more, " more that cannot be read")));
  }
}

}  // namespace

report::CurveReport curve_report(const std::vector<CurvePoint>& points) {
  report::CurveReport page;
  const std::vector<CurvePoint> shown = means(points);
  std::set<std::string> done;
  for (const CurvePoint& first : shown) {
    if (!done.insert(title_of(first)).second) continue;
    std::vector<CurvePoint> own;
    std::ranges::copy_if(shown, std::back_inserter(own),
                         [&](const CurvePoint& p) { return title_of(p) == title_of(first); });
    page.pictures.push_back(picture_of(own));
  }
  std::set<uint64_t> pretrainings, seeds;
  for (const CurvePoint& p : points) pretrainings.insert(p.pretraining), seeds.insert(p.seed);
  page.pretrainings = str("the mean of ", cli::counted(int64_t(pretrainings.size()), "pretraining"),
                          " and ", cli::counted(int64_t(seeds.size()), "adaptation"), " of each");
  page.levels = table_of(points);
  for (const Correlation& c : correlations(points))
    page.correlations.push_back({c.measure, str(report::fixed(c.rho, 2), " over ", c.points)});
  return page;
}

int run_curve(const DemoOptions& options, const Task& task,
              const Hyperparameters& hyperparameters) {
  CurvePlan plan = whole_curve(options.seeds);
  if (options.quick) plan.settings = curve_settings(true);
  plan.epochs = options.quick      ? std::vector<int64_t>{1}
                : task.of_digits() ? options.curve_epochs
                                   : std::vector<int64_t>{hyperparameters.adapt_epochs};
  plan.fitted_heads = options.fitted_heads;
  plan.pretrainings.clear();
  for (int64_t i = 0; i < options.pretrainings; ++i)
    plan.pretrainings.push_back(options.seed + uint64_t(i));
  say_beginning(task, hyperparameters, plan, options.quiet);
  if (!task.of_digits()) check_readable(task, options.quiet);
  const std::vector<CurvePoint> points = draw_curve(plan, task, hyperparameters, options.device,
                                                    options.out, options.quiet ? nullptr : stderr);
  if (!points.empty()) {
    report::CurveReport page = curve_report(points);
    const std::string what = task.of_digits() ? "the digits " : "";
    page.old_classes = what + names_of(task.old_classes);
    page.new_classes = what + names_of(task.new_classes);
    page.environment = {
        {"data", task.data},
        {"pictures to train and to test",
         str(cli::with_commas(task.old_classes.train->size()), " and ",
             cli::with_commas(task.old_classes.test->size()), "; of the new classes ",
             cli::with_commas(task.new_classes.train->size()), " and ",
             cli::with_commas(task.new_classes.test->size()))},
        {"pretraining seeds",
         str(options.seed, " to ", options.seed + uint64_t(options.pretrainings) - 1)},
        {"device", str(options.device)},
        {"threads", str(num_threads())}};
    write_file_atomically(options.out / "curve.json", curve_json(points));
    write_file_atomically(options.out / "curve.html", report::render(page));
    std::fputs((options.json ? curve_json(points) : curve_text(points)).c_str(), stdout);
  }
  if (cli::Interruptible::signal() == 0) return 0;
  std::fprintf(stderr,
               "papilio demo: interrupted; the runs made so far are in %s, and the same command "
               "goes on with them\n",
               (options.out / "points.jsonl").c_str());
  return 128 + cli::Interruptible::signal();
}

}  // namespace papilio::demo
