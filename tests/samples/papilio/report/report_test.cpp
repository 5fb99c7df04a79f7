// report.html as the papilio program writes it, with figures that are computed once more from its
// predictions.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/nn/data/files.h"
#include "tests/samples/papilio/program.h"
#include "tests/samples/report/markup.h"

namespace papilio::test {

namespace {

namespace fs = std::filesystem;

const std::string kTiny =
    " --hidden-size 16 --layers 2 --heads 2 --batch-size 8 --quiet --json --crop none ";

// Names as an HTML writer fears them.
const std::vector<std::string> kNames{"a<b>&'c'", "say \"x\"", "plain"};

std::string escaped(const std::string& text) {
  std::string out;
  for (char c : text) {
    out += c == '&'    ? "&amp;"
           : c == '<'  ? "&lt;"
           : c == '>'  ? "&gt;"
           : c == '"'  ? "&quot;"
           : c == '\'' ? "&#39;"
                       : std::string(1, c);
  }
  return out;
}

// Pictures of one colour a class, in train and test folders; every third picture of the test part
// has the colour of another class.
void write_pictures(const fs::path& root, int train, int test) {
  for (size_t c = 0; c < kNames.size(); ++c) {
    for (const std::string part : {"train", "test"}) {
      fs::create_directories(root / part / kNames[c]);
      for (int i = 0; i < (part == "train" ? train : test); ++i) {
        const size_t colour = part == "test" && i % 3 == 2 ? (c + 1) % 3 : c;
        const auto value = [&](size_t k) { return k == colour ? 190 + 3 * i : 10 + 2 * i; };
        write_bytes(root / part / kNames[c] / (std::to_string(i) + ".png"),
                    plain_png(8, 8, value(0), value(1), value(2)));
      }
    }
  }
}

std::vector<std::string> matches(const std::string& text, const std::string& pattern) {
  std::vector<std::string> all;
  const std::regex regex(pattern);
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it)
    all.push_back((*it)[1]);
  return all;
}

bool has_section(const std::string& html, const std::string& id) {
  return html.find("<section id=\"" + id + '"') != std::string::npos;
}

std::string section(const std::string& html, const std::string& id) {
  const size_t begin = html.find("<section id=\"" + id + '"');
  return begin == std::string::npos ? ""
                                    : html.substr(begin, html.find("</section>", begin) - begin);
}

std::string picture(const std::string& html) {
  return html.substr(html.find("<svg"), html.find("</svg>") - html.find("<svg"));
}

// The confusion and the worst images once more, from what predict says about each file.
void check_predictions(const Workplace& at, const std::string& html) {
  std::vector<std::string> question = words("predict base --top 3");
  std::vector<std::string> files, truth;
  for (const std::string& name : kNames) {
    for (int i = 0; i < 6; ++i) {
      files.push_back("photos/test/" + name + '/' + std::to_string(i) + ".png");
      truth.push_back(name);
    }
  }
  question.insert(question.end(), files.begin(), files.end());
  const auto predictions = at.json(question)["predictions"];
  std::map<std::pair<std::string, std::string>, int> confusion;
  std::vector<std::pair<double, std::string>> losses;
  double right = 0;
  for (size_t i = 0; i < files.size(); ++i) {
    const std::string predicted = predictions[i]["class"];
    ++confusion[{truth[i], predicted}];
    right += predicted == truth[i];
    for (const auto& guess : predictions[i]["top"]) {
      if (guess["class"] == truth[i])
        losses.emplace_back(-std::log(double(guess["probability"])), files[i]);
    }
  }
  CHECK(right < double(files.size()));  // or there is nothing to confuse
  for (const auto& [pair, count] : confusion) {
    const std::string what = pair.first == pair.second ? escaped(pair.first) + " recognised: "
                                                       : escaped(pair.first) + " taken for " +
                                                             escaped(pair.second) + ": ";
    CHECK_MESSAGE(
        html.find("<title>" + what + std::to_string(count) + " of 6</title>") != std::string::npos,
        what);
  }
  CHECK(occurrences(section(html, "classes"), "<title>") == int(confusion.size()));

  const std::vector<std::string> hints =
      matches(section(html, "worst"), "<li title=\"([^\"]*), loss [^\"]*\"");
  CHECK(hints.size() == files.size());  // fewer than would be shown at most
  std::ranges::stable_sort(losses, std::greater(), [](const auto& l) { return l.first; });
  for (size_t i = 0; i < hints.size(); ++i) {
    // Equal up to rounding, neighbours may stand in either order.
    const auto found =
        std::ranges::find_if(losses, [&](const auto& l) { return escaped(l.second) == hints[i]; });
    REQUIRE(found != losses.end());
    CHECK(found->first == doctest::Approx(losses[i].first).epsilon(1e-4));
  }
  CHECK(occurrences(section(html, "worst"), "href=\"data:image/png;base64,iVBORw0KGgo") ==
        int(files.size()));
}

}  // namespace

