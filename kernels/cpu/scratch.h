// Memory of one kernel call: uninitialised, at a cache line's start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace papilio::cpu {

template <class C>
class Scratch {
 public:
  explicit Scratch(int64_t n)
      : data_(static_cast<C*>(::operator new (size_t(n) * sizeof(C), std::align_val_t{64}))) {}
  operator C*() const { return data_.get(); }

 private:
  struct Free {
    void operator()(C* p) const { ::operator delete (p, std::align_val_t{64}); }
  };
  std::unique_ptr<C, Free> data_;
};

// The same for each part of a parallel loop.
template <class C>
class PartScratch {
 public:
  PartScratch(int64_t parts, int64_t each) : each_(each), memory_(parts * each) {}
  C* operator[](int64_t part) const { return memory_ + part * each_; }

 private:
  int64_t each_;
  Scratch<C> memory_;
};

}  // namespace papilio::cpu
