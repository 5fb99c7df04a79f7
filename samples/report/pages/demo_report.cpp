#include "samples/report/pages/demo_report.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "samples/report/pages/demo_closing.h"
#include "samples/report/pages/demo_curves.h"
#include "samples/report/pages/demo_geometry.h"
#include "samples/report/pages/demo_view.h"
#include "samples/report/svg/palette.h"
#include "samples/report/svg/text.h"

namespace papilio::report {
namespace {

std::string sentence(const std::string& text) {
  if (text.empty()) return "";
  const bool ends = text.back() == '.' || text.back() == '!' || text.back() == '?';
  return escape(text) + (ends ? " " : ". ");
}

// "96.6 ± 0.6 %"
std::string share(const Estimate& e) {
  return plus_minus(100 * e.mean, 100 * e.std, 1) + "\u00A0%";
}

// A difference below its own deviation over the seeds, sqrt(s_a^2 + s_b^2), says nothing.
std::string compared(const Estimate& a, const Estimate& b) {
  const double points = std::abs(a.mean - b.mean) * 100;
  if (points < 0.05) return "as many as";
  if (points < 100 * std::hypot(a.std, b.std)) return "as far as the seeds tell as many as";
  return fixed(points, 1) + " points " + (a.mean > b.mean ? "more" : "fewer") + " than";
}

std::string compared_with_full(const MethodReport& boft, const MethodReport* full) {
  if (full == nullptr || !std::isfinite(full->accuracy_new.mean)) return "";
  return ", " + compared(boft.accuracy_new, full->accuracy_new) + " full finetuning (" +
         share(full->accuracy_new) + ", " + grouped(full->trainable_parameters) + " parameters)";
}

// What BOFT keeps, and why no method is ranked by that.
std::string kept_sentence(const DemoView& view, const MethodReport& boft) {
  if (!std::isfinite(boft.accuracy_old.mean)) return "";
  return "With its old head the adapted model still recognises <b>" + share(boft.accuracy_old) +
         "</b> of the digits " + escape(view.data.old_classes) +
         ": how many is decided by the rate, and every method\u2019s was chosen for the new digits "
         "alone. ";
}

void add_summary(Document& page, const DemoView& view) {
  const DemoReport& data = view.data;
  std::string text = sentence(data.data_note);
  text += "A vision transformer";
  if (data.model_parameters > 0) text += " of " + grouped(data.model_parameters) + " parameters";
  text += " first learned the digits " + escape(data.old_classes);
  if (std::isfinite(data.pretrain_accuracy)) {
    text += " (" + percent(data.pretrain_accuracy, 1) + " of held-out images right)";
  }
  text += " and was then adapted to " + escape(data.new_classes) + " in several ways. ";
  const MethodReport* const boft = view.find("boft");
  const MethodReport* const full = view.find("full");
  if (boft != nullptr && std::isfinite(boft->accuracy_new.mean)) {
    text += escape(boft->label);
    text += ", which leaves every weight frozen and learns a rotation in front of it, ";
    text += "recognises <b>" + share(boft->accuracy_new) + "</b> of the new digits with " +
            grouped(boft->trainable_parameters) + " trained parameters" +
            compared_with_full(*boft, full) + ". ";
    text += kept_sentence(view, *boft);
  }
  page.lead(text);

  std::vector<std::pair<std::string, std::string>> merit;
  if (std::isfinite(data.pretrain_accuracy)) {
    merit.emplace_back(percent(data.pretrain_accuracy, 1),
                       "of held-out digits " + data.old_classes + " right before adapting");
  }
  if (boft != nullptr && std::isfinite(boft->accuracy_new.mean)) {
    merit.emplace_back(percent(boft->accuracy_new.mean, 1),
                       "of digits " + data.new_classes + " right with " + boft->label);
  }
  if (boft != nullptr && full != nullptr && full->trainable_parameters > 0) {
    const double share = double(boft->trainable_parameters) / double(full->trainable_parameters);
    merit.emplace_back(percent(share, 1), "of full finetuning\u2019s parameters trained");
  }
  if (boft != nullptr && std::isfinite(energy_change(*boft))) {
    merit.emplace_back(significant(std::abs(energy_change(*boft)), 2) + "\u00A0%",
                       "change of the weights\u2019 hyperspherical energy");
  }
  if (std::isfinite(data.merge_max_difference)) {
    merit.emplace_back(significant(data.merge_max_difference, 2),
                       "largest change of a logit by merging");
  }
  if (!merit.empty()) page.figures_of_merit(merit);
}

void add_results(Document& page, const DemoView& view) {
  if (view.data.methods.empty()) return;
  double best_new = 0;
  double best_old = 0;
  for (const MethodReport& method : view.data.methods) {
    best_new = std::max(best_new, method.accuracy_new.mean);
    best_old = std::max(best_old, method.accuracy_old.mean);
  }
  Table table;
  table.headers = {"Method",
                   "trained<br/>parameters",
                   "share of<br/>model (%)",
                   "new digits<br/>" + escape(view.data.new_classes) + " (%)",
                   "old digits<br/>" + escape(view.data.old_classes) + " (%)",
                   "energy<br/>before",
                   "energy<br/>after",
                   "step<br/>(ms)",
                   "step /<br/>frozen step"};
  for (size_t i = 0; i < view.data.methods.size(); ++i) {
    const MethodReport& m = view.data.methods[i];
    const auto number = [](std::string text, bool strong = false) {
      return Table::Cell{std::move(text), true, strong};
    };
    const auto accuracy = [&](const Estimate& a, double best) {
      return number(plus_minus(100 * a.mean, 100 * a.std, 1), a.mean == best && best > 0);
    };
    table.rows.push_back(
        {Table::Cell{method_label(view.slots[i], m.label)}, number(grouped(m.trainable_parameters)),
         number(fixed(100 * m.trainable_fraction, 1)), accuracy(m.accuracy_new, best_new),
         accuracy(m.accuracy_old, best_old), number(significant(m.energy_before, 6)),
         number(significant(m.energy_after, 6)), number(fixed(1000 * m.step_seconds, 1)),
         number(fixed(m.step_ratio, 2))});
  }
  page.section("results", "Results");
  std::string caption =
      "Accuracies are in % of the held-out test digits; the old digits are read with the "
      "pretrained head after adapting. Bold: the largest of a column. Energy: hyperspherical "
      "energy of the adapted layers\u2019 weight rows. The frozen step trains the head alone while "
      "gradients still flow back through the whole backbone: the least that a step with an adapter "
      "in the first layer can cost. The probe and full finetuning are free to cost less or more.";
  if (view.data.seeds > 1) {
    caption +=
        " Mean \u00B1 standard deviation over " + std::to_string(view.data.seeds) + " seeds.";
  }
  page.table(table, caption);
}

}  // namespace

std::string render(const DemoReport& report) {
  std::vector<std::string> names;
  for (const MethodReport& method : report.methods) names.push_back(method.name);
  const DemoView view{report, method_slots(names)};
  Document page(report.title);
  add_summary(page, view);
  add_results(page, view);
  add_curves(page, report.curve);
  add_forgetting(page, view);
  add_learning(page, view);
  add_rotation(page, view);
  add_rotation_angles(page, view);
  add_row_angles(page, view);
  add_energy(page, view);
  add_attention(page, view);
  add_mistakes(page, view);
  add_merging(page, view);
  add_making(page, view);
  return page.finish();
}

}  // namespace papilio::report