TEST_CASE("train's report: confusion, classes and worst images are those of its predictions") {
  const Workplace at;
  write_pictures(at / "photos", 12, 6);
  std::vector<std::string> line =
      words("train --data photos --epochs 6 --lr 0.01 --out base" + kTiny);
  REQUIRE(at.run(line).code == 0);
  const std::string html = at.bytes("base/report.html");
  CHECK_MESSAGE(complaint(html).empty(), complaint(html));
  CHECK_FALSE(shows_nan(html));
  CHECK_FALSE(fs::exists(at / "base/.report.html.tmp"));
  CHECK(html.find("<script") == std::string::npos);
  for (const std::string& name : kNames) {
    CHECK(html.find(escaped(name)) != std::string::npos);
    if (name != "plain") CHECK(html.find(name) == std::string::npos);
  }

  check_predictions(at, html);

  CHECK(occurrences(section(html, "attention"), "<li ") == 8);
  CHECK(occurrences(section(html, "learning"), "<svg") == 4);  // with the held-out validation part
  CHECK_FALSE(has_section(html, "rotation"));
  const std::string making = section(html, "making");
  CHECK(making.find("papilio train --data photos --epochs 6 --lr 0.01 --out base") !=
        std::string::npos);
  CHECK(making.find("<dt>hidden-size</dt><dd>16</dd>") != std::string::npos);
  CHECK(making.find("33 images to train, 3 to validate, 18 to test") != std::string::npos);

  // evaluate --report: the same confusion, no curves.
  at.json(words("evaluate base --data photos --report evaluated.html"));
  const std::string evaluated = at.bytes("evaluated.html");
  CHECK_MESSAGE(complaint(evaluated).empty(), complaint(evaluated));
  CHECK(matches(section(evaluated, "classes"), "<title>([^<]*)") ==
        matches(section(html, "classes"), "<title>([^<]*)"));
  CHECK_FALSE(has_section(evaluated, "learning"));
  const Outcome nowhere = at.run(words("evaluate base --data photos --report no/where.html"));
  CHECK(nowhere.code == 1);
  CHECK(nowhere.err.starts_with("papilio evaluate: cannot write no/where.html: "));
}

TEST_CASE("finetune's report: adapters with their rotations, angles and energy, by method") {
  const Workplace at;
  const std::string tiny = " --hidden-size 16 --layers 2 --heads 2 --patch-size 4 ";
  at.json(words("train --classes 0-1 --epochs 1 --out base" + tiny));
  for (const std::string method : {"boft", "oft", "lora", "hra", "linear", "full"}) {
    at.json(words("finetune base --classes 2-4 --epochs 2 --batch-size 32 --out " + method +
                  " --method " + method));
    const std::string html = at.bytes(method + "/report.html");
    CHECK_MESSAGE(complaint(html).empty(), complaint(html));
    CHECK_FALSE(shows_nan(html));
    const bool rotates = method == "boft" || method == "oft",
               adapter = rotates || method == "lora" || method == "hra";
    CHECK(has_section(html, "rotation") == rotates);
    CHECK(has_section(html, "angles") == rotates);
    CHECK(has_section(html, "rows") == adapter);
    CHECK(has_section(html, "energy") == adapter);
    CHECK(has_section(html, "classes"));
    // Two layers of query, key, value and output, intermediate and output of the MLP.
    CHECK((html.find("What an orthogonal map keeps") != std::string::npos) ==
          (rotates || method == "hra"));
    CHECK((html.find("is free to change the angles") != std::string::npos) == (method == "lora"));
    CHECK((html.find("whose learned scale") != std::string::npos) == (method == "boft"));
    if (adapter) CHECK(occurrences(section(html, "energy"), "<tr><td>") == 12);
  }
  const std::string boft = at.bytes("boft/report.html");
  CHECK(boft.find("<title>BOFT b=4 m=2 on handwritten digits</title>") != std::string::npos);
  CHECK(section(boft, "energy").find("2\u00A0\u00D7\u00A04 of 4\u00A0\u00D7\u00A04") !=
        std::string::npos);
  at.json(words("evaluate base --adapter boft --report boft.html"));
  // The very same picture; figures are numbered otherwise.
  CHECK(picture(section(at.bytes("boft.html"), "angles")) == picture(section(boft, "angles")));
}

TEST_CASE(
    "the report of a model without attention says so; of data without test part it shows the "
    "validation") {
  const Workplace at;
  const std::string line = "train --classes 0-2 --epochs 1 --hidden-size 16 --heads 2 --out ";
  at.json(words(line + "flat --layers 0"));
  CHECK(section(at.bytes("flat/report.html"), "attention")
            .find("This model has no attention layers, so there is no map.") != std::string::npos);
  write_pictures(at / "photos", 5, 3);
  at.json(
      words("train --data photos/train --validation-share 0.4 --test-share 0 --epochs 1 "
            "--hidden-size 16 --layers 1 --heads 2 --out part"));
  CHECK(at.bytes("part/report.html").find("of the validation images right") != std::string::npos);
  at.json(
      words("train --data photos/train --validation-share 0 --test-share 0 --epochs 1 "
            "--hidden-size 16 --layers 1 --heads 2 --out none"));
  const std::string none = at.bytes("none/report.html");
  CHECK_MESSAGE(complaint(none).empty(), complaint(none));
  CHECK_FALSE(has_section(none, "classes"));
  CHECK(has_section(none, "learning"));
}

TEST_CASE("a report that cannot be written is a warning: the model is there") {
  const Workplace at;
  fs::create_directories(at / "run/report.html");  // a folder where the file would be
  const Outcome outcome = at.run(words(
      "train --classes 0-1 --epochs 1 --hidden-size 16 --layers 1 --heads 2 --quiet --out run"));
  CHECK(outcome.code == 0);
  CHECK(
      outcome.err.starts_with("papilio train: warning: no report: cannot write run/report.html: "));
  CHECK(fs::exists(at / "run/model.safetensors"));
}

}  // namespace papilio::test
