// Rows of a matrix, each shared by a team of threads: some lanes of a warp, a warp, or a whole
// block, so that a thread has no more than kKept<T> elements of a row that is not very long. A
// kernel says what happens to a row once; `Kept` holds it in registers, read once and 16 bytes a
// load, `Reread` reads it from memory each time it is asked for.
//
//   teams.each_row([=](const RowPart& part) {
//     const auto row = Way::fetch(part, part.at(x)).row();
//     const C mean = row_sum(row) / C(teams.n);
//     row.map([=](C v) { return v - mean; }).write(part.at(y));
//   });
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/cuda/pack.h"
#include "kernels/cuda/row.h"

namespace papilio::cuda {

// How many elements each thread keeps at most, in 64 bytes of registers.
template <class T>
constexpr int kKept = 64 / int(sizeof(compute_t<T>));
constexpr int kTeamsBlock = 128;  // threads of a block of teams that need no barrier

// A thread's part in its team's row.
struct RowPart {
  int64_t row;  // the last one if the team has none left; then n = 0
  int64_t n;
  int thread, team;  // of `team` threads
  bool leads;        // the one that writes what there is once a row

  // The row in a contiguous matrix; null if there is none.
  template <class T>
  __device__ T* at(T* matrix) const {
    return matrix == nullptr ? nullptr : matrix + row * n;
  }
};

struct Teams {
  int64_t rows, n;
  int threads;  // of a team: a power of two

  unsigned block() const { return unsigned(threads > kWarp ? threads : kTeamsBlock); }
  unsigned grid() const { return blocks_for(rows, block() / unsigned(threads)); }

  // f(part) for every row, by all threads of the block together.
  template <class F>
  __device__ void each_row(F f) const {
    const int thread = int(threadIdx.x), per_block = int(blockDim.x) / threads;
    for (int64_t first = int64_t(blockIdx.x) * per_block; first < rows;
         first += int64_t(gridDim.x) * per_block) {
      const int64_t row = first + thread / threads;
      const bool there = row < rows;
      f(RowPart{there ? row : rows - 1, there ? n : 0, thread % threads, threads,
                there && thread % threads == 0});
    }
  }
};

// The team's values joined, in each of its threads. All threads of the block call it.
template <class Join, class C>
__device__ C join_team(C value, Join join, int team) {
  if (team > kWarp) return join_block(value, join);
  for (int distance = team / 2; distance > 0; distance /= 2)
    value = join(value, __shfl_xor_sync(kAllLanes, value, distance));
  return value;
}

template <class T>
struct FetchedRow;

// A row in registers, kPack<T> neighbours at a time.
template <class T>
struct KeptRow {
  using C = compute_t<T>;
  static constexpr int P = kPack<T>, K = kKept<T> / P;

  RowPart part;
  C values[K][P];

  // Where the thread's pack k begins; n or more: it has none.
  __device__ static int begin(const RowPart& part, int k) {
    return (k * part.team + part.thread) * P;
  }
  // g(k, e, i) for each element i that the thread has, in values[k][e].
  template <class G>
  __device__ void visit(G g) const {
#pragma unroll
    for (int k = 0; k < K; ++k) {
      if (begin(part, k) >= int(part.n)) continue;
#pragma unroll
      for (int e = 0; e < P; ++e) g(k, e, begin(part, k) + e);
    }
  }

  // f(v) for each element.
  template <class F>
  __device__ void each(F f) const {
    visit([&](int k, int e, int) { f(values[k][e]); });
  }
  // f(v) instead of each v.
  template <class F>
  __device__ KeptRow map(F f) const {
    return map_at([&](C v, int) { return f(v); });
  }
  // f(v, i) instead of element i.
  template <class F>
  __device__ KeptRow map_at(F f) const {
    KeptRow y = *this;
    visit([&](int k, int e, int i) { y.values[k][e] = f(values[k][e], i); });
    return y;
  }
  // f(v, other's v) instead of each v.
  template <class F>
  __device__ KeptRow zip(const KeptRow& other, F f) const {
    KeptRow y = *this;
    visit([&](int k, int e, int) { y.values[k][e] = f(values[k][e], other.values[k][e]); });
    return y;
  }
  // The same, or the row as it is if `other` is null.
  template <class F>
  __device__ KeptRow zip(const FetchedRow<T>& other, F f) const {
    if (!other.there) return *this;
    return zip(other.row(), f);
  }
  template <class F>
  __device__ KeptRow zip(const T* other, F f) const {
    if (other == nullptr) return *this;
    return zip(FetchedRow<T>(part, other).row(), f);
  }
  __device__ void write(T* to) const {
#pragma unroll
    for (int k = 0; k < K; ++k) {
      if (begin(part, k) >= int(part.n)) continue;
      Pack<T, P> pack;
#pragma unroll
      for (int e = 0; e < P; ++e) pack.at[e] = T(values[k][e]);
      store_pack(to + begin(part, k), pack);
    }
  }
};

// A row on its way to registers: row() waits for it, so that what is fetched before travels along.
template <class T>
struct FetchedRow {
  using Row = KeptRow<T>;

