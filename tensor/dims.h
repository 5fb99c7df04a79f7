// A short list of sizes, strides or dimension numbers, held in place (at most kMaxRank of them).
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <vector>

#include "kernels/view.h"
#include "tensor/error.h"
#include "tensor/text.h"

namespace papilio {

class Dims {
 public:
  Dims() = default;
  Dims(std::initializer_list<int64_t> values) : Dims(values.begin(), values.end()) {}
  Dims(const std::vector<int64_t>& values) : Dims(values.begin(), values.end()) {}
  template <class It>
  Dims(It first, It last) {
    for (; first != last; ++first) push_back(*first);
  }
  // `rank` times the same value.
  static Dims filled(int rank, int64_t value) {
    Dims d;
    for (int i = 0; i < rank; ++i) d.push_back(value);
    return d;
  }

  // std::vector's.
  int size() const { return size_; }
  bool empty() const { return size_ == 0; }
  int64_t& operator[](int i) { return values_[i]; }
  int64_t operator[](int i) const { return values_[i]; }
  int64_t* begin() { return values_; }
  int64_t* end() { return values_ + size_; }
  const int64_t* begin() const { return values_; }
  const int64_t* end() const { return values_ + size_; }
  int64_t front() const { return values_[0]; }
  int64_t back() const { return values_[size_ - 1]; }
  void push_back(int64_t value) {
    check(size_ < kMaxRank, "tensors have at most ", kMaxRank, " dimensions");
    values_[size_++] = value;
  }
  void insert(int at, int64_t value) {
    push_back(value);
    std::rotate(values_ + at, values_ + size_ - 1, values_ + size_);
  }
  void erase(int at) {
    std::copy(values_ + at + 1, values_ + size_, values_ + at);
    --size_;
  }

  // The same numbers in the same order.
  bool operator==(const Dims& other) const {
    return std::equal(begin(), end(), other.begin(), other.end());
  }

 private:
  int64_t values_[kMaxRank] = {};
  int size_ = 0;
};

// (2, 3, 4)
inline std::ostream& operator<<(std::ostream& out, const Dims& dims) {
  return out << '(' << joined(dims, ", ") << ')';
}

}  // namespace papilio
