#include "samples/papilio/data/class_list.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>

#include "nn/detail/text_table.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/nearest.h"
#include "samples/papilio/options/number_ranges.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/options.h"

namespace papilio::cli {

namespace {

// At commas that stand outside of quotation marks; "" in a quoted word is one mark.
std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> words{""};
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"' && (quoted || words.back().empty())) {
      if (quoted && i + 1 < text.size() && text[i + 1] == '"') {
        words.back() += text[++i];
        continue;
      }
      quoted = !quoted;
    } else if (text[i] == ',' && !quoted) {
      words.emplace_back();
    } else {
      words.back() += text[i];
    }
  }
  return words;
}

std::optional<int64_t> number_of(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size() && value >= 0;
  return whole && !text.starts_with('-') ? std::optional(value) : std::nullopt;
}

// Where each number stands among names that are all numbers, each another one; empty for others.
std::map<int64_t, int64_t> places_by_number(const std::vector<std::string>& names) {
  std::map<int64_t, int64_t> places;
  for (const std::string& name : names) {
    const auto number = number_of(name);
    if (!number || !places.emplace(*number, int64_t(places.size())).second) return {};
  }
  return places;
}

bool count_from_zero(const std::map<int64_t, int64_t>& places) {
  return std::ranges::all_of(places, [](const auto& p) { return p.first == p.second; });
}

class Chosen {
 public:
  explicit Chosen(const std::vector<std::string>& names) : names_(names) {}

  void add(int64_t place) {
    check<UsageError>(std::ranges::find(places_, place) == places_.end(), "--classes: class ",
                      printable(names_[size_t(place)]), " is named twice");
    places_.push_back(place);
  }
  [[noreturn]] void fail(const std::string& word) const {
    throw UsageError(str("--classes: the data have no class ", printable(word), "; they have ",
                         nn::listed(names_), did_you_mean(word, names_)));
  }
  const std::vector<int64_t>& places() const { return places_; }

 private:
  const std::vector<std::string>& names_;
  std::vector<int64_t> places_;
};

// "3" or "3-5", of names that are numbers: every one in the range must be there.
void add_numbers(Chosen& chosen, const std::string& word,
                 const std::map<int64_t, int64_t>& places) {
  const size_t dash = word.find('-');
  const auto first = number_of(word.substr(0, dash)),
             last = dash == word.npos ? first : number_of(word.substr(dash + 1));
  if (!first || !last) chosen.fail(word);
  check<UsageError>(*first <= *last, "--classes: the range ", word, " runs backwards");
  for (int64_t n = *first; n <= *last; ++n) {
    const auto found = places.find(n);
    if (found == places.end()) chosen.fail(std::to_string(n));
    chosen.add(found->second);
  }
}

}  // namespace

std::vector<int64_t> parse_class_list(const std::string& text,
                                      const std::vector<std::string>& names) {
  if (text.empty() || text == "all") return parse_classes("all", int64_t(names.size()));
  const auto place = [&](const std::string& name) {
    return std::ranges::find(names, name) - names.begin();
  };
  const auto is_name = [&](const std::string& word) { return place(word) < int64_t(names.size()); };
  const std::vector<std::string> words =
      is_name(text) ? std::vector<std::string>{text} : split(text);
  Chosen chosen(names);
  if (!std::ranges::all_of(words, is_name)) {
    const std::map<int64_t, int64_t> numbers = places_by_number(names);
    if (!numbers.empty() && !count_from_zero(numbers)) {
      for (const std::string& word : words)
        is_name(word) ? chosen.add(place(word)) : add_numbers(chosen, word, numbers);
      return chosen.places();
    }
    if (!numbers.empty() || text.find_first_not_of("0123456789,-") == text.npos)
      return parse_classes(text, int64_t(names.size()));
  }
  for (const std::string& word : words) is_name(word) ? chosen.add(place(word)) : chosen.fail(word);
  return chosen.places();
}

std::string class_list_text(const std::vector<std::string>& names) {
  constexpr size_t kMost = 8;
  std::vector<int64_t> numbers;
  for (const std::string& name : names) {
    const auto number = number_of(name);
    if (!number || std::to_string(*number) != name) return printable(nn::listed(names, kMost));
    numbers.push_back(*number);
  }
  return classes_text(numbers);
}

}  // namespace papilio::cli
