#include "kernels/timestep_embedding.h"

#include <cmath>
#include <cstdint>

#include "kernels/cuda/launch.h"
#include "kernels/dtype.h"

namespace papilio::cuda {
namespace {

// A thread for each angle: its sine, its cosine and, of the row's first, the zero behind them.
template <class T>
__global__ void timestep_angles(float* y, const T* t, int64_t stride, int64_t rows, int64_t D,
                                TimestepFrequencies w, bool cosines_first) {
  const int64_t half = D / 2;
  for (int64_t k = first_element(); k < rows * half; k += grid_stride()) {
    const int64_t r = k / half, i = k % half;
    float* row = y + r * D;
    const float angle = float(compute_t<T>(t[r * stride])) * w(i);
    row[cosines_first ? half + i : i] = std::sin(angle);
    row[cosines_first ? i : half + i] = std::cos(angle);
    if (i == 0 && D % 2) row[D - 1] = 0;
  }
}

}  // namespace

void timestep_embedding(View y, ConstView t, TimestepFrequencies w, bool cosines_first) {
  const int64_t rows = y.shape[0], D = y.shape[1];
  const auto run = [&]<class T>() {
    launch(timestep_angles<T>, blocks_for(rows * (D / 2)), kBlock, 0, stream(), y.as<float>(),
           t.as<T>(), t.strides[0], rows, D, w, cosines_first);
  };
  if (t.dtype == DType::int64)
    run.template operator()<int64_t>();
  else
    dispatch_floating(t.dtype, run);
}

}  // namespace papilio::cuda
