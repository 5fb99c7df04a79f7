#include "kernels/copy.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "kernels/elementwise.h"

namespace papilio {
namespace {

// An array of bytes seen through a shape and strides, with a border that must stay as it is.
struct Array {
  static constexpr int64_t kBorder = 3;
  std::vector<unsigned char> bytes;
  View view;

  Array(DType dtype, std::vector<int64_t> shape, std::vector<int64_t> strides) {
    int64_t last = 0;
    bool none = false;
    for (size_t d = 0; d < shape.size(); ++d) {
      last += (shape[d] - 1) * strides[d];
      none |= shape[d] == 0;
    }
    bytes.assign(size_of(dtype) * size_t((none ? 0 : last + 1) + 2 * kBorder), 0);
    view.data = bytes.data() + size_of(dtype) * kBorder;
    view.dtype = dtype;
    view.rank = int(shape.size());
    for (size_t d = 0; d < shape.size(); ++d)
      view.shape[d] = shape[d], view.strides[d] = strides[d];
  }
  Array(const Array&) = delete;

  // Offset of row-major element i.
  int64_t offset(int64_t i) const {
    int64_t o = 0;
    for (int d = view.rank - 1; d >= 0; --d)
      o += i % view.shape[d] * view.strides[d], i /= view.shape[d];
    return o;
  }
  double get(int64_t i) const {
    double value = 0;
    dispatch_all(view.dtype, [&]<class T>() { value = double(view.as<T>()[offset(i)]); });
    return value;
  }
  void set(int64_t i, double value) {
    dispatch_all(view.dtype, [&]<class T>() {
      if constexpr (is_half_type<T>)
        view.as<T>()[offset(i)] = T(float(value));
      else
        view.as<T>()[offset(i)] = T(value);
    });
  }
  // How many bytes outside the view's elements are not zero.
  int64_t stray() const {
    auto rest = bytes;
    const size_t size = size_of(view.dtype);
    for (int64_t i = 0; i < view.numel(); ++i) {
      std::fill_n(rest.begin() + ptrdiff_t(size) * (kBorder + offset(i)), size, 0);
    }
    return std::count_if(rest.begin(), rest.end(), [](unsigned char b) { return b != 0; });
  }
};

constexpr DType kAll[] = {DType::float32, DType::float64, DType::bfloat16, DType::float16,
                          DType::int64,   DType::int32,   DType::uint8,    DType::boolean};

struct Layouts {
  std::vector<int64_t> shape, dst, src;
};

// Small integers survive every dtype but bool.
double value_at(int64_t i) {
  return double(i % 101);
}

void check_copy(DType to, DType from, const Layouts& l) {
  Array dst(to, l.shape, l.dst), src(from, l.shape, l.src);
  for (int64_t i = 0; i < src.view.numel(); ++i) src.set(i, value_at(src.offset(i)));
  cpu::copy(dst.view, src.view);
  int64_t wrong = 0;
  for (int64_t i = 0; i < dst.view.numel(); ++i) {
    double expected = value_at(src.offset(i));
    if (to == DType::boolean || from == DType::boolean) expected = expected != 0;
    wrong += dst.get(i) != expected;
  }
  CHECK(wrong == 0);
  CHECK(dst.stray() == 0);
}

const std::vector<Layouts> kLayouts = {
    {{}, {}, {}},
    {{7}, {1}, {1}},
    {{0}, {1}, {1}},
    {{3, 0, 2}, {0, 2, 1}, {0, 2, 1}},
    {{2, 3, 4}, {12, 4, 1}, {12, 4, 1}},
    {{2, 1, 4}, {4, 77, 1}, {4, 99, 1}},
    {{5, 6}, {6, 1}, {1, 5}},      // transposed, small
    {{40, 70}, {70, 1}, {1, 40}},  // transposed, more than one tile
    {{33, 65}, {1, 33}, {65, 1}},  // transposed destination
    {{3, 40, 9}, {360, 9, 1}, {360, 1, 40}},
    {{2, 12, 3, 10}, {360, 30, 10, 1}, {360, 1, 120, 12}},
    {{4, 6}, {6, 1}, {0, 1}},  // a row repeated
    {{4, 6}, {6, 1}, {1, 0}},  // a column repeated
    {{4, 6}, {6, 1}, {0, 0}},
    {{4, 6}, {8, 1}, {12, 2}},  // padded rows, every second element
    {{4, 6}, {20, 3}, {6, 1}},
    {{2, 2, 2, 2, 2, 2, 2, 2}, {1, 2, 4, 8, 16, 32, 64, 128}, {128, 64, 32, 16, 8, 4, 2, 1}},
};

TEST_CASE("copy: every pair of dtypes through every kind of layout") {
  for (DType to : kAll) {
    for (DType from : kAll) {
      for (const auto& l : kLayouts) check_copy(to, from, l);
    }
  }
}

TEST_CASE("copy: large arrays, split over threads") {
  check_copy(DType::float32, DType::float32, {{600, 1000}, {1000, 1}, {1000, 1}});
  check_copy(DType::float32, DType::float32, {{600, 1000}, {1000, 1}, {1, 600}});
  check_copy(DType::float64, DType::float32, {{3, 500, 401}, {500 * 401, 401, 1}, {401, 1203, 1}});
  check_copy(DType::float32, DType::int64, {{600, 1000}, {1000, 1}, {0, 1}});
}

template <class To, class From>
To copied(From value) {
  To out{};
  View d;
  d.data = &out, d.dtype = dtype_of<To>();
  ConstView s;
  s.data = &value, s.dtype = dtype_of<From>();
  cpu::copy(d, s);
  return out;
}

TEST_CASE("copy: conversions at the ends of the ranges") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = HUGE_VAL;
  CHECK(copied<int32_t>(2.9) == 2);
  CHECK(copied<int32_t>(-2.9) == -2);
  CHECK(copied<int32_t>(2147483647.0) == 2147483647);
  CHECK(copied<int32_t>(2147483648.0) == 2147483647);
  CHECK(copied<int32_t>(-2147483648.0) == -2147483647 - 1);
  CHECK(copied<int32_t>(inf) == 2147483647);
  CHECK(copied<int32_t>(-inf) == -2147483647 - 1);
  CHECK(copied<int32_t>(nan) == 0);
  CHECK(copied<int32_t>(3e9f) == 2147483647);
  CHECK(copied<int64_t>(1e19) == std::numeric_limits<int64_t>::max());
  CHECK(copied<int64_t>(-1e19f) == std::numeric_limits<int64_t>::min());
  CHECK(copied<uint8_t>(255.5) == 255);
  CHECK(copied<uint8_t>(300.0f) == 255);
  CHECK(copied<uint8_t>(-1.0) == 0);
  CHECK(copied<uint8_t>(-0.5) == 0);
  CHECK(copied<uint8_t>(int64_t(258)) == 2);
  CHECK(copied<int32_t>(int64_t(1) << 32) == 0);
  CHECK(copied<bool>(nan));
  CHECK(copied<bool>(1e-300));
  CHECK(!copied<bool>(-0.0));
  CHECK(copied<float>(1e300) == HUGE_VALF);
  CHECK(std::isnan(copied<float>(nan)));
  CHECK(std::isnan(float(copied<BFloat16>(nan))));
  CHECK(std::isnan(copied<double>(copied<Float16>(nan))));
  CHECK(float(copied<Float16>(65520.0f)) == HUGE_VALF);
  CHECK(float(copied<Float16>(65519.0f)) == 65504.0f);
}

TEST_CASE("fill: every dtype, any strides, nothing outside") {
  for (DType dtype : kAll) {
    for (const auto& l : kLayouts) {
      Array dst(dtype, l.shape, l.dst);
      cpu::fill(dst.view, 3);
      const double expected = dtype == DType::boolean ? 1 : 3;
      int64_t wrong = 0;
      for (int64_t i = 0; i < dst.view.numel(); ++i) wrong += dst.get(i) != expected;
      CHECK(wrong == 0);
      CHECK(dst.stray() == 0);
    }
  }
}

TEST_CASE("add_to: floating dtypes, any source") {
  for (DType dtype : {DType::float32, DType::float64, DType::bfloat16, DType::float16}) {
    for (const auto& l : kLayouts) {
      std::vector<int64_t> contiguous(l.shape.size(), 1);
      for (int64_t d = int64_t(l.shape.size()) - 2; d >= 0; --d) {
        contiguous[size_t(d)] = contiguous[size_t(d + 1)] * l.shape[size_t(d + 1)];
      }
      Array dst(dtype, l.shape, contiguous), src(dtype, l.shape, l.src);
      for (int64_t i = 0; i < dst.view.numel(); ++i) {
        dst.set(i, double(i % 7));
        src.set(i, value_at(src.offset(i)));
      }
      cpu::add_to(dst.view, src.view);
      int64_t wrong = 0;
      for (int64_t i = 0; i < dst.view.numel(); ++i) {
        wrong += dst.get(i) != double(i % 7) + value_at(src.offset(i));
      }
      CHECK(wrong == 0);
    }
  }
}

}  // namespace
}  // namespace papilio
