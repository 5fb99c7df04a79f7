#include "kernels/conv2d.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <utility>

#include "kernels/copy.h"
#include "kernels/cuda/launch.h"
#include "kernels/gemm.h"

namespace papilio::cuda {
namespace {

constexpr int64_t kColumnBytes = int64_t(64) << 20;  // of the columns of one chunk of images

// Columns: (groups, K, images, P). Row r = (c kh + i) kw + j of a group holds what kernel place (i,
// j) of the group's channel c sees at each of the P output places: a convolution is w times
// columns.
struct Geometry {
  int64_t C, H, W, O, kh, kw, OH, OW, groups;
  Conv2dOptions o;
  Geometry(const ConstView& x, const ConstView& w, const ConstView& y, const Conv2dOptions& options)
      : C(x.shape[1]),
        H(x.shape[2]),
        W(x.shape[3]),
        O(w.shape[0]),
        kh(w.shape[2]),
        kw(w.shape[3]),
        OH(y.shape[2]),
        OW(y.shape[3]),
        groups(options.groups),
        o(options) {}
  PAPILIO_HOST_DEVICE int64_t K() const { return C / groups * kh * kw; }
  PAPILIO_HOST_DEVICE int64_t P() const { return OH * OW; }
  int64_t images_at_once(int64_t images, size_t size) const {
    const int64_t bytes = groups * K() * P() * int64_t(size);
    return std::clamp<int64_t>(kColumnBytes / std::max<int64_t>(bytes, 1), 1,
                               std::max<int64_t>(images, 1));
  }
};

// A thread for each element of the columns. Outside the image is 0.
template <class To, class T>
__global__ void fill_columns(To* columns, const T* x, Geometry g, int64_t images) {
  const int64_t K = g.K(), P = g.P();
  for (int64_t e = first_element(); e < g.groups * K * images * P; e += grid_stride()) {
    const int64_t p = e % P, b = e / P % images, r = e / P / images % K, group = e / P / images / K;
    const int64_t c = group * (g.C / g.groups) + r / (g.kh * g.kw), i = r / g.kw % g.kh,
                  j = r % g.kw;
    const int64_t h = p / g.OW * g.o.stride.h - g.o.padding.h + i * g.o.dilation.h;
    const int64_t w = p % g.OW * g.o.stride.w - g.o.padding.w + j * g.o.dilation.w;
    const bool inside = h >= 0 && h < g.H && w >= 0 && w < g.W;
    columns[e] =
        inside ? To(compute_t<T>(x[((b * g.C + c) * g.H + h) * g.W + w])) : To(compute_t<To>(0));
  }
}

// The way back. A thread for each element of dx, which adds what the kernel's places saw of it.
template <class T, class C>
__global__ void add_columns(T* dx, const C* columns, Geometry g, int64_t images) {
  const int64_t K = g.K(), P = g.P(), channels = g.C / g.groups;
  for (int64_t e = first_element(); e < images * g.C * g.H * g.W; e += grid_stride()) {
    const int64_t w = e % g.W, h = e / g.W % g.H, c = e / g.W / g.H % g.C, b = e / g.W / g.H / g.C;
    C sum = 0;
    for (int64_t i = 0; i < g.kh; ++i) {
      for (int64_t j = 0; j < g.kw; ++j) {
        const int64_t oh = h + g.o.padding.h - i * g.o.dilation.h;
        const int64_t ow = w + g.o.padding.w - j * g.o.dilation.w;
        if (oh < 0 || ow < 0 || oh % g.o.stride.h != 0 || ow % g.o.stride.w != 0) continue;
        const int64_t y = oh / g.o.stride.h, x = ow / g.o.stride.w;
        if (y >= g.OH || x >= g.OW) continue;
        const int64_t row = c / channels * K + (c % channels * g.kh + i) * g.kw + j;
        sum += columns[(row * images + b) * P + y * g.OW + x];
      }
    }
    dx[e] = T(sum);
  }
}

View strided(void* data, DType dtype, std::initializer_list<int64_t> shape,
             std::initializer_list<int64_t> strides) {
  View v{data, dtype, int(shape.size()), {}, {}};
  std::copy(shape.begin(), shape.end(), v.shape);
  std::copy(strides.begin(), strides.end(), v.strides);
  return v;
}

// Image `b` of a contiguous (B, ...) view.
template <class V>
auto* image(const V& v, int64_t b) {
  int64_t size = int64_t(size_of(v.dtype));
  for (int d = 1; d < v.rank; ++d) size *= v.shape[d];
  return v.template as<char>() + b * size;
}

// Matrices of one chunk, each (images, groups, rows, columns).
struct Chunk {
  int64_t images;
  View weight, columns, y;
  Chunk(const Geometry& g, int64_t n, DType dtype, void* w, void* cols, void* out) : images(n) {
    const int64_t K = g.K(), P = g.P(), M = g.O / g.groups;
    weight = strided(w, dtype, {n, g.groups, M, K}, {0, M * K, K, 1});
    columns = strided(cols, dtype, {n, g.groups, K, P}, {P, K * n * P, n * P, 1});
    y = strided(out, dtype, {n, g.groups, M, P}, {g.O * P, M * P, P, 1});
  }
};

View transposed(View v) {
  std::swap(v.shape[2], v.shape[3]);
  std::swap(v.strides[2], v.strides[3]);
  return v;
}

// n elements of x in the type they are computed in: x itself, or a copy in `memory`.
template <class T>
void* in_compute_type(const void* x, int64_t n, const Scratch<compute_t<T>>& memory) {
  if constexpr (!is_half_type<T>) return const_cast<void*>(x);
  if (n > 0)
    copy(strided(memory.data(), dtype_of<compute_t<T>>(), {n}, {1}),
         strided(const_cast<void*>(x), dtype_of<T>(), {n}, {1}));
  return memory.data();
}

// Calls f(first image, images) for chunk after chunk.
template <class F>
void for_each_chunk(int64_t images, int64_t at_once, F f) {
  for (int64_t b = 0; b < images; b += at_once) f(b, std::min(at_once, images - b));
}

}  // namespace

void conv2d(View y, ConstView x, ConstView w, ConstView bias, const Conv2dOptions& options) {
  const Geometry g(x, w, y, options);
  const int64_t images = x.shape[0], at_once = g.images_at_once(images, size_of(x.dtype));
  if (y.numel() == 0) return;
  if (bias.data)
    copy(y, strided(const_cast<void*>(bias.data), bias.dtype,
                    {y.shape[0], y.shape[1], y.shape[2], y.shape[3]}, {0, 1, 0, 0}));
  dispatch_floating(x.dtype, [&]<class T>() {
    const Scratch<T> columns(g.groups * g.K() * at_once * g.P());
    for_each_chunk(images, at_once, [&](int64_t b, int64_t n) {
      const int64_t elements = g.groups * g.K() * n * g.P();
      launch(fill_columns<T, T>, blocks_for(elements), kBlock, 0, stream(), columns.data(),
             reinterpret_cast<const T*>(image(x, b)), g, n);
      const Chunk c(g, n, x.dtype, const_cast<void*>(w.data), columns.data(), image(y, b));
      gemm(c.y, c.weight, c.columns, 1, bias.data ? 1 : 0);
    });
  });
}

// The columns' gradients are summed before they are rounded: 16-bit types go through float32.
void conv2d_backward_input(View dx, ConstView dy, ConstView w, const Conv2dOptions& options) {
  const Geometry g(dx, w, dy, options);
  const DType dtype = compute_dtype(dx.dtype);
  const int64_t images = dx.shape[0], at_once = g.images_at_once(images, size_of(dtype));
  dispatch_floating(dx.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const Scratch<C> columns(g.groups * g.K() * at_once * g.P());
    const Scratch<C> w_memory(is_half_type<T> ? w.numel() : 0);
    const Scratch<C> dy_memory(is_half_type<T> ? at_once * g.O * g.P() : 0);
    void* const weight = in_compute_type<T>(w.data, w.numel(), w_memory);
    for_each_chunk(images, at_once, [&](int64_t b, int64_t n) {
      void* const dys = in_compute_type<T>(image(dy, b), n * g.O * g.P(), dy_memory);
      const Chunk c(g, n, dtype, weight, columns.data(), dys);
      gemm(c.columns, transposed(c.weight), c.y, 1, 0);
      launch(add_columns<T, C>, blocks_for(n * g.C * g.H * g.W), kBlock, 0, stream(),
             reinterpret_cast<T*>(image(dx, b)), columns.data(), g, n);
    });
  });
}

