#include "tests/autograd/op_case.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "autograd/backward.h"
#include "autograd/gradcheck.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tests/devices.h"

namespace papilio::test {

namespace {

struct Tolerance {
  double rtol, atol;
};

Tolerance tolerance_of(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return {1.3e-6, 1e-5};
    case DType::float16:
      return {1e-3, 1e-5};
    case DType::bfloat16:
      return {1.6e-2, 1e-5};
    default:
      return {1e-7, 1e-7};
  }
}

Tolerance tolerance_of(const OpCase& c, DType dtype) {
  Tolerance t = tolerance_of(dtype);
  if (dtype != DType::float64) t.rtol *= c.tolerance_factor, t.atol *= c.tolerance_factor;
  return t;
}

bool close(double got, double want, Tolerance t) {
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got);
  if (std::isinf(want) || std::isinf(got)) return got == want;
  return std::abs(got - want) <= t.atol + t.rtol * std::abs(want);
}

void check_close(const std::vector<double>& got, const std::vector<double>& want, Tolerance t) {
  REQUIRE(got.size() == want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    if (close(got[i], want[i], t)) continue;
    FAIL_CHECK("element ", i, ": got ", got[i], ", want ", want[i]);
    return;
  }
}

Tensors cast_floating(const Tensors& inputs, DType dtype) {
  Tensors result;
  for (const Tensor& x : inputs) {
    const bool cast = x.defined() && x.dtype() == DType::float64;
    result.push_back(cast ? copy_of(x, dtype) : x);
  }
  return result;
}

Tensors on(Device device, const Tensors& inputs) {
  Tensors result;
  for (const Tensor& x : inputs)
    result.push_back(x.defined() && !(x.device() == device) ? copy_of(x, device) : x);
  return result;
}

// The same values in memory with gaps, a reversed order of dimensions and an offset.
Tensor strided(const Tensor& x) {
  if (!x.defined()) return x;
  Layout layout{x.shape(), Dims::filled(x.dim(), 0), 3};
  int64_t stride = 2;
  for (int i = 0; i < x.dim(); ++i) {
    layout.strides[i] = stride;
    stride *= std::max<int64_t>(x.shape()[i], 1);
  }
  const Tensor memory = empty({stride + 3}, {.dtype = x.dtype(), .device = x.device()});
  fill_(memory, is_floating(x.dtype()) ? std::nan("") : 0);  // reading a gap shows
  const Tensor y = memory.alias(layout);
  if (x.numel() > 0) copy_(y, x);
  return y;
}

Tensors strided(const Tensors& inputs) {
  Tensors result;
  for (const Tensor& x : inputs) result.push_back(strided(x));
  return result;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  const Tensor x = contiguous_data(cpu_data(a)), y = contiguous_data(cpu_data(b));
  const size_t bytes = size_t(x.numel()) * size_of(x.dtype());
  return x.shape() == y.shape() && x.dtype() == y.dtype() &&
         (bytes == 0 || std::memcmp(x.raw_data(), y.raw_data(), bytes) == 0);
}

// Output and gradients of one forward and backward pass.
Tensors forward_backward(const Sample& sample, const Tensors& inputs, bool differentiable) {
  Tensors x;
  for (const Tensor& input : inputs) {
    x.push_back(input.defined() ? copy_of(input) : input);
    if (differentiable && input.defined() && is_floating(input.dtype()))
      set_requires_grad(x.back());
  }
  const Tensor y = sample.f(x);
  Tensors results{y.detach()};
  if (!y.requires_grad()) return results;
  backward(y, ones_like(y));
  for (const Tensor& leaf : x) {
    if (leaf.defined() && leaf.requires_grad() && grad(leaf).defined())
      results.push_back(grad(leaf));
  }
  return results;
}

void check_values(const OpCase& c, const Sample& sample, Device device) {
  const std::vector<double> want = sample.reference(sample.inputs);
  for (DType dtype : c.dtypes) {
    CAPTURE(dtype);
    const Tensors inputs = on(device, cast_floating(sample.inputs, dtype));
    // Low precision is compared with float64 arithmetic on the same rounded inputs.
    const std::vector<double> exact =
        dtype == DType::float64
            ? want
            : sample.reference(cast_floating(cast_floating(sample.inputs, dtype), DType::float64));
    const Tolerance t = tolerance_of(c, dtype);
    check_close(sample.f(inputs).to_vector<double>(), exact, t);
    check_close(sample.f(strided(inputs)).to_vector<double>(), exact, t);
  }
}

