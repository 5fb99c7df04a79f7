#include "nn/text/normalize.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "nn/text/detail/unicode_tables.h"
#include "nn/text/utf8.h"

namespace papilio::nn {

using namespace unicode;

namespace {

// Hangul syllables are composed by arithmetic: The Unicode Standard, section 3.12.
constexpr uint32_t kSyllables = 0xAC00, kLeading = 0x1100, kVowels = 0x1161, kTrailing = 0x11A7;
constexpr uint32_t kLeadingCount = 19, kVowelCount = 21, kTrailingCount = 28;
constexpr uint32_t kSyllableCount = kLeadingCount * kVowelCount * kTrailingCount;

// The row of a sorted table whose first..last hold the code, or null.
template <class Row>
const Row* find_run(std::span<const Row> rows, uint32_t code) {
  const auto after =
      std::ranges::upper_bound(rows, code, {}, [](const Row& row) { return row.first; });
  if (after == rows.begin()) return nullptr;
  const Row& row = *std::prev(after);
  return code <= row.last ? &row : nullptr;
}

uint32_t combining_class(uint32_t code) {
  const auto* const run = find_run(std::span(kCombiningClasses, kCombiningClassesCount), code);
  return run != nullptr ? run->value : 0;
}

void decompose(uint32_t code, std::vector<uint32_t>& to) {
  if (code - kSyllables < kSyllableCount) {
    const uint32_t i = code - kSyllables, trailing = i % kTrailingCount;
    to.push_back(kLeading + i / (kVowelCount * kTrailingCount));
    to.push_back(kVowels + i / kTrailingCount % kVowelCount);
    if (trailing != 0) to.push_back(kTrailing + trailing);
    return;
  }
  const std::span rows(kDecompositions, kDecompositionsCount);
  const auto row = std::ranges::lower_bound(rows, code, {}, &Decomposition::code);
  if (row == rows.end() || row->code != code) {
    to.push_back(code);
    return;
  }
  decompose(row->first, to);
  if (row->second != 0) to.push_back(row->second);
}

// What two characters become, or 0.
uint32_t composed(uint32_t first, uint32_t second) {
  static const std::map<std::pair<uint32_t, uint32_t>, uint32_t> pairs = [] {
    std::map<std::pair<uint32_t, uint32_t>, uint32_t> made;
    for (const Decomposition& d : std::span(kDecompositions, kDecompositionsCount))
      if (d.composes != 0) made[{d.first, d.second}] = d.code;
    return made;
  }();
  if (first - kLeading < kLeadingCount && second - kVowels < kVowelCount)
    return kSyllables + ((first - kLeading) * kVowelCount + (second - kVowels)) * kTrailingCount;
  const uint32_t syllable = first - kSyllables;
  if (syllable < kSyllableCount && syllable % kTrailingCount == 0 &&
      second - kTrailing - 1 < kTrailingCount - 1)
    return first + (second - kTrailing);
  const auto found = pairs.find({first, second});
  return found != pairs.end() ? found->second : 0;
}

// Marks behind a character in the order of their classes.
void order_marks(std::vector<uint32_t>& text) {
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    while (end < text.size() && combining_class(text[end]) != 0) ++end;
    std::stable_sort(
        text.begin() + std::ptrdiff_t(i), text.begin() + std::ptrdiff_t(end),
        [](uint32_t a, uint32_t b) { return combining_class(a) < combining_class(b); });
    i = end + 1;
  }
}

// The Unicode Standard, section 3.11, D117.
void compose(std::vector<uint32_t>& text) {
  size_t kept = 0, starter = SIZE_MAX;
  uint32_t last = 0;  // the class of what was kept behind the starter
  for (const uint32_t code : text) {
    const uint32_t own = combining_class(code);
    const bool blocked = kept - starter > 1 && last >= own;
    const uint32_t both = starter == SIZE_MAX || blocked ? 0 : composed(text[starter], code);
    if (both != 0) {
      text[starter] = both;
      continue;
    }
    if (own == 0) starter = kept;
    last = own;
    text[kept++] = code;
  }
  text.resize(kept);
}

}  // namespace

std::string nfc(std::string_view text) {
  std::string result;
  std::vector<uint32_t> run;
  const auto finish = [&] {
    order_marks(run);
    compose(run);
    for (const uint32_t code : run) append_utf8(result, char32_t(code));
    run.clear();
  };
  for (size_t at = 0; at < text.size();) {
    const size_t length = utf8_length(text, at);
    if (length > 0) {
      decompose(uint32_t(utf8_code_point(text, at, length)), run);
    } else {
      finish();
      result += text[at];
    }
    at += std::max<size_t>(length, 1);
  }
  finish();
  return result;
}

std::string lower_case(std::string_view text) {
  constexpr uint32_t kDottedI = 0x130;  // the only one that becomes two
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const size_t length = utf8_length(text, at);
    const uint32_t code = length > 0 ? uint32_t(utf8_code_point(text, at, length)) : 0;
    const LowerRun* const run = find_run(std::span(kLowerRuns, kLowerRunsCount), code);
    if (length == 0)
      result += text[at];
    else if (code == kDottedI)
      result += "i\u0307";
    else if (run != nullptr && (code - run->first) % run->step == 0)
      append_utf8(result, char32_t(code + run->distance));
    else
      append_utf8(result, char32_t(code));
    at += std::max<size_t>(length, 1);
  }
  return result;
}

}  // namespace papilio::nn
