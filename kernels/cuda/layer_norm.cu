#include "kernels/layer_norm.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/cuda/row_registers.h"

namespace papilio::cuda {
namespace {

// y = the norm of x, or of total = x + more if there is more.
template <class Way, class T, class C>
__global__ void layer_norm_rows(T* total, T* y, C* statistics, const T* x, const T* more,
                                const T* weight, const T* bias, Teams teams, C eps) {
  teams.each_row([=](const RowPart& part) {
    const auto a = Way::fetch(part, part.at(x)), b = Way::fetch(part, part.at(more));
    const auto row = a.row().zip(b, [](C v, C w) { return C(T(v + w)); });
    if (more != nullptr) row.write(part.at(total));
    const C mean = row_sum(row) / C(teams.n);
    const auto centred = row.map([=](C v) { return v - mean; });
    const C variance = row_sum(centred.map([](C v) { return v * v; })) / C(teams.n);
    const C rstd = 1 / std::sqrt(variance + eps);
    if (part.leads) statistics[2 * part.row] = mean, statistics[2 * part.row + 1] = rstd;
    centred.map([=](C v) { return v * rstd; })
        .zip(weight, [](C v, C w) { return v * w; })
        .zip(bias, [](C v, C b) { return v + b; })
        .write(part.at(y));
  });
}

// dx = rstd (g - mean(g) - n mean(g n)), g = dy weight, n = (x - mean) rstd
template <class Way, class T, class C>
__global__ void layer_norm_dx(T* dx, const T* dy, const T* x, const C* statistics, const T* weight,
                              Teams teams) {
  teams.each_row([=](const RowPart& part) {
    const C mean = statistics[2 * part.row], rstd = statistics[2 * part.row + 1];
    const auto product = [](C a, C b) { return a * b; };
    const auto xs = Way::fetch(part, part.at(x)), ds = Way::fetch(part, part.at(dy));
    const auto n = xs.row().map([=](C v) { return (v - mean) * rstd; });
    const auto g = ds.row().zip(weight, product);
    const C g_mean = row_sum(g) / C(teams.n), gn_mean = row_sum(g.zip(n, product)) / C(teams.n);
    g.zip(n, [=](C d, C v) { return rstd * (d - g_mean - v * gn_mean); }).write(part.at(dx));
  });
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

// The groups' sums, added up by blocks of 32 columns: each warp takes every eighth group, then the
// warps' sums follow each other.
template <class T, class C>
__global__ void add_groups(T* dweight, T* dbias, const C* sums, int64_t n, int64_t groups) {
  constexpr int kWarps = kBlock / kWarp;
  SHARED(C, parts, 2 * kBlock);
  const int warp = int(threadIdx.x) / kWarp, lane = int(threadIdx.x) % kWarp;
  for (int64_t first = int64_t(blockIdx.x) * kWarp; first < n;
       first += int64_t(gridDim.x) * kWarp) {
    const int64_t i = first + lane;
    C dw = 0, db = 0;
    for (int64_t group = warp; group < groups && i < n; group += kWarps) {
      dw += sums[(2 * group) * n + i];
      db += sums[(2 * group + 1) * n + i];
    }
    __syncthreads();  // whoever still reads the columns before
    parts[threadIdx.x] = dw, parts[kBlock + threadIdx.x] = db;
    __syncthreads();
    if (warp > 0 || i >= n) continue;
    for (int part = lane + kWarp; part < kBlock; part += kWarp)
      dw += parts[part], db += parts[kBlock + part];
    if (dweight != nullptr) dweight[i] = T(dw);
    if (dbias != nullptr) dbias[i] = T(db);
  }
}

}  // namespace

void layer_norm(View y, View statistics, ConstView x, ConstView weight, ConstView bias,
                double eps) {
  add_layer_norm({.sum = {},
                  .y = y,
                  .statistics = statistics,
                  .a = x,
                  .b = {},
                  .weight = weight,
                  .bias = bias,
                  .eps = eps});
}

void add_layer_norm(const AddLayerNorm& args) {
  const int64_t rows = row_count(args.a), n = row_length(args.a);
  dispatch_floating(args.a.dtype, [&]<class T>() {
    using C = compute_t<T>;
    with_teams<T>(
        rows, n,
        [&]<class Way>(const Teams& teams) {
          launch(layer_norm_rows<Way, T, C>, teams.grid(), teams.block(), 0, stream(),
                 args.sum.as<T>(), args.y.as<T>(), args.statistics.as<C>(), args.a.as<T>(),
                 args.b.as<T>(), args.weight.as<T>(), args.bias.as<T>(), teams, C(args.eps));
        },
        args.sum.as<T>(), args.y.as<T>(), args.a.as<T>(), args.b.as<T>(), args.weight.as<T>(),
        args.bias.as<T>());
  });
}

void layer_norm_backward(const LayerNormBackward& args) {
  const int64_t rows = row_count(args.x), n = row_length(args.x);
  // A quarter of a million threads. Depends on the sizes only, so that results repeat on every GPU.
  const int64_t most = std::clamp<int64_t>((1 << 18) / std::max<int64_t>(n, 1), 64, 1024);
  const int64_t size = std::max<int64_t>(16, (rows + most - 1) / most);
  const int64_t groups = (rows + size - 1) / size;
  dispatch_floating(args.x.dtype, [&]<class T>() {
    using C = compute_t<T>;
    if (args.dx.data)
      with_teams<T>(
          rows, n,
          [&]<class Way>(const Teams& teams) {
            launch(layer_norm_dx<Way, T, C>, teams.grid(), teams.block(), 0, stream(),
                   args.dx.as<T>(), args.dy.as<T>(), args.x.as<T>(), args.statistics.as<C>(),
                   args.weight.as<T>(), teams);
          },
          args.dx.as<T>(), args.dy.as<T>(), args.x.as<T>(), args.weight.as<T>());
    if (!args.dweight.data && !args.dbias.data) return;
    const Scratch<C> sums(2 * groups * n);
    launch(sum_groups<T, C>, blocks_for(groups * n), kBlock, 0, stream(), sums.data(),
           args.dy.as<T>(), args.x.as<T>(), args.statistics.as<C>(), rows, n, groups, size);
    launch(add_groups<T, C>, blocks_for(n, kWarp), kBlock, 0, stream(), args.dweight.as<T>(),
           args.dbias.as<T>(), sums.data(), n, groups);
  });
}

}  // namespace papilio::cuda
