#include "kernels/layer_norm.h"

#include <algorithm>
#include <cmath>

#include "kernels/cuda/row.h"

namespace papilio::cuda {
namespace {

// A parameter's element i, `absent` where there is none.
template <class T>
__device__ compute_t<T> parameter(const T* p, int64_t i, compute_t<T> absent) {
  return p != nullptr ? compute_t<T>(p[i]) : absent;
}

// Of x, or of total = x + more where there is more. A thread reads again only what it wrote itself.
template <class T, class C>
__global__ void layer_norm_rows(T* total, T* y, C* statistics, const T* x, const T* more,
                                const T* weight, const T* bias, int64_t rows, int64_t n, C eps) {
  for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    const T* xr = x + r * n;
    if (more != nullptr) {
      for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
        total[r * n + i] = T(C(xr[i]) + C(more[r * n + i]));
      xr = total + r * n;
    }
    C sum = 0;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) sum += C(xr[i]);
    const C mean = join_block(sum, Plus()) / C(n);
    C squares = 0;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
      squares += (C(xr[i]) - mean) * (C(xr[i]) - mean);
    const C rstd = 1 / std::sqrt(join_block(squares, Plus()) / C(n) + eps);
    if (threadIdx.x == 0) statistics[2 * r] = mean, statistics[2 * r + 1] = rstd;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
      y[r * n + i] =
          T((C(xr[i]) - mean) * rstd * parameter<T>(weight, i, 1) + parameter<T>(bias, i, 0));
  }
}

// dx = rstd (g - mean(g) - n mean(g n)), g = dy weight, n = (x - mean) rstd
template <class T, class C>
__global__ void layer_norm_dx(T* dx, const T* dy, const T* x, const C* statistics, const T* weight,
                              int64_t rows, int64_t n) {
  for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    const T *xr = x + r * n, *dyr = dy + r * n;
    const C mean = statistics[2 * r], rstd = statistics[2 * r + 1];
    C g = 0, gn = 0;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
      const C d = C(dyr[i]) * parameter<T>(weight, i, 1);
      g += d;
      gn += d * ((C(xr[i]) - mean) * rstd);
    }
    g = join_block(g, Plus()) / C(n);
    gn = join_block(gn, Plus()) / C(n);
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
      const C d = C(dyr[i]) * parameter<T>(weight, i, 1);
      dx[r * n + i] = T(rstd * (d - g - (C(xr[i]) - mean) * rstd * gn));
    }
  }
}

// Groups of rows, so that many threads share the sums over all rows: sums[group][0][i] = dweight_i,
// sums[group][1][i] = dbias_i of the rows of one group. A thread for each group and column.
template <class T, class C>
__global__ void sum_groups(C* sums, const T* dy, const T* x, const C* statistics, int64_t rows,
                           int64_t n, int64_t groups, int64_t size) {
  for (int64_t k = first_element(); k < groups * n; k += grid_stride()) {
    const int64_t group = k / n, i = k % n;
    C dw = 0, db = 0;
    for (int64_t r = group * size; r < rows && r < (group + 1) * size; ++r) {
      const C d = C(dy[r * n + i]);
      dw += d * ((C(x[r * n + i]) - statistics[2 * r]) * statistics[2 * r + 1]);
      db += d;
    }
    sums[(2 * group) * n + i] = dw;
    sums[(2 * group + 1) * n + i] = db;
  }
}

// The groups' sums, added in their order.
template <class T, class C>
__global__ void add_groups(T* dweight, T* dbias, const C* sums, int64_t n, int64_t groups) {
  for (int64_t i = first_element(); i < n; i += grid_stride()) {
    C dw = 0, db = 0;
    for (int64_t group = 0; group < groups; ++group) {
      dw += sums[(2 * group) * n + i];
      db += sums[(2 * group + 1) * n + i];
    }
    if (dweight != nullptr) dweight[i] = T(dw);
    if (dbias != nullptr) dbias[i] = T(db);
  }
}

}  // namespace

void layer_norm(View y, View statistics, ConstView x, ConstView weight, ConstView bias,
                double eps) {
  add_layer_norm({}, y, statistics, x, {}, weight, bias, eps);
}

void add_layer_norm(View sum, View y, View statistics, ConstView a, ConstView b, ConstView weight,
                    ConstView bias, double eps) {
  const int64_t rows = row_count(a), n = row_length(a);
  dispatch_floating(a.dtype, [&]<class T>() {
    using C = compute_t<T>;
    launch(layer_norm_rows<T, C>, blocks_for(rows, 1), row_block(n), 0, stream(), sum.as<T>(),
           y.as<T>(), statistics.as<C>(), a.as<T>(), b.as<T>(), weight.as<T>(), bias.as<T>(), rows,
           n, C(eps));
  });
}

void layer_norm_backward(View dx, View dweight, View dbias, ConstView dy, ConstView x,
                         ConstView statistics, ConstView weight) {
  const int64_t rows = row_count(x), n = row_length(x);
  // Depends on the number of rows only, so that results repeat on every GPU.
  const int64_t size = std::max<int64_t>(16, (rows + 255) / 256), groups = (rows + size - 1) / size;
  dispatch_floating(x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    if (dx.data)
      launch(layer_norm_dx<T, C>, blocks_for(rows, 1), row_block(n), 0, stream(), dx.as<T>(),
             dy.as<T>(), x.as<T>(), statistics.as<C>(), weight.as<T>(), rows, n);
    if (!dweight.data && !dbias.data) return;
    const Scratch<C> sums(2 * groups * n);
    launch(sum_groups<T, C>, blocks_for(groups * n), kBlock, 0, stream(), sums.data(), dy.as<T>(),
           x.as<T>(), statistics.as<C>(), rows, n, groups, size);
    launch(add_groups<T, C>, blocks_for(n), kBlock, 0, stream(), dweight.as<T>(), dbias.as<T>(),
           sums.data(), n, groups);
  });
}

}  // namespace papilio::cuda