  RowPart part;
  bool there;
  Pack<T, Row::P> packs[Row::K];

  __device__ FetchedRow(const RowPart& of, const T* from) : part(of), there(from != nullptr) {
#pragma unroll
    for (int k = 0; k < Row::K; ++k) {
      const int begin = Row::begin(part, k);
      const int at = begin < int(part.n) ? begin : 0;  // any pack if there is none
      packs[k] = there ? load_pack<Row::P>(from + at) : Pack<T, Row::P>{};
    }
  }
  __device__ Row row() const {
    Row row;
    row.part = part;
#pragma unroll
    for (int k = 0; k < Row::K; ++k)
#pragma unroll
      for (int e = 0; e < Row::P; ++e) row.values[k][e] = typename Row::C(packs[k].at[e]);
    return row;
  }
};

template <class T>
struct RereadFrom;

// The same of a row whose element i is get(i), each time anew.
template <class Get>
struct RereadRow {
  using C = std::invoke_result_t<Get, int64_t>;

  RowPart part;
  Get get;

  template <class F>
  __device__ void each(F f) const {
    for (int64_t i = part.thread; i < part.n; i += part.team) f(get(i));
  }
  template <class F>
  __device__ auto map(F f) const {
    return made_of([get = get, f](int64_t i) { return f(get(i)); });
  }
  template <class F>
  __device__ auto map_at(F f) const {
    return made_of([get = get, f](int64_t i) { return f(get(i), i); });
  }
  template <class Other, class F>
  __device__ auto zip(const RereadRow<Other>& other, F f) const {
    return made_of([get = get, more = other.get, f](int64_t i) { return f(get(i), more(i)); });
  }
  template <class T, class F>
  __device__ auto zip(const T* other, F f) const {
    return made_of([get = get, other, f](int64_t i) {
      return other == nullptr ? get(i) : f(get(i), C(other[i]));
    });
  }
  template <class T, class F>
  __device__ auto zip(const RereadFrom<T>& other, F f) const {
    return zip(other.from, f);
  }
  template <class T>
  __device__ void write(T* to) const {
    for (int64_t i = part.thread; i < part.n; i += part.team) to[i] = T(get(i));
  }

 private:
  template <class New>
  __device__ RereadRow<New> made_of(New make) const {
    return {part, make};
  }
};

template <class T>
struct RereadFrom {
  RowPart part;
  const T* from;

  __device__ auto row() const {
    const auto get = [from = from](int64_t i) { return compute_t<T>(from[i]); };
    return RereadRow<decltype(get)>{part, get};
  }
};

// The two ways to a row at `from`. fetch(part, from).row() is the row; zip takes what is fetched
// as well.
struct Kept {
  template <class T>
  __device__ static FetchedRow<T> fetch(const RowPart& part, const T* from) {
    return {part, from};
  }
};
struct Reread {
  template <class T>
  __device__ static RereadFrom<T> fetch(const RowPart& part, const T* from) {
    return {part, from};
  }
};

template <class C>
constexpr C kLowest = -std::numeric_limits<C>::infinity();

// In every thread of the team. Threads of the block call them together, as they do join_team.
template <class Row>
__device__ auto row_sum(const Row& row) {
  typename Row::C sum = 0;
  row.each([&](auto v) { sum += v; });
  return join_team(sum, Plus(), row.part.team);
}
template <class Row>
__device__ auto row_max(const Row& row) {
  typename Row::C max = kLowest<typename Row::C>;
  row.each([&](auto v) { max = Larger()(max, v); });
  return join_team(max, Larger(), row.part.team);
}

// Threads of a team for rows of n elements: as few as keep `kept` elements each, but as many as the
// row has loads of `pack` elements up to `side_by_side`, so that neighbours' loads make whole
// sectors. Depends on nothing else, so that results repeat.
inline int team_threads(int64_t n, int pack, int side_by_side, int kept) {
  int threads = 1;
  while (threads < kBlock && threads * (threads < side_by_side ? pack : kept) < n) threads *= 2;
  return threads;
}

// Calls launch_for<Kept>(teams) if rows of n elements of T fit the registers of a block and
// begin on 16 bytes at all `pointers` (null ones do), else launch_for<Reread>(teams).
template <class T, class F, class... Ts>
void with_teams(int64_t rows, int64_t n, F&& launch_for, const Ts*... pointers) {
  constexpr int P = kPack<T>;
  if (n > 0 && n <= kKept<T> * kBlock && n % P == 0 && on_16_bytes(pointers...))
    launch_for.template operator()<Kept>(Teams{rows, n, team_threads(n, P, 4, kKept<T>)});
  else
    launch_for.template operator()<Reread>(Teams{rows, n, team_threads(n, 1, kWarp, kKept<T>)});
}

}  // namespace papilio::cuda
