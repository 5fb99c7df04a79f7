#include "kernels/layer_norm.h"

#include <cstddef>
#include <vector>

#include "samples/kernels/contiguous_view.h"
#include "samples/kernels/layer_norm/v1.h"
#include "samples/kernels/layer_norm/v2.h"
#include "samples/kernels/layer_norm/v3.h"
#include "samples/kernels/layer_norm/v4.h"
#include "samples/kernels/layer_norm/v5.h"
#include "samples/kernels/measure.h"
#include "samples/kernels/study.h"

namespace papilio::cuda::study {
namespace {

Problem layer_norm_problem(const Sizes& s) {
  Problem p{{uniform(s.elements(), 1), uniform(s.d, 2), uniform(s.d, 3)},
            std::vector<float>(size_t(s.elements()))};
  std::vector<float> statistics(size_t(2 * s.rows));
  cpu::layer_norm(view(p.want, {s.rows, s.d}), view(statistics, {s.rows, 2}),
                  view(p.in[0], {s.rows, s.d}), view(p.in[1], {s.d}), view(p.in[2], {s.d}), kEps);
  return p;
}

const Version layer_norm_library{
    "v6", "the library's: threads by the row's length; any row and dtype, statistics kept",
    [](const Arguments& a) {
      const Sizes& s = a.sizes;
      const Scratch<float> statistics(2 * s.rows);
      layer_norm(view(a.out, {s.rows, s.d}), view(statistics.data(), {s.rows, 2}),
                 view(a.in[0], {s.rows, s.d}), view(a.in[1], {s.d}), view(a.in[2], {s.d}), kEps);
    }};

}  // namespace

Series layer_norm_series() {
  return {"layer_norm",
          "y = (x - mean) / sqrt(variance + eps) weight + bias for each row of x",
          layer_norm_problem,
          {layer_norm_v1, layer_norm_v2, layer_norm_v3, layer_norm_v4, layer_norm_v5,
           layer_norm_library}};
}

}  // namespace papilio::cuda::study
