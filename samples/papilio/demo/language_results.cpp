#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "nn/train/evaluate_text.h"
#include "samples/papilio/demo/demo.h"
#include "samples/papilio/demo/language.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/run/interrupt.h"
#include "samples/papilio/text/text_result.h"
#include "samples/papilio/version.h"
#include "samples/report/pages/html.h"
#include "samples/report/svg/lines.h"
#include "samples/report/svg/text.h"
#include "tensor/files/atomic_file.h"

namespace papilio::demo {

namespace {

using cli::short_number;

nlohmann::json evaluation_json(const nn::TextEvaluation& e) {
  nlohmann::json object;
  cli::add_to_json(object, "", e);
  return object;
}

nlohmann::json point_json(const LanguagePoint& p) {
  return {{"steps", p.steps},
          {"learned", evaluation_json(p.learned)},
          {"kept", evaluation_json(p.kept)}};
}

// The cells of the table, for the terminal and the page alike.
std::vector<std::vector<std::string>> rows(const LanguageResults& r) {
  std::vector<std::vector<std::string>> rows{{"method", "rate", "parameters", "Genesis: perplexity",
                                              "bits a byte", "Austen: perplexity", "bits a byte"}};
  const auto row = [&](const std::string& label, const std::string& rate, int64_t parameters,
                       const LanguagePoint& p) {
    rows.push_back({label, rate, nn::with_commas(parameters),
                    short_number(p.learned.perplexity(), 4),
                    short_number(p.learned.bits_per_byte(), 3),
                    short_number(p.kept.perplexity(), 4), short_number(p.kept.bits_per_byte(), 3)});
  };
  row("pretrained", "", r.parameters, r.base);
  for (const LanguageRun* run : r.best())
    row(run->label, short_number(run->lr), run->trainable, run->points.back());
  return rows;
}

// Bits a byte of both authors along each run, lower and to the left is better.
std::string curve(const LanguageResults& r) {
  report::LineChart chart;
  chart.title = "What is learned, what is kept";
  chart.x.label = "Genesis, bits a byte (lower: learned more)";
  chart.y.label = "Austen, bits a byte (lower: kept more)";
  chart.width = 700, chart.height = 460;
  int slot = 0;
  std::string before;
  for (const LanguageRun& run : r.runs) {
    if (!before.empty() && run.method != before) ++slot;
    const bool first = run.method != before;
    before = run.method;
    report::Series series{.label = first ? run.label : "", .slot = slot};
    series.x.push_back(r.base.learned.bits_per_byte());
    series.y.push_back(r.base.kept.bits_per_byte());
    for (const LanguagePoint& p : run.points) {
      series.x.push_back(p.learned.bits_per_byte());
      series.y.push_back(p.kept.bits_per_byte());
    }
    chart.series.push_back(std::move(series));
  }
  return report::render(chart);
}

}  // namespace

std::vector<const LanguageRun*> LanguageResults::best() const {
  std::vector<const LanguageRun*> best;
  for (const LanguageRun& run : runs) {
    const auto same = std::ranges::find(best, run.method, &LanguageRun::method);
    if (same == best.end())
      best.push_back(&run);
    else if (run.validation < (*same)->validation)
      *same = &run;
  }
  return best;
}

nlohmann::json LanguageResults::json() const {
  nlohmann::json object{{"command", "demo language"},
                        {"version", cli::kVersion},
                        {"parameters", parameters},
                        {"vocabulary", vocabulary},
                        {"pretrain_steps", pretrain_steps},
                        {"adapt_steps", adapt_steps},
                        {"pretrain_seconds", pretrain_seconds},
                        {"seconds", seconds},
                        {"prompt", prompt},
                        {"base", point_json(base)},
                        {"base_sample", base_sample},
                        {"runs", nlohmann::json::array()}};
  for (const LanguageRun& run : runs) {
    nlohmann::json points = nlohmann::json::array();
    for (const LanguagePoint& p : run.points) points.push_back(point_json(p));
    object["runs"].push_back({{"method", run.method},
                              {"label", run.label},
                              {"lr", run.lr},
                              {"validation_loss", run.validation},
                              {"trainable_parameters", run.trainable},
                              {"points", points},
                              {"sample", run.sample}});
  }
  return object;
}

std::string LanguageResults::table() const {
  std::string text = nn::table(rows(*this));
  text += str("\n", prompt, " ...\n");
  const auto sample = [&](const std::string& label, std::string words) {
    std::ranges::replace(words, '\n', ' ');
    text += str("  ", label, ": ...", cli::printable(words), '\n');
  };
  sample("pretrained", base_sample);
  for (const LanguageRun* run : best()) sample(run->label, run->sample);
  return text;
}

std::string language_page(const LanguageResults& r) {
  report::Document page("A language model learns another author");
  page.lead(report::escape(
      str("A GPT-2 of ", nn::with_commas(r.parameters), " parameters and ", r.vocabulary,
          " tokens learned the first half of Jane Austen's Pride and Prejudice in ",
          r.pretrain_steps, " steps, and then Genesis in the King James Version in ", r.adapt_steps,
          " steps, by every method and several rates.")));
  page.section("results", "The best rate of each method");
  const auto cells = rows(r);
  report::Table table;
  for (const std::string& header : cells[0]) table.headers.push_back(report::escape(header));
  for (size_t i = 1; i < cells.size(); ++i) {
    std::vector<report::Table::Cell> row;
    for (size_t k = 0; k < cells[i].size(); ++k)
      row.push_back({report::escape(cells[i][k]), k > 0, false});
    table.rows.push_back(std::move(row));
  }
  page.table(table,
             "On the test part of each author. The rate is the one with the lowest "
             "cross-entropy on Genesis' validation part, of those tried.");
  page.section("curve", "Learned against kept");
  page.figure(
      {curve(r)},
      "Each line is one rate of a method, from the pretrained model (bottom right) over its "
      "steps. One pretraining, one seed: differences of some hundredths of a bit say "
      "nothing.");
  page.section("samples", "How they go on");
  page.paragraph(report::escape(str("\"", r.prompt, "\", temperature 0.7, top-p 0.9, one seed.")));
  page.paragraph("pretrained");
  page.code_block(r.prompt + r.base_sample);
  for (const LanguageRun* run : r.best()) {
    page.paragraph(report::escape(run->label));
    page.code_block(r.prompt + run->sample);
  }
  return page.finish();
}

int run_language(const DemoOptions& options) {
  const cli::Interruptible interruptible;
  const LanguageResults results = language_results(options);
  write_file_atomically(options.out / "results.json", results.json().dump(2) + '\n');
  write_file_atomically(options.out / "report.html", language_page(results));
  if (options.json) {
    cli::print_json(results.json());
  } else {
    std::printf("%s\n%s: results.json, report.html, base/\n", results.table().c_str(),
                options.out.string().c_str());
  }
  const int signal = cli::Interruptible::signal();
  return signal == 0 ? 0 : 128 + signal;
}

}  // namespace papilio::demo
