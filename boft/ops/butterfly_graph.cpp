#include "boft/ops/butterfly_graph.h"

#include <cstddef>
#include <set>
#include <utility>

#include "tensor/error.h"

namespace papilio {

int64_t butterfly_edges(const ButterflyShape& shape) {
  return shape.m * shape.blocks * shape.b * shape.b;
}

std::vector<int64_t> butterfly_reach(const ButterflyShape& shape, int64_t from, int64_t factors) {
  check(from >= 0 && from < shape.d, "butterfly_reach: expected a coordinate from 0 to ",
        shape.d - 1, ", got ", from);
  check(factors >= 0 && factors <= shape.m, "butterfly_reach: expected from 0 to ", shape.m,
        " factors, got ", factors);
  std::set<int64_t> reached{from};
  for (int64_t i = 0; i < factors; ++i) {
    std::set<int64_t> next;
    for (const int64_t at : reached) {
      if (shape.m == 1) {  // whole blocks, whose size may be odd
        for (int64_t k = 0; k < shape.b; ++k) next.insert(at / shape.b * shape.b + k);
        continue;
      }
      const int64_t h = shape.b / 2, half = at / h, bit = int64_t(1) << i;
      for (const int64_t of : {half & ~bit, half | bit})
        for (int64_t k = 0; k < h; ++k) next.insert(of * h + k);
    }
    reached = std::move(next);
  }
  return {reached.begin(), reached.end()};
}

}  // namespace papilio
