#include "tensor/layout.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace papilio {

namespace {

int64_t product(const Dims& shape, const char* operation) {
  int64_t n = 1;
  bool overflow = false, zero = false;
  for (int64_t size : shape) {
    check(size >= 0, operation, ": negative size in shape ", shape);
    zero |= size == 0;
    overflow |= __builtin_mul_overflow(n, std::max<int64_t>(size, 1), &n);
  }
  check(!overflow, operation, ": shape ", shape, " has more than 2^63 - 1 elements");
  return zero ? 0 : n;
}

// Fills in the one -1 of `to` from the number of elements.
Dims infer_size(const char* operation, const Dims& from, int64_t numel, const Dims& to) {
  Dims shape = to;
  int unknown = -1;
  int64_t known = 1;
  for (int i = 0; i < shape.size(); ++i) {
    if (shape[i] == -1) {
      check(unknown < 0, operation, ": only one size may be -1, got ", to);
      unknown = i;
    } else {
      check(shape[i] >= 0, operation, ": negative size in shape ", to);
      check(!__builtin_mul_overflow(known, shape[i], &known), operation, ": shape ", to,
            " has more than 2^63 - 1 elements");
    }
  }
  if (unknown >= 0) {
    check(known > 0 && numel % known == 0, operation, ": cannot reshape ", from, " to ", to);
    shape[unknown] = numel / known;
    return shape;
  }
  check(known == numel, operation, ": cannot reshape ", from, " (", numel, " elements) to ", to);
  return shape;
}

}  // namespace

int wrap_dim(const char* operation, int64_t dim, int rank) {
  check(dim >= -rank && dim < rank, operation, ": dimension ", dim, " is out of range for ", rank,
        " dimensions");
  return int(dim < 0 ? dim + rank : dim);
}

Dims broadcast_shapes(const char* operation, const Dims& a, const Dims& b) {
  const int rank = std::max(a.size(), b.size());
  Dims shape = Dims::filled(rank, 1);
  for (int i = 1; i <= rank; ++i) {
    const int64_t x = i <= a.size() ? a[a.size() - i] : 1, y = i <= b.size() ? b[b.size() - i] : 1;
    check(x == y || x == 1 || y == 1, operation, ": shapes ", a, " and ", b, " do not broadcast");
    shape[rank - i] = x == 1 ? y : x;
  }
  return shape;
}

Layout Layout::contiguous(const Dims& shape, const char* operation) {
  product(shape, operation);
  Layout layout{shape, Dims::filled(shape.size(), 1), 0};
  for (int i = shape.size() - 2; i >= 0; --i) {
    layout.strides[i] = layout.strides[i + 1] * std::max<int64_t>(shape[i + 1], 1);
  }
  return layout;
}

int64_t Layout::numel() const {
  int64_t n = 1;
  for (int64_t size : shape) n *= size;
  return n;
}

