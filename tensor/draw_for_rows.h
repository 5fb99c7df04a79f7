// Random tensors that belong to samples of a batch.
#pragma once

#include <functional>

#include "tensor/tensor.h"

namespace papilio {

// Random numbers of samples, shape[0] of them: `draw` gets the shape that the whole batch would
// have, and what stands at the rows computed here (tensor/batch_rows.h) is returned. Throws as
// drawn_rows does.
Tensor draw_for_rows(const Dims& shape, const std::function<Tensor(const Dims& shape)>& draw);

}  // namespace papilio
