#include "samples/report/pages/run_classes.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "samples/report/pages/class_rows.h"
#include "samples/report/svg/confusion.h"
#include "samples/report/svg/grids.h"
#include "samples/report/svg/text.h"

namespace papilio::report {
namespace {

Table::Cell number(std::string text) {
  return {std::move(text), true, false};
}

Table class_table(const std::vector<ClassRow>& rows, const std::vector<size_t>& order) {
  Table table;
  table.headers = {"No.", "class", "images", "recall", "precision", "F<sub>1</sub>"};
  for (size_t i : order) {
    const ClassRow& row = rows[i];
    table.rows.push_back({number(std::to_string(i)), Table::Cell{escape(row.name)},
                          number(grouped(row.images)), number(percent(row.recall(), 1)),
                          number(percent(row.precision(), 1)), number(percent(row.f1(), 1))});
  }
  return table;
}

// The classes most often taken for another.
Table pair_table(const RunReport& run) {
  struct Pair {
    size_t is, taken_for;
    int64_t count, of;
  };
  constexpr size_t kMost = 15;
  std::vector<Pair> pairs;
  for (size_t i = 0; i < run.confusion.size(); ++i) {
    const auto all = std::accumulate(run.confusion[i].begin(), run.confusion[i].end(), int64_t(0));
    for (size_t k = 0; k < run.confusion[i].size(); ++k) {
      if (i != k && run.confusion[i][k] > 0) pairs.push_back({i, k, run.confusion[i][k], all});
    }
  }
  std::ranges::stable_sort(pairs, std::greater(), &Pair::count);
  pairs.resize(std::min(pairs.size(), kMost));
  Table table;
  table.headers = {"true class", "taken for", "images", "share of the class"};
  for (const Pair& pair : pairs) {
    table.rows.push_back({Table::Cell{escape(run.class_names[pair.is])},
                          Table::Cell{escape(run.class_names[pair.taken_for])},
                          number(grouped(pair.count)),
                          number(percent(double(pair.count) / double(pair.of), 1))});
  }
  return table;
}

const char* const kFigures =
    "Recall: of the class\u2019s images, those recognised. Precision: of the images given its "
    "name, those that are. F<sub>1</sub>: their harmonic mean. A dash: there are no such images.";

std::string picture_of(const Picture& picture, double side) {
  ImageGrid grid;
  grid.tile = side;
  grid.tiles.emplace_back(picture, Matrix(), "");
  return render(grid);
}

bool right(const SampleReport& sample) {
  return sample.label == sample.predicted;
}

}  // namespace

void add_classes(Document& page, const RunReport& run) {
  if (run.confusion.empty() || run.class_names.size() != run.confusion.size()) return;
  constexpr size_t kShort = 20;
  page.section("classes", "Class by class");
  const bool named = run.confusion.size() <= kMostNamed;
  const size_t shared = classes_a_cell(run.confusion.size());
  page.figure(
      {render(ConfusionChart{"Confusion matrix", run.class_names, run.confusion})},
      "How the " + escape(run.part) +
          " images of each true class (a row) were answered. Blue, on the diagonal: recognised; "
          "orange: taken for another class. Colours are shares of the row, on a square-root scale, "
          "so that few mistakes still show. " +
          (named
               ? "Numbers are images; on the right the share recognised. Look for orange cells "
                 "that mirror each other across the diagonal: two classes that look alike."
               : "Numbers at the edges are the classes of the table below. Orange stripes: a class "
                 "that draws the others\u2019 images (a column) or loses its own (a row).") +
          (shared > 1 ? " So many classes that " + std::to_string(shared) +
                            " neighbours share a row and a column: a blue cell also holds what "
                            "they are taken for among themselves."
                      : ""));

  const std::vector<ClassRow> rows = class_rows(run.confusion, run.class_names);
  std::vector<size_t> all(rows.size());
  std::iota(all.begin(), all.end(), size_t(0));
  if (rows.size() <= kShort) {
    page.table(class_table(rows, all), kFigures);
    return;
  }
  const Table pairs = pair_table(run);
  if (!pairs.rows.empty()) page.table(pairs, "The classes most often taken for another.");
  std::vector<size_t> hardest;
  std::ranges::copy_if(all, std::back_inserter(hardest),
                       [&](size_t i) { return rows[i].images > 0; });
  std::ranges::stable_sort(hardest, std::less(), [&](size_t i) { return rows[i].f1(); });
  hardest.resize(std::min(hardest.size(), kShort));
  page.table(class_table(rows, hardest),
             "The classes with the lowest F<sub>1</sub>. " + std::string(kFigures));
  page.table(class_table(rows, all), "All classes.",
             "All " + std::to_string(rows.size()) + " classes");
}

void add_worst(Document& page, const RunReport& run) {
  if (run.worst.empty()) return;
  std::vector<Card> cards;
  for (const SampleReport& sample : run.worst) {
    cards.push_back({picture_of(sample.picture, 104), sample.label,
                     (right(sample) ? "recognised, " : "\u2192 " + sample.predicted + ", ") +
                         percent(sample.confidence, 0),
                     sample.name + ", loss " + significant(sample.loss, 3)});
  }
  page.section("worst", "The hardest images");
  page.cards(
      cards,
      "The " + escape(run.part) +
          " images with the highest loss, the worst first: the true class in bold, then what the "
          "model took it for and how sure it was. Sure and wrong: is the label wrong, the picture "
          "odd, or the model fooled? (Rest the mouse on a picture for its file and its loss.)");
}

void add_attention(Document& page, const RunReport& run) {
  if (run.attention.empty() && run.attention_missing.empty()) return;
  page.section("attention", "Where the model looks");
  if (run.attention.empty()) {
    page.paragraph(escape(run.attention_missing));
    return;
  }
  std::vector<Card> cards;
  bool ink = false;
  for (const SampleReport& sample : run.attention) {
    ImageGrid grid;
    grid.tile = 92;
    grid.columns = 3;
    grid.column_titles = {"image", "last layer", "all layers"};
    grid.tiles.emplace_back(sample.picture, Matrix(), "");
    grid.tiles.emplace_back(sample.picture, sample.attention_last, "");
    grid.tiles.emplace_back(sample.picture, sample.rollout, "");
    ink = ink || sample.picture.png.empty();
    cards.push_back({render(grid), sample.label,
                     (right(sample) ? "recognised, " : "taken for " + sample.predicted + ", ") +
                         percent(sample.confidence, 0),
                     sample.name});
  }
  page.cards(
      cards,
      std::string(ink ? "The deeper the orange, " : "The brighter a patch, ") +
          "the more it counts (each map on its own scale). Last layer: " +
          (run.class_token
               ? "the class token\u2019s attention over the patches, mean over the heads. "
               : "the attention that a patch receives, mean over the heads and tokens (this model "
                 "has no class token). ") +
          "All layers: attention followed back through every layer and the residuals beside them "
          "(rollout, Abnar and Zuidema 2020). Does it look at the object or at what surrounds it?",
      true);
}

}  // namespace papilio::report
