// Rotations and the segments' gradients on tensor cores, beside the plain kernels: those run if
// a GPU's code has no such products.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "boft/ops/butterfly_rotation.h"
#include "boft/ops/cayley.h"
#include "kernels/butterfly_rotation.h"
#include "kernels/cuda/butterfly_mma.h"
#include "kernels/gemm.h"
#include "kernels/segment_outer.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/pick.h"
#include "tensor/random.h"
#include "tests/boft/dense.h"
#include "tests/compare.h"
#include "tests/emulator/block.h"
#include "tests/emulator/names.h"

namespace papilio::cuda {
namespace {

using test::largest_difference;

// With TF32 allowed, or without, and on a GPU of this architecture while it lives.
struct Gpu {
  explicit Gpu(bool tf32, int architecture = 90) {
    allow_tf32(tf32);
    emulator::set_architecture(architecture);
  }
  ~Gpu() {
    allow_tf32(false);
    emulator::set_architecture(90);
  }
};

// The kernels that f() launches.
template <class F>
std::string kernels_of(F f) {
  std::string names;
  emulator::watch_launches(
      [&](emulator::Launch& launch) { names += emulator::name_of(launch.kernel) + ' '; });
  f();
  emulator::watch_launches(nullptr);
  return names;
}

// A rotation of `segments` segments, and rows for it, of one dtype.
struct Problem {
  Tensor x, q;
  Problem(DType dtype, int64_t rows, int64_t segments, int64_t w, int64_t m) {
    Generator g(uint64_t(rows + w + m));
    const int64_t b = w >> (m - 1), d = segments * w;
    x = copy_of(normal({rows, d}, 0, 1, {}, g), dtype);
    q = copy_of(cayley(normal({m, d / b, b, b}, 0, 0.5, {}, g)), dtype);
  }
};

using Values = std::vector<double>;

Values exact(const Problem& p, bool transposed) {
  const Tensor x = copy_of(p.x, DType::float64), q = copy_of(p.q, DType::float64);
  const Tensor y = empty_like(x);
  cpu::butterfly_rotation(view(y), view(x), view(q), transposed);
  return y.to_vector<double>();
}

// x begins `at` elements behind a multiple of 256 bytes.
Values rotated(const Problem& p, bool transposed, int64_t at = 0) {
  const int64_t rows = p.x.size(0), d = p.x.size(1);
  const Tensor memory = full({rows * d + at}, 7, {p.x.dtype(), Device::cuda()});
  View x{static_cast<char*>(memory.raw_data()) + at * int64_t(size_of(p.x.dtype())),
         p.x.dtype(),
         2,
         {rows, d},
         {d, 1}};
  const Tensor q = copy_of(p.q, Device::cuda());
  const Tensor in = copy_of(p.x, Device::cuda());
  butterfly_rotation(x, view(in), view(q), transposed);
  const auto all = memory.to_vector<double>();
  CHECK(std::all_of(all.begin(), all.begin() + at, [](double v) { return v == 7; }));
  return {all.begin() + at, all.end()};
}

Values on_tensor_cores(const Problem& p, bool transposed) {
  const Tensor x = copy_of(p.x, Device::cuda()), q = copy_of(p.q, Device::cuda());
  CHECK(rotate_on_tensor_cores(view(x), view(x), view(q), transposed));  // in place
  return x.to_vector<double>();
}

Values outer(const Tensor& x, const Tensor& g, int64_t w) {
  const Tensor out = empty({w, x.size(1)}, {compute_dtype(x.dtype()), Device::cuda()});
  const Tensor in = copy_of(x, Device::cuda()), dy = copy_of(g, Device::cuda());
  segment_outer(view(out), view(in), view(dy));
  return out.to_vector<double>();
}

// What rounding x, R and y to the dtype may cost for rows of normal numbers.
double tolerance(DType dtype) {
  return dtype == DType::bfloat16 ? 0.06 : 0.008;
}

const DType dtypes[] = {DType::bfloat16, DType::float16, DType::float32};

}  // namespace

TEST_CASE("rotations on tensor cores are those of the plain kernels") {
  for (const DType dtype : dtypes)
    for (const int64_t w : {16, 32, 64})
      for (const int64_t m : {1, 2, 3})
        for (const int64_t rows : {1, 15, 16, 33, 100}) {
          const int64_t segments = rows == 16 ? 1 : rows == 15 ? 5 : 3;
          const bool transposed = (rows + m) % 2 == 0;
          CAPTURE(str(dtype, " ", w, " ", m, " ", rows));
          const Problem p(dtype, rows, segments, w, m);
          const Values want = exact(p, transposed);
          const Gpu allowed(true);
          const Values got = on_tensor_cores(p, transposed);
          CHECK(largest_difference(got, want) < tolerance(dtype));
          if (rows != 33) continue;
          const Gpu plain(true, 60);
          CHECK(largest_difference(got, rotated(p, transposed)) < tolerance(dtype));
        }
}

TEST_CASE("which rotations go to tensor cores") {
  const auto goes = [](const Problem& p, bool tf32, int architecture) {
    const Gpu device(tf32, architecture);
    const std::string kernels = kernels_of([&] { rotated(p, false); });
    const bool mma = kernels.find("rotate_rows") != std::string::npos;
    CHECK((kernels.find("collapse") != std::string::npos) == (mma && p.q.size(0) > 1));
    if (p.q.size(0) > 1) return mma;
    const std::string others = kernels_of([&] { outer(p.x, p.x, p.q.size(3)); });
    CHECK((others.find("sum_outer") != std::string::npos) == mma);
    return mma;
  };
  const Problem half(DType::float16, 3, 2, 16, 1), brain(DType::bfloat16, 3, 2, 16, 1);
  const Problem single(DType::float32, 3, 2, 16, 1), precise(DType::float64, 3, 2, 16, 1);
  for (const bool tf32 : {true, false}) {
    CHECK(goes(half, tf32, 75));
    CHECK(!goes(brain, tf32, 75));
    CHECK(goes(brain, tf32, 80));
    CHECK(goes(single, tf32, 80) == tf32);
    CHECK(!goes(single, tf32, 75));
    CHECK(!goes(precise, tf32, 120));
  }
  CHECK(goes({DType::bfloat16, 33, 1, 16, 2}, false, 90));
  CHECK(!goes({DType::bfloat16, 32, 1, 16, 2}, false, 90));  // collapsing would cost more
  CHECK(!goes({DType::bfloat16, 3, 1, 128, 1}, false, 90));
  CHECK(!goes({DType::bfloat16, 3, 2, 24, 1}, false, 90));
}

TEST_CASE("rotations on tensor cores: y that begins anywhere in memory") {
  for (const DType dtype : dtypes)
    for (const int64_t at : {0, 1, 4}) {
      CAPTURE(at);
      const Problem p(dtype, 19, 3, 32, 1);
      const Gpu allowed(true);
      CHECK(largest_difference(rotated(p, true, at), exact(p, true)) < tolerance(dtype));
    }
}

namespace {

// The elements of x on the device, beginning `at` elements behind a multiple of 256 bytes.
struct Placed {
  Tensor memory;
  View v;
  Placed(const Tensor& x, int64_t at) : v(view(x)) {
    auto all = x.to_vector<double>();
    all.insert(all.begin(), size_t(at), 7.0);
    memory = copy_of(copy_of(tensor(all), x.dtype()), Device::cuda());
    v.data = static_cast<char*>(memory.raw_data()) + at * int64_t(size_of(x.dtype()));
  }
};

}  // namespace

TEST_CASE("tensor cores: x, blocks and gradients that begin anywhere in memory, blocks down to 2") {
  for (const DType dtype : dtypes)
    for (const int64_t w : {16, 64})
      for (const int64_t m : {1, 4, 6}) {
        if (w >> (m - 1) < 2) continue;
        CAPTURE(str(dtype, " ", w, " ", m));
        const Problem p(dtype, 2 * w + 1, 3, w, m);
        const Gpu allowed(true);
        for (const auto& [x_at, q_at] : {std::pair(1, 0), {0, 1}, {1, 3}}) {
          const Placed x(p.x, x_at), q(p.q, q_at);
          const Tensor y = empty(p.x.shape(), {dtype, Device::cuda()});
          CHECK(rotate_on_tensor_cores(view(y), x.v, q.v, false));
          CHECK(largest_difference(y.to_vector<double>(), exact(p, false)) <
                1.5 * tolerance(dtype));
        }
      }
  for (const DType dtype : dtypes)
    for (const int64_t w : {4, 32})
      for (const int64_t d : {20, 192}) {
        if (d % w != 0) continue;
        CAPTURE(str(dtype, " ", w, " ", d));
        Generator random(3);
        const Tensor x = copy_of(normal({77, d}, 0, 1, {}, random), dtype);
        const Tensor g = copy_of(normal({77, d}, 0, 1, {}, random), dtype);
        const Values plain = [&] {
          const Gpu old(true, 60);
          return outer(x, g, w);
        }();
        const Gpu allowed(true);
        for (const auto& [x_at, g_at] : {std::pair(1, 0), {0, 1}, {0, 0}}) {
          const Placed at_x(x, x_at), at_g(g, g_at);
          const Tensor out = empty({w, d}, {compute_dtype(dtype), Device::cuda()});
          segment_outer(view(out), at_x.v, at_g.v);
          CHECK(largest_difference(out.to_vector<double>(), plain) <
                (dtype == DType::float32 ? 0.1 : 1e-4));
        }
      }
}

TEST_CASE("gradients of segments on tensor cores are those of the plain kernel") {
  for (const DType dtype : dtypes)
    for (const int64_t w : {4, 8, 16, 32, 64})
      for (const int64_t rows : {0, 1, 15, 64, 100, 300}) {
        const int64_t d = rows == 1     ? 40 * 64  // more spans than blocks
                          : rows == 15  ? 64
                          : rows == 100 ? 192
                                        : 5 * std::max<int64_t>(w, 16);
        CAPTURE(str(dtype, " ", w, " ", rows));
        Generator random(3);
        const Tensor x = copy_of(normal({rows, d}, 0, 1, {}, random), dtype);
        const Tensor g = copy_of(normal({rows, d}, 0, 1, {}, random), dtype);
        const Values plain = [&] {
          const Gpu old(true, 60);
          return outer(x, g, w);
        }();
        const Gpu allowed(true);
        const Values got = outer(x, g, w);
        CHECK(largest_difference(got, plain) < (dtype == DType::float32 ? 0.1 : 1e-4));
        CHECK(got == outer(x, g, w));
      }
}

TEST_CASE("a segment collapsed in a 16-bit type is about as orthogonal as its blocks") {
  using test::matrix_of, test::orthogonality_error;
  for (const DType dtype : {DType::bfloat16, DType::float16})
    for (const int64_t w : {16, 64})
      for (const int64_t m : {1, 2, 3}) {
        Problem p(dtype, w, 1, w, m);
        p.x = eye(w, {.dtype = dtype});
        const double plain =
            orthogonality_error(matrix_of(butterfly_matrix(copy_of(p.q, DType::float64))));
        const double collapsed =
            orthogonality_error(matrix_of(tensor(on_tensor_cores(p, false), {w, w})));
        CHECK(collapsed < 3 * plain);
      }
}

}  // namespace papilio::cuda
