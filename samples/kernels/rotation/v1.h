// Factor by factor, a thread an element, straight from the definition. Every factor reads and
// writes all of x in device memory: m times the bytes that one pass would move.
#pragma once

#include <cstdint>
#include <utility>

#include "kernels/cuda/butterfly.h"
#include "kernels/cuda/launch.h"
#include "kernels/detail/butterfly_blocks.h"
#include "samples/kernels/study.h"

namespace papilio::cuda::study {
namespace {

// q: factor i's blocks.
__global__ void rotation_v1_kernel(float* y, const float* x, const float* q, int64_t rows,
                                   int64_t d, int64_t b, int64_t i) {
  for (int64_t e = first_element(); e < rows * d; e += grid_stride()) {
    const Place<int64_t> at(e % d, i, b);
    y[e] = rotated<float>(x + e / d * d, q + at.n * b * b, Halves<int64_t>(at.n, i, b), at.j, b,
                          false);
  }
}

const Version rotation_v1{"v1", "factor by factor, a thread an element", [](const Arguments& a) {
                            const Sizes& s = a.sizes;
                            const Scratch<float> both(2 * s.elements());
                            float *to = both.data(), *other = to + s.elements();
                            const float* from = a.in[0];
                            for (int64_t i = s.m - 1; i >= 0; --i) {
                              if (i == 0) to = a.out;
                              launch(rotation_v1_kernel, blocks_for(s.elements()), kBlock, 0,
                                     stream(), to, from, a.in[1] + i * s.d * s.b, s.rows, s.d, s.b,
                                     i);
                              from = to;
                              std::swap(to, other);
                            }
                          }};

}  // namespace
}  // namespace papilio::cuda::study
