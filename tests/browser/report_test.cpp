// The reports in a real browser: nothing wrong, nothing cut off, nothing over anything else.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "tests/browser/browser.h"
#include "tests/nn/data/files.h"
#include "tests/samples/papilio/program.h"

namespace papilio::test {

namespace {

namespace fs = std::filesystem;

// Texts of one picture that lie over each other or stick out of it, and pictures that do not load.
const char* const kFaults = R"js(
(async () => {
  const faults = [];
  for (const svg of document.querySelectorAll('figure svg')) {
    const frame = svg.getBoundingClientRect();
    const boxes = [...svg.querySelectorAll('text')].map(
        t => [t.textContent, t.getBoundingClientRect()]);
    boxes.forEach(([text, a], i) => {
      if (a.left < frame.left - 2 || a.right > frame.right + 2 ||
          a.top < frame.top - 2 || a.bottom > frame.bottom + 2)
        faults.push('cut off: ' + text + ' in ' + svg.getAttribute('aria-label'));
      for (const [other, b] of boxes.slice(i + 1)) {
        const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (x > 1 && y > 4)
          faults.push('overlap: ' + text + ' and ' + other + ' in ' +
                      svg.getAttribute('aria-label'));
      }
    });
  }
  for (const image of document.querySelectorAll('image')) {
    const copy = new Image();
    copy.src = image.href.baseVal;
    await copy.decode().catch(() => faults.push('a picture that does not load'));
  }
  return faults;
})()
)js";

// Pictures of two colours in a pattern of each class's own.
void write_photos(const fs::path& root) {
  const char* const names[] = {"stripes", "a rather long name <b>", "plain"};
  for (int c = 0; c < 3; ++c) {
    fs::create_directories(root / names[c]);
    for (int i = 0; i < 24; ++i) {
      const int tint = i % 5 == 0 ? (c + 1) % 3 : c;
      write_bytes(root / names[c] / (std::to_string(i) + ".png"),
                  plain_png(16, 16, 40 + 80 * tint, 200 - 60 * tint + i, 30 + 5 * i));
    }
  }
}

struct Page {
  std::string name;
  fs::path file;
  int figures, tables;
};

void check_page(Browser& browser, const Page& page, const fs::path& photographs) {
  for (const int width : {1000, 400}) {
    for (const bool dark : {false, true}) {
      CAPTURE(page.name);
      CAPTURE(width);
      CAPTURE(dark);
      browser.open(page.file, width, dark);
      CHECK(browser.value("document.documentElement.scrollWidth") <= width);
      CHECK(browser.value("document.querySelectorAll('figure').length") == page.figures);
      CHECK(browser.value("document.querySelectorAll('table').length") == page.tables);
      const auto faults = browser.value(kFaults);
      CHECK_MESSAGE(faults.empty(), faults.dump(1));
      if (width == 1000) {  // tables fit a laptop's window; on a phone they scroll
        const auto hidden = browser.value(
            "[...document.querySelectorAll('.scroll')].map(e => e.scrollWidth - e.clientWidth)"
            ".filter(n => n > 1)");
        CHECK_MESSAGE(hidden.empty(), hidden.dump());
      }
      const std::string picture = browser.photograph();
      CHECK(picture.size() > 20'000);
      write_bytes(photographs / (page.name + '-' + std::to_string(width) +
                                 (dark ? "-dark.png" : "-light.png")),
                  picture);
      for (const std::string& complaint : browser.complaints()) CHECK_MESSAGE(false, complaint);
    }
  }
}

}  // namespace

TEST_CASE("reports of train, finetune, evaluate and demos, narrow and wide, light and dark") {
  const char* const folder = std::getenv("PAPILIO_PHOTOGRAPHS");
  const Workplace at;
  const fs::path photographs = folder == nullptr ? at / "photographs" : fs::path(folder);
  fs::create_directories(photographs);
  write_photos(at / "photos");
  at.json(
      words("train --data photos --crop none --epochs 8 --hidden-size 32 --layers 2 --heads 2 "
            "--patch-size 4 --batch-size 16 --out train"));
  at.json(
      words("finetune train --data photos --classes plain,stripes --epochs 3 -b 4 -m 2 "
            "--batch-size 16 --out boft"));
  at.json(words("train --classes 0-4 --epochs 2 --hidden-size 16 --layers 1 --heads 2 --out base"));
  at.json(words("finetune base --method lora --epochs 1 --out lora"));
  at.json(words("evaluate train --data photos --split all --report evaluate.html"));
  REQUIRE(at.run(words("demo --quick --quiet --out demo")).code == 0);
  REQUIRE(at.run(words("demo generation --quick --seeds 2 --quiet --out generation")).code == 0);
  at.json(words("explain boft train --out explain.html"));

  Browser browser(find_chromium(), at / "profile");
  check_page(browser, {"train", at / "train/report.html", 4, 1}, photographs);
  check_page(browser, {"boft", at / "boft/report.html", 9, 2}, photographs);
  check_page(browser, {"lora", at / "lora/report.html", 6, 2}, photographs);
  check_page(browser, {"evaluate", at / "evaluate.html", 3, 1}, photographs);
  check_page(browser, {"explain", at / "explain.html", 7, 0}, photographs);
  check_page(browser, {"demo", at / "demo/report.html", 12, 2}, photographs);
  check_page(browser, {"generation", at / "generation/report.html", 15, 4}, photographs);
}

TEST_CASE("the browser's own complaints are heard") {
  const Workplace at;
  write_bytes(at / "bad.html",
              "<figure><svg width=\"50\" height=\"20\" aria-label=\"s\"><text x=\"0\" "
              "y=\"15\">abc</text><text x=\"9\" y=\"15\">far too long</text></svg></figure>"
              "<svg><image href=\"data:image/png;base64,AAAA\"/></svg>"
              "<script>missing()</script><p style=\"width:900px\">wide</p>");
  Browser browser(find_chromium(), at / "profile");
  browser.open(at / "bad.html", 400, false);
  CHECK(browser.complaints().size() == 1);
  CHECK(browser.value("document.documentElement.scrollWidth") > 400);
  const auto faults = browser.value(kFaults);
  REQUIRE(faults.size() == 3);
  CHECK(faults[0] == "overlap: abc and far too long in s");
  CHECK(faults[1] == "cut off: far too long in s");
  CHECK(faults[2] == "a picture that does not load");
}

}  // namespace papilio::test

int main(int argc, char** argv) {
  if (papilio::test::find_chromium().empty()) {
    std::puts("skipped: no Chromium (chromium, chromium-browser or google-chrome)");
    return 77;  // Meson's word for it
  }
  return doctest::Context(argc, argv).run();
}
