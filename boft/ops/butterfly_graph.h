// The graph behind a butterfly: who hears from whom, and over how many edges.
#pragma once

#include <cstdint>
#include <vector>

#include "boft/ops/butterfly_shape.h"

namespace papilio {

// Edges of the information graph (BOFT paper, arXiv 2311.06243, section 3): m levels between m + 1
// rows of d nodes, in which each block joins its b nodes with all b of the next row: m N b^2 =
// m d b. A dense matrix has d^2.
int64_t butterfly_edges(const ButterflyShape& shape);

// The coordinates that `from` reaches through the first `factors` factors of w -> R w, ascending;
// itself through none. R is dense if all are reached through m. Throws for a coordinate or a number
// of factors that the shape does not have.
std::vector<int64_t> butterfly_reach(const ButterflyShape& shape, int64_t from, int64_t factors);

}  // namespace papilio
