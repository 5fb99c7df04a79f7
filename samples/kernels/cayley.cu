#include "kernels/cayley.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "samples/kernels/cayley/v1.h"
#include "samples/kernels/cayley/v2.h"
#include "samples/kernels/cayley/v3.h"
#include "samples/kernels/cayley/v4.h"
#include "samples/kernels/cayley/v5.h"
#include "samples/kernels/contiguous_view.h"
#include "samples/kernels/measure.h"
#include "samples/kernels/study.h"

namespace papilio::cuda::study {
namespace {

Problem cayley_problem(const Sizes& s) {
  const int64_t n = s.matrices() * s.b * s.b;
  Problem p{{uniform(n, 1)}, std::vector<float>(size_t(n))};
  cpu::cayley(view(p.want, {s.matrices(), s.b, s.b}), view(p.in[0], {s.matrices(), s.b, s.b}));
  return p;
}

const Version cayley_library{
    "v6", "the library's: any b and dtype, exchanges rows where S is large",
    [](const Arguments& a) {
      const Sizes& s = a.sizes;
      cayley(view(a.out, {s.matrices(), s.b, s.b}), view(a.in[0], {s.matrices(), s.b, s.b}));
    }};

}  // namespace

Series cayley_series() {
  return {"cayley",
          "Q = 2 (I + S)^-1 - I, S = (R - R^T) / 2, for many R of b x b",
          cayley_problem,
          {cayley_v1, cayley_v2, cayley_v3, cayley_v4, cayley_v5, cayley_library}};
}

}  // namespace papilio::cuda::study
