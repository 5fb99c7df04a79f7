// What operations on rows are tested with so that every way of their CUDA kernels to a row
// (kernels/cuda/row_registers.h) is met: held by some lanes, a warp or a block, 16 bytes at a time,
// or read again and again because it is too long, ends inside 16 bytes or begins there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "autograd/ops/join.h"
#include "autograd/ops/shape.h"
#include "tests/autograd/op_case.h"

namespace papilio::test {

struct RowShape {
  std::string label() const { return std::to_string(rows) + " rows of " + std::to_string(length); }
  Dims dims() const { return {rows, length}; }
  int64_t rows, length;
};
// 4096 elements (float64: 2048) are the last that are held.
inline const std::vector<RowShape> kRowShapes = {
    {5, 1},   {5, 3},    {70, 4},   {70, 8},   {40, 64},  {5, 96},   {9, 384},
    {3, 385}, {70, 520}, {2, 1000}, {2, 2048}, {2, 3000}, {1, 4096}, {1, 5000}};

// x if it begins one element behind 16 bytes; its gradient will have come from such a place.
inline Tensor behind_16_bytes(const Tensor& x) {
  const Tensor flat = flatten(x), memory = concat({slice(flat, 0, 0, 1), flat}, 0);
  return reshape(slice(memory, 0, 1), x.shape());
}

}  // namespace papilio::test
