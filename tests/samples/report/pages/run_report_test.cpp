// The page about one run: whatever the figures, the names and the number of classes are.
#include "samples/report/pages/run_report.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "samples/report/pages/class_rows.h"
#include "samples/report/svg/text.h"
#include "tensor/error.h"
#include "tests/samples/report/markup.h"

namespace papilio::test {

using namespace report;

namespace {

const std::string kHostile = "<script>alert(\"1\")</script> & 'co'";

std::vector<std::string> names(size_t n) {
  std::vector<std::string> all;
  for (size_t i = 0; i < n; ++i) all.push_back(kHostile + std::to_string(i));
  return all;
}

// n classes of 10 images: class i is right 9 - i % 3 times, else taken for the next.
std::vector<std::vector<int64_t>> counts(size_t n) {
  std::vector<std::vector<int64_t>> all(n, std::vector<int64_t>(n, 0));
  for (size_t i = 0; i < n; ++i) {
    all[i][i] = 9 - int64_t(i % 3);
    all[i][(i + 1) % n] += 10 - all[i][i];
  }
  return all;
}

RunReport full_page(size_t classes) {
  RunReport run{.title = kHostile,
                .command = "finetune",
                .subject = kHostile,
                .stopped = kHostile,
                .resume_command = kHostile,
                .command_lines = {kHostile},
                .model_note = kHostile,
                .data_note = kHostile,
                .parameters = 201861,
                .trainable = 21061,
                .steps = 7,
                .total_steps = 9,
                .seconds = 4000,
                .images_per_second = 123,
                .part = "test",
                .images = 10 * int64_t(classes),
                .accuracy = 0.875,
                .top5 = 1,
                .loss = 0.5,
                .class_names = names(classes),
                .confusion = counts(classes)};
  run.curves.train_loss = run.curves.gradient_norm = {{0.5, 2}, {1, std::nan("")}, {1.5, 1}};
  run.curves.validation_loss = {{1, 0.7}};
  run.curves.validation_accuracy = {{1, INFINITY}, {2, 0.8}};
  SampleReport sample{.picture = {.png = "\x89PNG"},
                      .name = kHostile,
                      .label = kHostile,
                      .predicted = "other",
                      .confidence = 0.97,
                      .loss = std::nan("")};
  sample.attention_last = sample.rollout = {1, 2, {0.25, std::nan("")}};
  run.worst = run.attention = {sample, sample};
  run.adapter = {.method = "boft", .label = kHostile, .layers_in_model = 9};
  run.adapter.layers = {{.path = "a.0.query",
                         .inputs = 16,
                         .outputs = 8,
                         .blocks = "2",
                         .degrees = {1, 2, 30},
                         .orthogonality_error = 1e-7,
                         .energy_before = 100,
                         .energy_after = 101,
                         .relative_change = 0.1},
                        {.path = "a.1." + kHostile}};
  run.adapter.butterfly = {16, 4, 2};
  run.adapter.picture_layer = kHostile;
  run.adapter.rotation = {2, 2, {0, -1, 1, 0}};
  run.adapter.coordinates = 16;
  run.adapter.row_angles_before = run.adapter.row_angles_after = {10, 20, 90};
  run.settings = run.environment = {{kHostile, kHostile}};
  const Picture picture{.png = "\x89PNG"};
  run.pictures = {{kHostile, kHostile, {picture, picture}}, {"step 200", kHostile, {picture}}};
  return run;
}

}  // namespace

TEST_CASE("confusion matrix: well formed from none to a thousand classes, names escaped") {
  for (const size_t n : {0, 1, 2, 10, 40, 41, 100, 1000}) {
    const std::string svg = render(ConfusionChart{kHostile, names(n), counts(n)});
    CHECK_MESSAGE(complaint(svg).empty(), complaint(svg));
    CHECK(svg.find("<script>") == std::string::npos);
    CHECK_FALSE(shows_nan(svg));
    CHECK(svg.size() < 500'000);
  }
  CHECK(classes_a_cell(160) == 1);
  CHECK(classes_a_cell(161) == 2);
  CHECK(classes_a_cell(1000) == 7);
  // Names that are missing, rows that are short, a class without images.
  const std::string odd = render(ConfusionChart{"", {"a"}, {{3}, {}, {0, 1, 2}}});
  CHECK_MESSAGE(complaint(odd).empty(), complaint(odd));
  CHECK_FALSE(shows_nan(odd));
}

TEST_CASE("confusion matrix: counts, hints and shares are those given") {
  const std::string svg =
      render(ConfusionChart{"", {"cat", "dog", "owl"}, {{1230, 20, 0}, {3, 7, 0}, {0, 0, 0}}});
  CHECK(svg.find("<title>cat recognised: 1,230 of 1,250</title>") != std::string::npos);
  CHECK(svg.find("<title>cat taken for dog: 20 of 1,250</title>") != std::string::npos);
  CHECK(svg.find("<title>dog taken for cat: 3 of 10</title>") != std::string::npos);
  CHECK(svg.find(">1,230</text>") != std::string::npos);
  CHECK(occurrences(svg, "<title>") == 4);  // nothing for empty cells
  CHECK(svg.find(">98\u00A0%</text>") != std::string::npos);
  CHECK(svg.find(">70\u00A0%</text>") != std::string::npos);
  CHECK(svg.find(">\u2013</text>") != std::string::npos);  // the owl has no images
}

TEST_CASE("class figures: recall, precision and F1 by hand") {
  const std::vector<ClassRow> rows = class_rows({{8, 2, 0}, {4, 6, 0}, {0, 0, 0}}, {"a", "b", "c"});
  CHECK(rows[0].images == 10);
  CHECK(rows[0].predicted == 12);
  CHECK(rows[0].recall() == doctest::Approx(0.8));
  CHECK(rows[0].precision() == doctest::Approx(8.0 / 12));
  CHECK(rows[1].f1() == doctest::Approx(2 * 0.6 * 0.75 / (0.6 + 0.75)));
  CHECK(std::isnan(rows[2].recall()));
  CHECK(std::isnan(rows[2].precision()));
}

TEST_CASE("the run's page: well formed, self-contained, whatever is missing or hostile") {
  const std::string empty = render(RunReport());
  CHECK_MESSAGE(complaint(empty).empty(), complaint(empty));
  for (const size_t n : {2, 10, 100}) {
    RunReport run = full_page(n);
    const std::string html = render(run);
    CHECK_MESSAGE(complaint(html).empty(), complaint(html));
    CHECK_FALSE(shows_nan(html));
    CHECK(html.find("21,061") != std::string::npos);
    CHECK(html.find("87.5\u00A0%") != std::string::npos);
    for (const char* outside : {"src=\"http", "href=\"http", "url(http", "<script"})
      CHECK(html.find(outside) == std::string::npos);
    for (const char* section : {"learning", "classes", "worst", "attention", "rotation", "angles",
                                "rows", "energy", "making"})
      CHECK(html.find(str("<section id=\"", section, '"')) != std::string::npos);
    // 100 classes are too many for their names at the edge: the table has them all, closed.
    CHECK(html.find("<details>") == (n == 100 ? html.find("<details>") : std::string::npos));
    CHECK((html.find("<summary>All 100 classes</summary>") != std::string::npos) == (n == 100));
  }
  RunReport none = full_page(2);
  none.attention.clear();
  none.attention_missing = "This model has no attention.";
  none.adapter = {};
  const std::string html = render(none);
  CHECK(html.find("This model has no attention.") != std::string::npos);
  CHECK(html.find("<section id=\"rotation\"") == std::string::npos);
}

TEST_CASE(
    "a model of many layers shows its angles by depth, and says how many layers it leaves out") {
  RunReport run;
  run.adapter = {.method = "oft",
                 .label = "OFT b=8",
                 .layers_in_model = 144,
                 .picture_layer = "vit.encoder.layer.23.attention.query",
                 .rotation = {2, 2, {0, -1, 1, 0}},
                 .coordinates = 2};
  for (int i = 0; i < 24; ++i) {
    for (const char* kind : {"query", "value"}) {
      run.adapter.layers.push_back({.path = str("vit.encoder.layer.", i, ".attention.", kind),
                                    .degrees = {double(i), double(i)},
                                    .energy_before = 10,
                                    .energy_after = 10});
    }
  }
  std::string html = render(run);
  CHECK_MESSAGE(complaint(html).empty(), complaint(html));
  CHECK(html.find("Median rotation angle by depth") != std::string::npos);
  const std::string some[] = {"Shown are 48 of 144 adapted layers", "The 48 layers as a table",
                              "which turned most of those measured, by the median",
                              "sum over the layers measured"},
                    all[] = {"All 48 layers as a table", "which turned most, by the median",
                             "sum over the layers<"};
  for (const std::string& text : some) CHECK_MESSAGE(html.find(text) != std::string::npos, text);
  for (const std::string& text : all) CHECK_MESSAGE(html.find(text) == std::string::npos, text);
  run.adapter.layers_in_model = 48;
  html = render(run);
  for (const std::string& text : some) CHECK_MESSAGE(html.find(text) == std::string::npos, text);
  for (const std::string& text : all) CHECK_MESSAGE(html.find(text) != std::string::npos, text);
}

TEST_CASE("the loss is called what it is, whatever the samples are called") {
  for (const char* samples : {"images", "pictures"}) {
    RunReport run;
    run.samples = samples;
    run.curves.train_loss = run.curves.validation_loss = {{1, 2}, {2, 1}};
    const auto says = [&](const char* text) { return render(run).find(text) != std::string::npos; };
    CHECK(says("cross-entropy (nats), log scale"));
    CHECK(says("Augmentation and label smoothing raise the training loss"));
    run.cross_entropy = run.training_is_harder = false;
    CHECK_FALSE(says("cross-entropy"));
    CHECK(says(">log scale<"));
    CHECK_FALSE(says("Augmentation"));
  }
}

TEST_CASE("what a method keeps is said by its facts: orthogonal or not, a scale or none") {
  const auto says = [](bool keeps_angles, bool has_scale, double error, const std::string& words) {
    RunReport run;
    run.adapter = {.method = "x",
                   .keeps_angles = keeps_angles,
                   .has_scale = has_scale,
                   .label = "X",
                   .layers = {{.path = "a",
                               .orthogonality_error = error,
                               .energy_before = 10,
                               .energy_after = 10}},
                   .picture_layer = "a",
                   .row_angles_before = {10, 20},
                   .row_angles_after = {10, 20}};
    return render(run).find(words) != std::string::npos;
  };
  const double nan = std::nan("");
  for (const bool keeps : {false, true}) {
    CHECK(says(keeps, false, nan, "What an orthogonal map keeps") == keeps);
    CHECK(says(keeps, false, nan, "up to rounding.") == keeps);
    CHECK(says(keeps, false, nan, "What a map that is not orthogonal changes") != keeps);
    CHECK(says(keeps, false, nan, "free to change the angles between rows") != keeps);
  }
  for (const bool scale : {false, true})
    CHECK(says(true, scale, 1e-7, "whose learned scale") == scale);
  CHECK_FALSE(says(true, false, 1e-2, "up to rounding"));
  CHECK(says(true, false, 1e-2, "up to how far its blocks are from orthogonal: here max |"));
}

TEST_CASE("base64 is RFC 4648's; long labels end in an ellipsis, never inside a character") {
  CHECK(base64("") == "");
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foo") == "Zm9v");
  CHECK(base64("\xff\xfe\xfd") == "//79");
  CHECK(shortened("cat", 100, 12) == "cat");
  const std::string cut =
      shortened("\u00E4\u00F6\u00FC\u00E4\u00F6\u00FC\u00E4\u00F6\u00FC", 40, 12);
  CHECK(cut.ends_with("\u2026"));
  CHECK(cut.size() % 2 == 1);  // whole two-byte letters before three bytes
  CHECK(text_width(cut, 12) <= 40);
}

}  // namespace papilio::test