// dw = dy columns^T over all places of all images of a chunk, chunks added up. 16-bit types are
// summed in float32 from the first product to the last.
void conv2d_backward_weight(View dw, ConstView dy, ConstView x, const Conv2dOptions& options) {
  const Geometry g(x, dw, dy, options);
  const DType dtype = compute_dtype(dw.dtype);
  const int64_t images = x.shape[0], at_once = g.images_at_once(images, size_of(dtype));
  const int64_t K = g.K(), P = g.P(), M = g.O / g.groups;
  dispatch_floating(dw.dtype, [&]<class T>() {
    using C = compute_t<T>;
    const Scratch<C> columns(g.groups * K * at_once * P), by_group(g.O * at_once * P),
        sums(g.O * K);
    const View sum = strided(sums.data(), dtype, {g.groups, M, K}, {M * K, K, 1});
    if (sum.numel() > 0) fill(sum, 0);
    for_each_chunk(images, at_once, [&](int64_t b, int64_t n) {
      const int64_t elements = g.groups * K * n * P;
      if (elements == 0 || g.O == 0) return;
      launch(fill_columns<C, T>, blocks_for(elements), kBlock, 0, stream(), columns.data(),
             reinterpret_cast<const T*>(image(x, b)), g, n);
      // dy as (O, images, P), so that images and places are one long dimension.
      copy(strided(by_group.data(), dtype, {g.O, n, P}, {n * P, P, 1}),
           strided(const_cast<char*>(image(dy, b)), dy.dtype, {g.O, n, P}, {P, g.O * P, 1}));
      const View dys = strided(by_group.data(), dtype, {g.groups, M, n * P}, {M * n * P, n * P, 1});
      gemm(sum, dys, strided(columns.data(), dtype, {g.groups, n * P, K}, {K * n * P, 1, n * P}), 1,
           1);
    });
    const View flat = strided(sums.data(), dtype, {g.O * K}, {1});
    if (flat.numel() > 0) copy(strided(dw.data, dw.dtype, {g.O * K}, {1}), flat);
  });
}

}  // namespace papilio::cuda
