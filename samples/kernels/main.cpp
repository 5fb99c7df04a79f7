// study: every version of a kernel against the CPU's results and the speed of a copy.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "kernels/cuda.h"
#include "kernels/error.h"
#include "samples/kernels/measure.h"
#include "samples/kernels/study.h"

namespace papilio::cuda::study {
namespace {

constexpr const char* kUsage =
    "study [SERIES...] [--list] [--rows N] [--d N] [--b N] [--m N] [--repeats N]\n"
    "  runs all versions of the series named, or of all; --list only names them\n"
    "  x is (rows, d); R has m factors of b x b blocks; cayley takes as many b x b matrices as "
    "fill x's memory\n"
    "  --repeats: how often ten runs of a version are timed; the median counts, 0 only checks\n";

struct Options {
  std::vector<std::string> names;
  Sizes sizes;
  int64_t repeats = 20;
  bool list = false, help = false;
};

void expect(bool condition, const std::string& message) {
  if (!condition) throw Error("study: " + message);
}

int64_t positive(const std::string& option, const char* text, int64_t least) {
  char* end = nullptr;
  const long long value = text == nullptr ? least - 1 : std::strtoll(text, &end, 10);
  expect(text != nullptr && *text != '\0' && *end == '\0' && value >= least && value <= 1 << 30,
         "expected a number after " + option);
  return value;
}

Options read(int argc, char** argv) {
  Options o;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto number = [&](int64_t least = 1) { return positive(word, argv[++i], least); };
    if (word == "--list") {
      o.list = true;
    } else if (word == "--help" || word == "-h") {
      o.help = true;
    } else if (word == "--rows") {
      o.sizes.rows = number();
    } else if (word == "--d") {
      o.sizes.d = number();
    } else if (word == "--b") {
      o.sizes.b = number();
    } else if (word == "--m") {
      o.sizes.m = number();
    } else if (word == "--repeats") {
      o.repeats = number(0);
    } else {
      const auto all = all_series();
      expect(std::ranges::find(all, word, &Series::name) != all.end(),
             "no series or option '" + word + "'; study --list names them");
      o.names.push_back(word);
    }
  }
  const Sizes& s = o.sizes;
  expect(s.m <= 16 && s.d % s.segment() == 0 && (s.m == 1 || s.b % 2 == 0),
         "expected d to be a multiple of b 2^(m-1), and b even for m > 1");
  return o;
}

// One line a version. Whether all of them are right.
bool run(const Series& series, const Options& o, double copy) {
  const Sizes& s = o.sizes;
  const Problem problem = series.problem(s);
  std::printf("\n%s: %s\nx (%lld, %lld), b %lld, m %lld; %.0f MB at least\n\n", series.name,
              series.computes, static_cast<long long>(s.rows), static_cast<long long>(s.d),
              static_cast<long long>(s.b), static_cast<long long>(s.m), 1e-6 * problem.bytes());
  std::printf("| version | idea | max difference | ms | GB/s | %% of copy |\n");
  std::printf("|---|---|---:|---:|---:|---:|\n");
  bool right = true;
  for (const Version& v : series.versions) {
    if (!v.takes(s)) {
      std::printf("| %s | %s | not for these sizes | | | |\n", v.name, v.idea);
      continue;
    }
    const Measurement m = measure(v, s, problem, int(o.repeats));
    const bool good = m.difference <= kTolerance;
    right &= good;
    std::printf("| %s | %s | %.1e%s |", v.name, v.idea, m.difference, good ? "" : " WRONG");
    const double rate = problem.bytes() / m.seconds;
    if (m.seconds > 0)
      std::printf(" %.3f | %.0f | %.0f |\n", 1e3 * m.seconds, 1e-9 * rate, 100 * rate / copy);
    else
      std::printf(" | | |\n");
    std::fflush(stdout);
  }
  return right;
}

int run(const Options& o) {
  if (o.help) return std::fputs(kUsage, stdout), 0;
  std::vector<Series> chosen;
  for (const Series& s : all_series())
    if (o.names.empty() || std::ranges::find(o.names, s.name) != o.names.end()) chosen.push_back(s);
  if (o.list) {
    for (const Series& s : chosen) {
      std::printf("%s: %s\n", s.name, s.computes);
      for (const Version& v : s.versions) std::printf("  %s  %s\n", v.name, v.idea);
    }
    return 0;
  }
  expect(device_count() > 0, "no GPU here; study --list names the versions");
  use_device(0);
  const double copy = copy_rate(2 * double(o.sizes.elements()) * sizeof(float), int(o.repeats));
  if (copy > 0) std::printf("a copy on the device: %.0f GB/s, read and written\n", 1e-9 * copy);
  bool right = true;
  for (const Series& s : chosen) right &= run(s, o, copy);
  return right ? 0 : 1;
}

}  // namespace
}  // namespace papilio::cuda::study

int main(int argc, char** argv) {
  try {
    return papilio::cuda::study::run(papilio::cuda::study::read(argc, argv));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
