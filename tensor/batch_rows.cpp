#include "tensor/batch_rows.h"

#include <utility>

#include "tensor/error.h"

namespace papilio {

namespace {
thread_local BatchRows current;
}

DrawForRows::DrawForRows(const BatchRows& rows) : before_(std::exchange(current, rows)) {}

DrawForRows::~DrawForRows() {
  current = before_;
}

BatchRows drawn_rows(int64_t count) {
  if (current.of == 0 || current.count == 0) return {0, count, count};
  check(count % current.count == 0, "random numbers for rows of a batch: expected a multiple of ",
        current.count, " samples, got ", count);
  const int64_t each = count / current.count;
  return {current.first * each, count, current.of * each};
}

}  // namespace papilio
