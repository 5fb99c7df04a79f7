// What Unicode's tables say that normalisation and lower case need; sorted by code point.
#pragma once

#include <cstddef>
#include <cstdint>

namespace papilio::nn::unicode {

// The canonical decomposition; `second` is 0 if it is one character. `composes`: whether the two
// become this one again.
struct Decomposition {
  uint32_t code, first, second, composes;
};
extern const Decomposition kDecompositions[];
extern const size_t kDecompositionsCount;

// The combining class of characters first to last; of others 0.
struct CombiningClass {
  uint32_t first, last, value;
};
extern const CombiningClass kCombiningClasses[];
extern const size_t kCombiningClassesCount;

// Lower case of first, first + step, ..., last: that many code points on, modulo 2^32.
struct LowerRun {
  uint32_t first, last, step, distance;
};
extern const LowerRun kLowerRuns[];
extern const size_t kLowerRunsCount;

}  // namespace papilio::nn::unicode
