// Rows picked by an index, and the scatter-adds that are their gradients. Indices are int64,
// checked by the caller. Everything is contiguous. Sums run in the order of the index, whatever the
// number of threads.
#pragma once

#include <cstdint>
#include <optional>

#include "kernels/declare.h"
#include "kernels/view.h"

namespace papilio {

// The first position in `index` (int64) whose value lies outside [0, n) and is not `allowed`, or
// -1. On a GPU looking for it waits for the device, so it is done, and -1 returned without, only
// with PAPILIO_CUDA_SYNC=1 or after check_indices(true); there the kernels below pick NaN (-1 in
// whole numbers) if an index is outside, and add nothing.
PAPILIO_KERNEL(int64_t first_outside(ConstView index, int64_t n, std::optional<int64_t> allowed));
namespace cuda {
// Whether indices are looked at from now on.
void check_indices(bool on);
}  // namespace cuda

// y[o, j, :] = x[o, index[j], :].  x: (outer, n, inner) of any dtype, index: (k), y: (outer, k,
// inner).
PAPILIO_KERNEL(void index_select(View y, ConstView x, ConstView index));

// dx[o, i, :] = sum of dy[o, j, :] over the j with index[j] = i, but 0 for i = `skip`. Floating;
// 16-bit types are summed in float32. dx: (outer, n, inner), dy: (outer, k, inner).
PAPILIO_KERNEL(void index_select_backward(View dx, ConstView dy, ConstView index, int64_t skip));

// y[o, j, c] = x[o, index[o, j, c], c].  x: (outer, n, inner) of any dtype, index and y: (outer, k,
// inner).
PAPILIO_KERNEL(void gather(View y, ConstView x, ConstView index));

// dx[o, i, c] = sum of dy[o, j, c] over the j with index[o, j, c] = i.  dy floating; dx: (outer, n,
// inner), of dy's dtype or, for 16-bit types, float32.
PAPILIO_KERNEL(void gather_backward(View dx, ConstView dy, ConstView index));

}  // namespace papilio
