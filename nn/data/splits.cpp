#include "nn/data/splits.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "nn/data/detail/word_hash.h"

namespace papilio::nn {

namespace {

// The name within the class: it stays when the data set moves.
std::string_view name_in_class(std::string_view name, const std::string& class_name) {
  const std::string folder = '/' + class_name + '/';
  const size_t at = name.rfind(folder), slash = name.rfind('/');
  if (at != name.npos) return name.substr(at + folder.size());
  return slash == name.npos ? name : name.substr(slash + 1);
}

// Mixed as SplitMix64 does: the order of names that differ in one digit is to be as good as drawn.
uint64_t hash_of(uint64_t seed, std::string_view class_name, std::string_view name) {
  uint64_t h = word_hash(word_hash(kWordHash ^ (seed * 0x9e3779b97f4a7c15u), class_name), name);
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
  h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
  return h ^ (h >> 31);
}

// The positions in an order that follows from their names.
std::vector<int64_t> by_name(const LabelledSamples& data, const std::vector<int64_t>& positions,
                             const std::string& class_name, uint64_t seed) {
  std::vector<std::pair<uint64_t, int64_t>> keys;
  for (const int64_t i : positions) {
    const std::string name = data.name(i);
    keys.emplace_back(hash_of(seed, class_name, name_in_class(name, class_name)), i);
  }
  std::ranges::sort(keys);
  std::vector<int64_t> order;
  order.reserve(keys.size());
  for (const auto& key : keys) order.push_back(key.second);
  return order;
}

}  // namespace

SplitPositions hold_out_positions(const LabelledSamples& all, const HoldOut& shares) {
  check(shares.validation >= 0 && shares.test >= 0 && shares.validation + shares.test < 1,
        "hold_out: expected shares >= 0 that leave something to train on, got ", shares.validation,
        " and ", shares.test);
  std::vector<std::vector<int64_t>> of_class(all.class_names().size());
  for (int64_t i = 0; i < all.size(); ++i) of_class[size_t(all.label(i))].push_back(i);
  SplitPositions result;
  for (size_t c = 0; c < of_class.size(); ++c) {
    const auto n = int64_t(of_class[c].size());
    const auto count = [&](double share, int64_t most) {
      const int64_t wanted =
          std::max<int64_t>(share > 0 && n >= 3, std::llround(share * double(n)));
      return std::min(wanted, std::max<int64_t>(most, 0));
    };
    const int64_t tested = count(shares.test, n - 1 - (shares.validation > 0 && n >= 3)),
                  held = tested + count(shares.validation, n - 1 - tested);
    const std::vector<int64_t> order = by_name(all, of_class[c], all.class_names()[c], shares.seed);
    for (int64_t k = 0; k < n; ++k) {
      (k < tested ? result.test
       : k < held ? result.validation
                  : result.train)
          .push_back(order[size_t(k)]);
    }
  }
  for (std::vector<int64_t>* part : {&result.train, &result.validation, &result.test})
    std::ranges::sort(*part);
  return result;
}

SplitPositions fixed_positions(const LabelledSamples& all) {
  std::vector<int64_t> seen(all.class_names().size(), 0);
  SplitPositions result;
  for (int64_t i = 0; i < all.size(); ++i) {
    const int64_t nth = seen[size_t(all.label(i))]++ % 10;
    (nth == 1 ? result.validation : nth == 4 || nth == 8 ? result.test : result.train).push_back(i);
  }
  return result;
}

}  // namespace papilio::nn
