// The site that ./dev docs makes, in a real browser: guide, course, lessons, map and reference.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/browser/browser.h"
#include "tests/samples/papilio/program.h"

namespace papilio::test {

namespace fs = std::filesystem;

TEST_CASE("the site: nothing of the network, no dead link, Arabic from right to left") {
  const char* const folder = std::getenv("PAPILIO_SITE");
  if (folder == nullptr || !fs::exists(fs::path(folder) / "index.html")) {
    MESSAGE("skipped: ./dev docs has not been run");
    return;
  }
  const fs::path site(folder);
  const Workplace at;
  Browser browser(find_chromium(), at / "profile");
  for (const std::string page :
       {"index.html", "md_samples_course_README.html", "md_samples_course_guide.html",
        "md_samples_course_guide_ar.html", "md_samples_README.html", "md_samples_RESULTS.html",
        "md_samples_lessons_12_turning_back_README.html", "md_boft_README.html",
        "namespacepapilio_1_1boft.html"}) {
    CAPTURE(page);
    REQUIRE(fs::exists(site / page));
    browser.open(site / page, 1000, false);
    for (const std::string& complaint : browser.complaints()) CHECK_MESSAGE(false, complaint);
    CHECK(browser.value("document.querySelectorAll('.contents a').length") > 0);
    const auto remote = browser.value(
        "[...document.querySelectorAll('script[src],link[rel=stylesheet],img')]"
        ".map(e => e.src || e.href).filter(u => !u.startsWith('file:') && !u.startsWith('data:'))");
    CHECK_MESSAGE(remote.empty(), remote.dump());
    const auto links = browser.value(
        "[...document.querySelectorAll('.contents a[href]')].map(a => new URL(a.href))"
        ".filter(u => u.protocol == 'file:').map(u => decodeURIComponent(u.pathname))");
    for (const auto& link : links) CHECK_MESSAGE(fs::exists(link.get<std::string>()), link.dump());
  }
  browser.open(site / "md_samples_course_guide_ar.html", 400, false);
  const auto direction = [&](const std::string& what) {
    return browser.value("getComputedStyle(document.querySelector('" + what + "')).direction");
  };
  for (const std::string what : {".contents", ".contents h1", ".contents li", ".contents td"})
    CHECK_MESSAGE(direction(what) == "rtl", what);
  for (const std::string what : {".contents pre", ".contents code"})
    CHECK_MESSAGE(direction(what) == "ltr", what);
  CHECK(browser.value("document.querySelectorAll('.contents :is(p, td, li)').length") > 40);
}

}  // namespace papilio::test
