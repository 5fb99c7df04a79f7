#include "kernels/butterfly_rotation.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/cayley.h"
#include "samples/kernels/contiguous_view.h"
#include "samples/kernels/measure.h"
#include "samples/kernels/rotation/v1.h"
#include "samples/kernels/rotation/v2.h"
#include "samples/kernels/rotation/v3.h"
#include "samples/kernels/rotation/v4.h"
#include "samples/kernels/rotation/v5.h"
#include "samples/kernels/study.h"

namespace papilio::cuda::study {
namespace {

Problem rotation_problem(const Sizes& s) {
  const int64_t blocks = s.d / s.b;
  const std::vector<float> r = uniform(s.m * s.d * s.b, 1);
  Problem p{{uniform(s.elements(), 2), std::vector<float>(r.size())},
            std::vector<float>(size_t(s.elements()))};
  cpu::cayley(view(p.in[1], {s.m * blocks, s.b, s.b}), view(r, {s.m * blocks, s.b, s.b}));
  cpu::butterfly_rotation(view(p.want, {s.rows, s.d}), view(p.in[0], {s.rows, s.d}),
                          view(p.in[1], {s.m, blocks, s.b, s.b}), false);
  return p;
}

const Version rotation_library{
    "v6", "the library's: any b, m and dtype, and x R^T", [](const Arguments& a) {
      const Sizes& s = a.sizes;
      butterfly_rotation(view(a.out, {s.rows, s.d}), view(a.in[0], {s.rows, s.d}),
                         view(a.in[1], {s.m, s.d / s.b, s.b, s.b}), false);
    }};

}  // namespace

Series rotation_series() {
  return {"rotation",
          "y = x R, R a butterfly product of m factors of b x b blocks",
          rotation_problem,
          {rotation_v1, rotation_v2, rotation_v3, rotation_v4, rotation_v5, rotation_library}};
}

}  // namespace papilio::cuda::study
