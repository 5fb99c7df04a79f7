// How attention's tiles are multiplied: by values in the compute type, or by pairs of bfloat16.
#pragma once

#include <cstdint>

#include "kernels/cpu/pack.h"
#include "kernels/cpu/pair_gemm.h"
#include "kernels/cpu/small_gemm.h"
#include "kernels/dtype.h"

namespace papilio::cpu {

// The same rows for products from either side.
template <class Left, class Right>
struct BothOperands {
  Left left;
  Right right;
};

// The two ways have: Value, what packed matrices consist of; scale, what is still missing at the
// products with `transposed`; operands of products from rows as they lie, in a buffer of as many
// Values as the rows have elements, columns rounded up to whole vectors; sums as left operands.
template <class T>
struct SingleOperands {
  using C = compute_t<T>;
  using Value = C;
  using Left = Elements<C>;
  using Right = Rows<C>;
  using Both = BothOperands<Left, Right>;

  // scale times the rows, as a right operand (columns, rows).
  static Right transposed(Value* to, Rows<T> from, int64_t rows, int64_t columns, C scale) {
    pack_transposed<T>(to, from, rows, columns, scale);
    return {to, round_up_to_lanes<C>(rows)};
  }
  static constexpr C missing(C /*scale*/) { return 1; }
  static Left left(Value* buffer, Rows<T> from, int64_t rows, int64_t columns) {
    const auto ready = ready_rows<T>(from, rows, columns, false, buffer);
    return {ready.data, ready.stride, 1};
  }
  static Right right(Value* buffer, Rows<T> from, int64_t rows, int64_t columns) {
    return ready_rows<T>(from, rows, columns, true, buffer);
  }
  static Both both(Value* buffer, Rows<T> from, int64_t rows, int64_t columns) {
    const Right ready = right(buffer, from, rows, columns);
    return {{ready.data, ready.stride, 1}, ready};
  }
  // A right operand from its row `row` on, an even one.
  static Right from(Right x, int64_t row) { return x.from(row); }

  static Left of_sums(Value*, Rows<C> sums, int64_t, int64_t) {
    return {sums.data, sums.stride, 1};
  }
  static Left of_sums_transposed(Value*, Rows<C> sums, int64_t, int64_t) {
    return {sums.data, 1, sums.stride};
  }
  static void product(const GemmSizes& n, const RowsOut<C>& c, const Left& a, const Right& b,
                      bool add = false) {
    small_gemm<C>(n, c, a, b, add);
  }
};

struct PairOperands {
  using C = float;
  using Value = uint32_t;
  using Left = Elements<uint32_t>;
  using Right = Rows<uint32_t>;
  using Both = BothOperands<Left, Right>;

  static Right transposed(Value* to, Rows<BFloat16> from, int64_t rows, int64_t columns, float) {
    pack_transposed_pairs(to, from, rows, columns);
    return {to, round_up_to_lanes<float>(rows)};
  }
  static constexpr float missing(float scale) { return scale; }
  static Left left(Value* buffer, Rows<BFloat16> from, int64_t rows, int64_t columns) {
    pack_pairs(buffer, from, rows, columns);
    return {buffer, pairs_of(columns), 1};
  }
  static Right right(Value* buffer, Rows<BFloat16> from, int64_t rows, int64_t columns) {
    pack_row_pairs(buffer, from, rows, columns);
    return {buffer, round_up_to_lanes<float>(columns)};
  }
  static Both both(Value* buffer, Rows<BFloat16> from, int64_t rows, int64_t columns) {
    // Half of the buffer each, or less: rows is even, or the buffer's are more.
    return {left(buffer, from, rows, columns),
            right(buffer + rows * pairs_of(columns), from, rows, columns)};
  }
  static Right from(Right x, int64_t row) { return x.from(row / 2); }

  static Left of_sums(Value* buffer, Rows<float> sums, int64_t rows, int64_t columns) {
    round_to_pairs(buffer, sums, rows, columns);
    return {buffer, columns / 2, 1};
  }
  static Left of_sums_transposed(Value* buffer, Rows<float> sums, int64_t rows, int64_t columns) {
    round_to_row_pairs(buffer, sums, rows, columns);
    return {buffer, 1, columns};
  }
  static void product(const GemmSizes& n, const RowsOut<float>& c, const Left& a, const Right& b,
                      bool add = false) {
    pair_gemm({.rows = n.rows, .columns = n.columns, .inner = pairs_of(n.inner)}, c, a, b, add);
  }
};

}  // namespace papilio::cpu