bool Layout::is_contiguous() const {
  if (numel() == 0) return true;
  int64_t expected = 1;
  for (int i = rank() - 1; i >= 0; --i) {
    if (shape[i] != 1 && strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

Layout Layout::transpose(const char* operation, int a, int b) const {
  a = wrap_dim(operation, a, rank());
  b = wrap_dim(operation, b, rank());
  Layout result = *this;
  std::swap(result.shape[a], result.shape[b]);
  std::swap(result.strides[a], result.strides[b]);
  return result;
}

Layout Layout::permute(const char* operation, const Dims& order) const {
  check(order.size() == rank(), operation, ": expected ", rank(), " dimensions, got ", order);
  Layout result = *this;
  uint32_t seen = 0;
  for (int i = 0; i < rank(); ++i) {
    const int from = wrap_dim(operation, order[i], rank());
    check(!(seen >> from & 1), operation, ": dimension ", from, " appears twice in ", order);
    seen |= 1u << from;
    result.shape[i] = shape[from];
    result.strides[i] = strides[from];
  }
  return result;
}

Layout Layout::slice(const char* operation, int dim, int64_t start, int64_t stop,
                     int64_t step) const {
  dim = wrap_dim(operation, dim, rank());
  check(step >= 1, operation, ": expected a step of at least 1, got ", step);
  const int64_t n = shape[dim];
  const auto clip = [n](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + n : i, 0, n); };
  start = clip(start);
  stop = std::max(clip(stop), start);
  Layout result = *this;
  result.shape[dim] = (stop - start) / step + ((stop - start) % step != 0);
  if (result.shape[dim] > 1) result.strides[dim] *= step;  // a longer step could overflow
  // An empty slice keeps the offset, so that it never points past the storage.
  if (result.shape[dim] > 0) result.offset += start * strides[dim];
  return result;
}

Layout Layout::select(const char* operation, int dim, int64_t at) const {
  dim = wrap_dim(operation, dim, rank());
  check(at >= -shape[dim] && at < shape[dim], operation, ": index ", at,
        " is out of range for dimension ", dim, " of size ", shape[dim]);
  Layout result = *this;
  result.offset += (at < 0 ? at + shape[dim] : at) * strides[dim];
  result.shape.erase(dim);
  result.strides.erase(dim);
  return result;
}

Layout Layout::expand(const char* operation, const Dims& to) const {
  check(to.size() >= rank(), operation, ": cannot expand ", shape, " to ", to);
  Layout result{to, Dims::filled(to.size(), 0), offset};
  const int added = to.size() - rank();
  for (int i = 0; i < to.size(); ++i) {
    if (i < added) {
      check(to[i] >= 0, operation, ": cannot expand ", shape, " to ", to);
      continue;
    }
    const int64_t size = shape[i - added];
    if (to[i] == -1 || to[i] == size) {
      result.shape[i] = size;
      result.strides[i] = strides[i - added];
    } else {
      check(size == 1 && to[i] >= 0, operation, ": cannot expand ", shape, " to ", to);
    }
  }
  product(result.shape, operation);
  return result;
}

Layout Layout::squeeze(const char* operation, int dim) const {
  dim = wrap_dim(operation, dim, rank());
  check(shape[dim] == 1, operation, ": expected dimension ", dim, " of size 1, got shape ", shape);
  Layout result = *this;
  result.shape.erase(dim);
  result.strides.erase(dim);
  return result;
}

Layout Layout::squeeze() const {
  Layout result{{}, {}, offset};
  for (int i = 0; i < rank(); ++i) {
    if (shape[i] == 1) continue;
    result.shape.push_back(shape[i]);
    result.strides.push_back(strides[i]);
  }
  return result;
}

Layout Layout::unsqueeze(const char* operation, int dim) const {
  dim = wrap_dim(operation, dim, rank() + 1);
  Layout result = *this;
  const int64_t stride = dim < rank() ? shape[dim] * strides[dim] : 1;
  result.shape.insert(dim, 1);
  result.strides.insert(dim, stride);
  return result;
}

Layout::Reshaped Layout::reshape(const char* operation, const Dims& to) const {
  const Dims target = infer_size(operation, shape, numel(), to);
  if (is_contiguous()) {
    Layout result = contiguous(target, operation);
    result.offset = offset;
    return {true, result};
  }
  // Match groups of old dimensions with groups of new ones that hold equally many elements; each
  // old group must be evenly strided.
  const Layout old = squeeze();
  Layout result{target, Dims::filled(target.size(), 1), offset};
  int next = 0;
  for (int i = 0; i < old.rank();) {
    int64_t have = old.shape[i], want = 1;
    int last = i;
    const int first_new = next;
    while (want != have || (next < target.size() && target[next] == 1)) {
      if (want < have || want == have) {
        want *= target[next++];
      } else {
        if (old.strides[last] != old.shape[last + 1] * old.strides[last + 1])
          return {false, contiguous(target, operation)};
        have *= old.shape[++last];
      }
    }
    int64_t stride = old.strides[last];
    for (int j = next - 1; j >= first_new; --j) {
      result.strides[j] = stride;
      stride *= target[j];
    }
    i = last + 1;
  }
  return {true, result};
}

}  // namespace papilio
