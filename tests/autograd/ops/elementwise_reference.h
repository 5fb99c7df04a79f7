// Plain float64 loops that the elementwise operations' tests compare with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tensor/creation.h"
#include "tests/autograd/op_case.h"

namespace papilio::test {

// f of every element of the first input.
template <class F>
auto map_reference(F f) {
  return [f](const Tensors& in) {
    std::vector<double> y = in[0].to_vector<double>();
    for (double& v : y) v = f(v);
    return y;
  };
}

// Element i (row-major in `shape`) of x broadcast to `shape`.
inline double broadcast_element(const std::vector<double>& x, const Dims& own, const Dims& shape,
                                int64_t i) {
  int64_t at = 0, step = 1;
  for (int d = shape.size() - 1, e = own.size() - 1; e >= 0; --d, --e) {
    if (own[e] != 1) at += i % shape[d] * step;
    step *= own[e];
    i /= shape[d];
  }
  return x[size_t(at)];
}

// f of the first two inputs, broadcast to `shape`.
template <class F>
auto zip_reference(Dims shape, F f) {
  return [shape, f](const Tensors& in) {
    const auto a = in[0].to_vector<double>(), b = in[1].to_vector<double>();
    int64_t n = 1;
    for (int64_t size : shape) n *= size;
    std::vector<double> y;
    for (int64_t i = 0; i < n; ++i) {
      y.push_back(f(broadcast_element(a, in[0].shape(), shape, i),
                    broadcast_element(b, in[1].shape(), shape, i)));
    }
    return y;
  };
}

// The shapes every function of one input is tried with; values in [low, high).
template <class F, class G>
std::vector<Sample> map_samples(F operation, G reference, double low, double high) {
  std::vector<Sample> samples;
  for (const Dims& shape :
       {Dims{}, Dims{1}, Dims{5}, Dims{2, 3, 4}, Dims{3, 1, 2}, Dims{0, 3}, Dims{700}}) {
    samples.push_back({str("shape ", shape),
                       {uniform64(shape, low, high)},
                       [operation](const Tensors& in) { return operation(in[0]); },
                       map_reference(reference)});
  }
  return samples;
}

// The pairs of shapes every function of two inputs is tried with; a in [low_a, high_a), b in
// [low_b, high_b).
template <class F, class G>
std::vector<Sample> zip_samples(F operation, G reference, double low_a, double high_a, double low_b,
                                double high_b) {
  struct Shapes {
    Dims a, b, y;
  };
  const Shapes all[] = {{{}, {}, {}},
                        {{3, 4}, {3, 4}, {3, 4}},
                        {{3, 4}, {}, {3, 4}},
                        {{}, {5}, {5}},
                        {{3, 4}, {4}, {3, 4}},
                        {{4}, {2, 3, 4}, {2, 3, 4}},
                        {{2, 3, 1}, {2, 1, 4}, {2, 3, 4}},
                        {{2, 1, 4}, {3, 1}, {2, 3, 4}},
                        {{1}, {1, 1}, {1, 1}},
                        {{0, 3}, {3}, {0, 3}},
                        {{2, 600}, {2, 1}, {2, 600}}};
  std::vector<Sample> samples;
  for (const Shapes& s : all) {
    samples.push_back({str(s.a, " and ", s.b),
                       {uniform64(s.a, low_a, high_a, 1), uniform64(s.b, low_b, high_b, 2)},
                       [operation](const Tensors& in) { return operation(in[0], in[1]); },
                       zip_reference(s.y, reference)});
  }
  return samples;
}

inline Tensor int64s(const std::vector<int64_t>& values) {
  return tensor<int64_t>(values);
}

}  // namespace papilio::test
