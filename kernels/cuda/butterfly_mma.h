// Collapsed segments on tensor cores: R's diagonal consists of orthogonal w x w matrices, and rows
// meet each of them in one dense product. butterfly_rotation and segment_outer ask here first; what
// they do otherwise is the plain twin that tests compare with.
//
// bfloat16 and float16 are summed in float32; float32 is rounded to TF32, if allow_tf32() says
// so. Each returns false, and does nothing, if it has no way for these arguments: dtypes,
// widths, and GPUs before 8.0 for all but float16.
#pragma once

#include "kernels/view.h"

namespace papilio::cuda {

// butterfly_rotation for w = 16, 32 and 64. Segments of more than one factor are rounded to q's
// dtype first: for 16-bit blocks of cayley's, max |R R^T - I| grows by about half at most
// (bfloat16, w 16, m 2: 3.4e-3 to 5.2e-3; float16, w 64, m 3: 5.0e-4 to 5.5e-4). They come here
// with more than 2 w rows only, so a row's bits depend on how many there are.
bool rotate_on_tensor_cores(View y, ConstView x, ConstView q, bool transposed);

// segment_outer for w = 4, 8, 16, 32 and 64, if d is a multiple of 16. 16-bit products are
// exact.
bool outer_on_tensor_cores(View out, ConstView x, ConstView g);

}  // namespace papilio::cuda
