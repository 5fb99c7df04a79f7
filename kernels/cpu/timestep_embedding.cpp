#include "kernels/timestep_embedding.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/cpu/row.h"

namespace papilio::cpu {

void timestep_embedding(View y, ConstView t, TimestepFrequencies w, bool cosines_first) {
  const int64_t D = y.shape[1], half = D / 2;
  std::vector<float> frequencies(static_cast<size_t>(half));
  for (size_t i = 0; i < frequencies.size(); ++i) frequencies[i] = w(int64_t(i));
  const auto rows = [&]<class T>() {
    parallel_rows(y.shape[0], 16 * D, [&](int64_t begin, int64_t end) {  // 16: a sine's cost
      for (int64_t r = begin; r < end; ++r) {
        float* row = y.as<float>() + r * D;
        float *sines = row + (cosines_first ? half : 0),
              *cosines = row + (cosines_first ? 0 : half);
        const auto time = float(compute_t<T>(t.as<T>()[r * t.strides[0]]));
        for (int64_t i = 0; i < half; ++i) {
          const float angle = time * frequencies[size_t(i)];
          sines[i] = std::sin(angle), cosines[i] = std::cos(angle);
        }
        if (D % 2) row[D - 1] = 0;
      }
    });
  };
  if (t.dtype == DType::int64)
    rows.template operator()<int64_t>();
  else
    dispatch_floating(t.dtype, rows);
}

}  // namespace papilio::cpu