// Takes samples of few elements, since it computes the output twice for each; on a device of fewer,
// since there the gradients are compared with the CPU's as well.
void check_gradients(const Sample& sample, Device device) {
  int64_t elements = 0;
  for (const Tensor& x : sample.inputs) elements += x.defined() ? x.numel() : 0;
  if (elements > (device.is_cpu() ? 2048 : 64)) return;
  const Tensors inputs = on(device, sample.inputs);
  const GradcheckResult plain = gradcheck(sample.f, inputs);
  CHECK_MESSAGE(plain.passed, plain.message);
  const GradcheckResult with_strides = gradcheck(sample.f, strided(inputs));
  CHECK_MESSAGE(with_strides.passed, "strided inputs: ", with_strides.message);
}

// The output and the gradients of each dtype, as the CPU has them.
void check_against_cpu(const OpCase& c, const Sample& sample, Device device) {
  for (DType dtype : c.dtypes) {
    CAPTURE(dtype);
    const Tensors inputs = cast_floating(sample.inputs, dtype);
    const Tensors want = forward_backward(sample, inputs, c.differentiable);
    const Tensors got = forward_backward(sample, on(device, inputs), c.differentiable);
    REQUIRE(got.size() == want.size());
    for (size_t i = 0; i < got.size(); ++i) {
      CAPTURE(i);
      CHECK(got[i].device() == device);
      check_close(got[i].to_vector<double>(), want[i].to_vector<double>(), tolerance_of(c, dtype));
    }
  }
}

void check_repeats(const OpCase& c, const Sample& sample, Device device) {
  for (DType dtype : c.dtypes) {
    CAPTURE(dtype);
    const Tensors inputs = on(device, cast_floating(sample.inputs, dtype));
    const Tensors a = forward_backward(sample, inputs, c.differentiable);
    const Tensors b = forward_backward(sample, inputs, c.differentiable);
    REQUIRE(a.size() == b.size());
    for (size_t i = 0; i < a.size(); ++i) CHECK(same_bits(a[i], b[i]));
  }
}

void check_nan(const OpCase& c, const Sample& sample, Device device) {
  if (sample.inputs.empty() || !sample.inputs[0].defined() || sample.inputs[0].numel() == 0 ||
      sample.inputs[0].dtype() != DType::float64) {
    return;
  }
  for (DType dtype : c.dtypes) {
    if (!is_floating(dtype)) continue;
    CAPTURE(dtype);
    Tensors inputs = cast_floating(sample.inputs, dtype);
    inputs[0] = copy_of(inputs[0]);
    fill_(inputs[0], std::nan(""));
    const std::vector<double> y = sample.f(on(device, inputs)).to_vector<double>();
    const auto is_nan = [](double v) { return std::isnan(v); };
    if (!y.empty()) CHECK(std::any_of(y.begin(), y.end(), is_nan));
  }
}

}  // namespace

void run(const OpCase& c) {
  for (const Device device : devices()) {
    if (!device.is_cpu() && !c.on_device) continue;
    for (const Sample& sample : c.samples) {
      INFO(c.name, ", ", sample.label, ", ", device);
      check_values(c, sample, device);
      if (c.differentiable) check_gradients(sample, device);
      if (!device.is_cpu()) check_against_cpu(c, sample, device);
      check_repeats(c, sample, device);
      if (c.propagates_nan) check_nan(c, sample, device);
    }
  }
  for (const WrongUse& wrong : c.errors) {
    INFO(c.name, ", ", wrong.label);
    CHECK_THROWS_WITH_AS(wrong.f(), wrong.message.c_str(), ArgumentError);
  }
}

Tensor uniform64(const Dims& shape, double low, double high, uint64_t seed) {
  Tensor x = empty(shape, {.dtype = DType::float64});
  uint64_t state = seed * 0x9e3779b97f4a7c15u;
  for (int64_t i = 0; i < x.numel(); ++i) {  // SplitMix64
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    x.data<double>()[i] = low + (high - low) * double((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }
  return x;
}

}  // namespace papilio::test
