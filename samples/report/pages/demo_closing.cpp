#include "samples/report/pages/demo_closing.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "samples/report/pages/demo_report.h"
#include "samples/report/svg/grids.h"
#include "samples/report/svg/text.h"

namespace papilio::report {

void add_attention(Document& page, const DemoView& view) {
  const auto& titles = view.data.attention_titles;
  if (view.data.attention.empty() || titles.empty()) return;
  ImageGrid grid;
  grid.columns = int(titles.size()) + 1;
  grid.column_titles.emplace_back("image");
  grid.column_titles.insert(grid.column_titles.end(), titles.begin(), titles.end());
  grid.tile = 92;
  for (const AttentionExample& example : view.data.attention) {
    grid.tiles.emplace_back(example.picture, Matrix(), "a " + std::to_string(example.label));
    for (size_t i = 0; i < titles.size(); ++i) {
      const Matrix map = i < example.maps.size() ? example.maps[i] : Matrix{};
      grid.tiles.emplace_back(example.picture, map, "");
    }
  }
  page.section("attention", "Where the model looks");
  page.figure({render(grid)},
              "Attention over the image\u2019s patches, mean over the last layer\u2019s heads; the "
              "deeper the orange, the more a patch counts (each image on its own scale). Compare "
              "the pretrained column with the adapted ones: does adapting move the gaze to the "
              "strokes that tell the new digits apart?");
}

void add_mistakes(Document& page, const DemoView& view) {
  constexpr size_t kMost = 12;
  std::vector<std::string> pictures;
  for (const MethodReport& method : view.data.methods) {
    if (method.misclassified.empty()) continue;
    ImageGrid grid{.title = method.label};
    grid.columns = 6;
    grid.tile = 58;
    const auto shown = std::min(method.misclassified.size(), kMost);
    grid.tiles.assign(method.misclassified.begin(), method.misclassified.begin() + int64_t(shown));
    pictures.push_back(render(grid));
  }
  if (pictures.empty()) return;
  page.section("mistakes", "Mistakes");
  page.figure(pictures,
              "New digits that the first seed\u2019s models read wrongly, true \u2192 predicted; "
              "the first twelve if there are more. Which would you have read right, and which "
              "mistakes do several methods share?");
}

void add_merging(Document& page, const DemoView& view) {
  const DemoReport& data = view.data;
  if (!std::isfinite(data.merge_max_difference) && data.adapter_folder.empty()) return;
  page.section("merging", "Merging");
  page.paragraph(
      "The rotation can be multiplied into the weight once, <i class=\"v\">W</i>\u2032 = <i "
      "class=\"v\">s</i> (<i class=\"v\">W R</i><sup>\u22A4</sup>); the merged model has the size "
      "and the speed of the original.");
  std::vector<Setting> facts;
  if (std::isfinite(data.merge_max_difference)) {
    const bool within = data.merge_max_difference <= data.merge_tolerance;
    facts.push_back({"largest difference of a logit",
                     significant(data.merge_max_difference, 2) + " (" +
                         (within ? "within" : "beyond") + " the tolerance of " +
                         significant(data.merge_tolerance, 1) + ")"});
  }
  if (data.merge_images > 0) facts.push_back({"images compared", grouped(data.merge_images)});
  if (!data.adapter_folder.empty()) facts.push_back({"adapter saved in", data.adapter_folder});
  page.definitions(facts);
}

void add_making(Document& page, const DemoView& view) {
  const DemoReport& data = view.data;
  if (data.settings.empty() && data.environment.empty() && data.learning_rate_rule.empty() &&
      data.model_note.empty()) {
    return;
  }
  page.section("making", "How this was made");
  if (!data.model_note.empty()) page.paragraph(escape(data.model_note));
  if (!data.learning_rate_rule.empty()) page.paragraph(escape(data.learning_rate_rule));
  page.definitions(data.settings);
  page.definitions(data.environment);
}

}  // namespace papilio::report
