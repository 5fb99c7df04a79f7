#include "tensor/draw_for_rows.h"

#include "tensor/batch_rows.h"
#include "tensor/error.h"

namespace papilio {

Tensor draw_for_rows(const Dims& shape, const std::function<Tensor(const Dims& shape)>& draw) {
  check(!shape.empty(), "random numbers for rows of a batch: expected a shape of (B, ...)");
  const BatchRows rows = drawn_rows(shape[0]);
  Dims whole = shape;
  whole[0] = rows.of;
  const Tensor all = draw(whole);
  return all.alias(all.layout().slice("draw_for_rows", 0, rows.first, rows.first + rows.count));
}

}  // namespace papilio
