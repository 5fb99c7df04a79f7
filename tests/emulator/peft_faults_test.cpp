// The faults of PEFT's CUDA kernel: none of them in ours. tests/boft/peft_faults_test.cpp has the
// others.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include "autograd/backward.h"
#include "kernels/boft_linear.h"
#include "kernels/butterfly_rotation.h"
#include "kernels/cayley.h"
#include "kernels/cayley_neumann.h"
#include "kernels/cuda/launch.h"
#include "nn/layers/linear.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/boft/one_layer.h"
#include "tests/compare.h"
#include "tests/emulator/device.h"

namespace papilio::test {
namespace {

// ---- tensors of more than 2^31 columns, of which the last 256 have values ----

constexpr int64_t kFar = int64_t(1) << 31, kWindow = 256, kColumns = kFar + kWindow;

// While it lives, launches have a thread for every element, and those blocks alone run that work on
// the last columns: of rows of kColumns, of blocks' entries, of tiles, of b x b matrices.
class LastColumns {
 public:
  LastColumns(int64_t rows, int64_t b, int64_t m) {
    for (int64_t r = 0; r < rows; ++r) add(r * kColumns + kFar, kWindow, cuda::kBlock);
    add(kFar * b, kWindow * b, cuda::kBlock);
    add(kFar, kWindow, 64);
    const int64_t segment = b << (m - 1);
    add(kFar / segment, kWindow / segment, cuda::kBlock);
    for (int64_t i = 0; i < m; ++i)
      for (const int64_t matrices : {cuda::kBlock, 1})
        add((i * kColumns + kFar) / b, kWindow / b, matrices);
    emulator::watch_launches(
        [only = std::vector<int64_t>(blocks_.begin(), blocks_.end())](emulator::Launch& launch) {
          launch.grid = dim3(INT32_MAX);
          launch.only = only;
        });
  }
  ~LastColumns() { emulator::watch_launches(nullptr); }
  LastColumns(const LastColumns&) = delete;
  LastColumns& operator=(const LastColumns&) = delete;

