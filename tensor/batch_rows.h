// Which samples of a batch are computed here, if others are computed elsewhere.
#pragma once

#include <cstdint>

namespace papilio {

// Samples first, ..., first + count - 1 of a batch of `of`.
struct BatchRows {
  int64_t first = 0, count = 0, of = 0;
};

// While it lives, random numbers that belong to samples (dropout's masks, random shifts) are in
// this thread those that these rows would have if the whole batch were computed: the generator goes
// on as far as it would then.
class DrawForRows {
 public:
  // rows.of = 0: for all of a batch.
  explicit DrawForRows(const BatchRows& rows);
  ~DrawForRows();
  DrawForRows(const DrawForRows&) = delete;
  DrawForRows& operator=(const DrawForRows&) = delete;

 private:
  BatchRows before_;
};

// Where `count` samples in a tensor's first dimension stand, which may be several for each row;
// 0, ..., count - 1 of `count` if no rows are set. Throws ArgumentError for a count that is not a
// multiple of the rows'.
BatchRows drawn_rows(int64_t count);

}  // namespace papilio
