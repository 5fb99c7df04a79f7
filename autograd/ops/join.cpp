#include "autograd/ops/join.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>

#include "autograd/autocast.h"
#include "autograd/ops/detail/check.h"
#include "autograd/ops/shape.h"
#include "autograd/record.h"
#include "tensor/copy.h"
#include "tensor/creation.h"

namespace papilio {

namespace {

bool is_nothing(const Tensor& x) {
  return x.shape() == Dims{0};
}

void check_tensors(const char* operation, const std::vector<Tensor>& tensors) {
  check(!tensors.empty(), operation, ": expected at least one tensor, got none");
  for (const Tensor& x : tensors) check_same(operation, tensors[0], x);
}

}  // namespace

Tensor concat(const std::vector<Tensor>& tensors, int dim) {
  if (autocast::mixed(tensors)) return concat(autocast::widest(tensors), dim);
  check_tensors("concat", tensors);
  size_t model = 0;  // the first tensor that is not of shape (0)
  while (model + 1 < tensors.size() && is_nothing(tensors[model])) ++model;
  Dims shape = tensors[model].shape();
  check(!shape.empty(), "concat: expected tensors with at least one dimension, got 0-d ones");
  dim = wrap_dim("concat", dim, shape.size());
  std::vector<int64_t> sizes;
  for (size_t i = 0; i < tensors.size(); ++i) {
    Dims other = tensors[i].shape();
    sizes.push_back(0);
    if (is_nothing(tensors[i])) continue;
    if (other.size() == shape.size()) sizes.back() = std::exchange(other[dim], shape[dim]);
    check(other == tensors[model].shape(),
          "concat: expected shapes that agree but along dimension ", dim, ", got ",
          tensors[model].shape(), " and ", tensors[i].shape());
  }
  shape[dim] = std::accumulate(sizes.begin(), sizes.end(), int64_t(0));
  const Tensor y = empty(shape, {.dtype = tensors[0].dtype(), .device = tensors[0].device()});
  int64_t at = 0;
  for (size_t i = 0; i < tensors.size(); at += sizes[i++])
    if (sizes[i] > 0)
      copy_(y.alias(y.layout().slice("concat", dim, at, at + sizes[i])), tensors[i]);
  std::vector<bool> nothing;
  nothing.reserve(tensors.size());
  for (const Tensor& x : tensors) nothing.push_back(is_nothing(x));
  return record("concat", y, tensors, [sizes, nothing, dim](const Tensor& dy, Needs needs) {
    Grads grads(sizes.size());
    int64_t from = 0;
    for (size_t i = 0; i < sizes.size(); from += sizes[i++])
      if (needs[i] && !nothing[i])
        grads[i] = dy.alias(dy.layout().slice("concat", dim, from, from + sizes[i]));
    return grads;
  });
}

Tensor stack(const std::vector<Tensor>& tensors, int dim) {
  if (autocast::mixed(tensors)) return stack(autocast::widest(tensors), dim);
  check_tensors("stack", tensors);
  Dims shape = tensors[0].shape();
  dim = wrap_dim("stack", dim, shape.size() + 1);
  for (const Tensor& x : tensors)
    check(x.shape() == shape, "stack: expected tensors of one shape, got ", shape, " and ",
          x.shape());
  shape.insert(dim, int64_t(tensors.size()));
  const Tensor y = empty(shape, {.dtype = tensors[0].dtype(), .device = tensors[0].device()});
  for (size_t i = 0; i < tensors.size(); ++i)
    copy_(y.alias(y.layout().select("stack", dim, int64_t(i))), tensors[i]);
  return record("stack", y, tensors, [count = tensors.size(), dim](const Tensor& dy, Needs needs) {
    Grads grads(count);
    for (size_t i = 0; i < count; ++i)
      if (needs[i]) grads[i] = dy.alias(dy.layout().select("stack", dim, int64_t(i)));
    return grads;
  });
}

std::vector<Tensor> split(const Tensor& x, int64_t size, int dim) {
  check_defined("split", x);
  dim = wrap_dim("split", dim, x.dim());
  check(size >= 1, "split: expected a size of at least 1, got ", size);
  std::vector<int64_t> sizes;
  for (int64_t left = x.size(dim); left > 0; left -= size) sizes.push_back(std::min(size, left));
  if (sizes.empty()) sizes.push_back(0);
  return split(x, sizes, dim);
}

std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& sizes, int dim) {
  check_defined("split", x);
  dim = wrap_dim("split", dim, x.dim());
  int64_t total = 0;
  for (int64_t size : sizes) {
    check(size >= 0, "split: negative size ", size);
    total += size;
  }
  check(total == x.size(dim), "split: sizes add up to ", total, ", but dimension ", dim,
        " of shape ", x.shape(), " has ", x.size(dim));
  std::vector<Tensor> parts;
  int64_t at = 0;
  for (int64_t size : sizes) {
    parts.push_back(slice(x, dim, at, at + size));
    at += size;
  }
  return parts;
}

}  // namespace papilio