 private:
  void add(int64_t first, int64_t count, int64_t per_block) {
    for (int64_t b = first / per_block; b * per_block < first + count; ++b) blocks_.insert(b);
  }
  std::set<int64_t> blocks_;
};

// `near` at the end of dimension `dim` of a device's tensor that is longer there: kColumns / b.
Tensor far(const Tensor& near, int dim, int64_t b = 1) {
  Dims shape = near.shape();
  shape[size_t(dim)] = kColumns / b;
  Tensor x = empty(shape, {near.dtype(), Device::cuda()});
  copy_(slice(x, dim, kFar / b), near);
  return x;
}
// The end of it.
Tensor near(const Tensor& far, int dim, int64_t b = 1) {
  return copy_of(slice(far, dim, kFar / b), Device::cpu());
}

void check_near(const Tensor& got, const Tensor& want) {
  CHECK(largest_difference(got.to_vector<double>(), want.to_vector<double>()) < 1e-5);
}

struct MoreMemory {
  MoreMemory() { emulator::set_total_memory(size_t(1) << 40); }
  ~MoreMemory() { emulator::set_total_memory(size_t(1) << 30); }
};

// ---- a step of an adapted layer ----

struct Step {
  std::vector<double> y, dr, ds;
};

Step step(Device device, DType dtype, int64_t m) {
  manual_seed(4);
  OneLayer<nn::Linear> model(32, 6);
  nn::to(model, dtype);
  nn::to(model, device);
  boft::AdapterModel adapters(model);
  adapters.add_adapter("default", boft::BoftConfig{.boft_block_size = 4,
                                                   .boft_n_butterfly_factor = m,
                                                   .target_modules = {"layer"},
                                                   .init_weights = false});
  const Tensor x = copy_of(cast(randn({9, 32}), dtype), device);
  const Tensor y = model(x);
  backward(sum(y * y));
  const boft::BoftLayer& adapter = model.boft("default");
  CHECK(adapter.boft_R.shape() == Dims{m, 8, 4, 4});
  for (const Tensor& parameter : {adapter.boft_R, adapter.boft_s})
    CHECK(grad(parameter).device() == device);
  return {y.to_vector<double>(), grad(adapter.boft_R).to_vector<double>(),
          grad(adapter.boft_s).to_vector<double>()};
}

}  // namespace

TEST_CASE("PEFT fault: its kernel has 32-bit indices; rotations beyond 2^31") {
  const MoreMemory memory;
  struct Case {
    int64_t rows, b;  // few rows: dq by walking the factors; more than 2 b: by segments
  };
  for (const Case& c : {Case{3, 4}, Case{5, 2}}) {
    const int64_t rows = c.rows, b = c.b, m = 2, blocks = kWindow / b;
    CAPTURE(b);
    manual_seed(1);
    const Tensor x = randn({rows, kWindow}), dy = randn({rows, kWindow});
    const Tensor q = randn({m, blocks, b, b});
    const Tensor far_x = far(x, 1), far_dy = far(dy, 1), far_q = far(q, 1, b);
    const Tensor y = empty_like(x), far_y = empty_like(far_x);
    const Tensor dq = empty_like(q), far_dq = empty_like(far_q);
    for (const bool transposed : {false, true}) {
      cpu::butterfly_rotation(view(y), view(x), view(q), transposed);
      {
        const LastColumns only(rows, b, m);
        cuda::butterfly_rotation(view(far_y), view(far_x), view(far_q), transposed);
      }
      check_near(near(far_y, 1), y);
    }
    cpu::butterfly_rotation_backward(view(y), view(dq), view(dy), view(x), view(q));
    {
      const LastColumns only(std::max(rows, b * m), b, m);
      cuda::butterfly_rotation_backward(view(far_y), view(far_dq), view(far_dy), view(far_x),
                                        view(far_q));
    }
    check_near(near(far_y, 1), y);
    check_near(near(far_dq, 1, b), dq);
  }
}

TEST_CASE("PEFT fault: its kernel has 32-bit indices; Cayley beyond 2^31") {
  const MoreMemory memory;
  struct Case {
    int64_t b, m;  // a thread a matrix, a block a matrix
  };
  for (const Case& c : {Case{4, 2}, Case{16, 1}}) {
    const int64_t b = c.b, m = c.m;
    CAPTURE(b);
    manual_seed(2);
    const Tensor r = randn({m, kWindow / b, b, b}) * 0.2, dq = randn(r.shape());
    const Tensor far_r = far(r, 1, b), far_dq = far(dq, 1, b);
    const Tensor q = empty_like(r), far_q = empty_like(far_r);
    const Tensor dr = empty_like(r), far_dr = empty_like(far_r);
    cpu::cayley(view(q), view(r));
    cpu::cayley_backward(view(dr), view(dq), view(q));
    {
      const LastColumns only(1, b, m);
      cuda::cayley(view(far_q), view(far_r));
      cuda::cayley_backward(view(far_dr), view(far_dq), view(far_q));
    }
    check_near(near(far_q, 1, b), q);
    check_near(near(far_dr, 1, b), dr);
    cpu::cayley_neumann(view(q), view(r), 5);
    cpu::cayley_neumann_backward(view(dr), view(dq), view(r), 5);
    {
      const LastColumns only(1, b, m);
      cuda::cayley_neumann(view(far_q), view(far_r), 5);
      cuda::cayley_neumann_backward(view(far_dr), view(far_dq), view(far_r), 5);
    }
    check_near(near(far_q, 1, b), q);
    check_near(near(far_dr, 1, b), dr);
  }
}

TEST_CASE("PEFT fault: its kernel has 32-bit indices; scales beyond 2^31") {
  const MoreMemory memory;
  manual_seed(3);
  const Tensor y = randn({3, kWindow}), g = randn({3, kWindow});
  const Tensor s = randn({kWindow}), bias = randn({kWindow}), rows = randn({3});
  const Tensor sums = empty({3, kWindow});
  const Tensor far_y = far(y, 1), far_g = far(g, 1), far_s = far(s, 0), far_bias = far(bias, 0);
  const Tensor far_rows = copy_of(rows, Device::cuda()), far_sums = empty_like(far_y);
  cpu::scale_rows(view(y), view(rows));
  cpu::scale_columns(view(y), view(s), view(bias));
  cpu::scale_gradient_sums(view(sums), view(g), view(y), view(bias));
  {
    const LastColumns only(3, 1, 1);
    cuda::scale_rows(view(far_y), view(far_rows));
    cuda::scale_columns(view(far_y), view(far_s), view(far_bias));
    cuda::scale_gradient_sums(view(far_sums), view(far_g), view(far_y), view(far_bias));
  }
  check_near(near(far_y, 1), y);
  check_near(near(far_sums, 1), sums);
}

TEST_CASE("PEFT fault: its kernel is launched on the default stream") {
  std::set<const void*> kernels;
  int64_t elsewhere = 0;
  emulator::watch_launches([&](const emulator::Launch& launch) {
    kernels.insert(launch.kernel);
    elsewhere += launch.stream != cuda::stream();
  });
  step(Device::cuda(), DType::float32, 3);
  emulator::watch_launches(nullptr);
  CHECK(kernels.size() > 10);
  CHECK(elsewhere == 0);
}

TEST_CASE("PEFT fault: its kernel's errors are printed and ignored") {
  const Step want = step(Device::cuda(), DType::float32, 2);
  uint64_t launches = 0;
  emulator::watch_launches([&](const emulator::Launch&) { ++launches; });
  step(Device::cuda(), DType::float32, 2);
  emulator::watch_launches(nullptr);
  CHECK(launches > 20);
  for (uint64_t k = 1; k <= launches; ++k) {
    CAPTURE(k);
    emulator::fail_launch(k);
    CHECK_THROWS_WITH_AS(step(Device::cuda(), DType::float32, 2),
                         doctest::Contains("unspecified launch failure"), Error);
  }
  CHECK(step(Device::cuda(), DType::float32, 2).dr == want.dr);
}

TEST_CASE("PEFT fault: its kernel knows no bfloat16, and without it there is one factor") {
  for (const DType dtype : {DType::float32, DType::bfloat16}) {
    for (int64_t m = 1; m <= 4; ++m) {
      CAPTURE(m);
      const Step here = step(Device::cpu(), dtype, m), there = step(Device::cuda(), dtype, m);
      const double tolerance = dtype == DType::float32 ? 1e-4 : 0.1;
      CHECK(largest_difference(here.y, there.y) < tolerance);
      CHECK(largest_difference(here.dr, there.dr) < tolerance);
      CHECK(largest_difference(here.ds, there.ds) < tolerance);
    }
  }
}

}  // namespace papilio::test
