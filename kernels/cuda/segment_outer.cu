#include "kernels/segment_outer.h"

#include <cstdint>

#include "kernels/cuda/butterfly_mma.h"
#include "kernels/cuda/parts.h"

namespace papilio::cuda {
namespace {

// Rows k of the result that a thread sums in registers: g is read once for all of them.
constexpr int kRows = 8;

// A thread has column c and rows k0 ... k0 + 7 of one part of x's rows; neighbours have
// neighbouring columns. partial: (parts, w, d).
template <class T>
__global__ void sum_parts(compute_t<T>* partial, const T* x, const T* g, int64_t rows, int64_t d,
                          int64_t w, int64_t parts) {
  using C = compute_t<T>;
  const int64_t groups = (w + kRows - 1) / kRows;
  for (int64_t t = first_element(); t < parts * groups * d; t += grid_stride()) {
    const int64_t c = t % d, k0 = t / d % groups * kRows, part = t / (d * groups);
    const int64_t first = c - c % w + k0, end = rows * (part + 1) / parts;
    const int count = int(w - k0 < kRows ? w - k0 : kRows);
    C sum[kRows] = {};
    for (int64_t r = rows * part / parts; r < end; ++r) {
      const C gc = C(g[r * d + c]);
      const T* xk = x + r * d + first;
#pragma unroll
      for (int k = 0; k < kRows; ++k)
        if (k < count) sum[k] += C(xk[k]) * gc;
    }
#pragma unroll
    for (int k = 0; k < kRows; ++k)
      if (k < count) partial[(part * w + k0 + k) * d + c] = sum[k];
  }
}

}  // namespace

void segment_outer(View out, ConstView x, ConstView g) {
  const int64_t rows = x.size(0), d = x.size(1), w = out.size(0);
  const int64_t parts = part_count(rows, 128);
  if (outer_on_tensor_cores(out, x, g)) return;
  dispatch_floating(x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const Scratch<C> partial(parts * w * d);
    launch(sum_parts<T>, blocks_for(parts * ((w + kRows - 1) / kRows) * d), kBlock, 0, stream(),
           partial.data(), x.as<T>(), g.as<T>(), rows, d, w, parts);
    add_parts(out.as<C>(), partial.data(), w * d, parts);
  });
}

}  // namespace papilio::cuda
