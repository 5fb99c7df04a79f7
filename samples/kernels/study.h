// One kernel several times over, from the obvious to the library's own, with one idea a version:
// what the versions of a series have in common. README.md tells the story, main.cpp runs it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace papilio::cuda::study {

struct Sizes {
  int64_t rows = 32768, d = 1536;  // x: (rows, d)
  int64_t b = 4, m = 2;            // a block's size, butterfly factors

  int64_t elements() const { return rows * d; }
  // Matrices of b x b that take as much memory as x.
  int64_t matrices() const { return elements() / (b * b); }
  int64_t segment() const { return b << (m - 1); }
};
constexpr float kEps = 1e-5f;  // layer_norm's

// float32, in device memory.
struct Arguments {
  Sizes sizes;
  const float* in[3];
  float* out;
};

struct Version {
  const char* name;
  const char* idea;
  void (*run)(const Arguments&);
  // Sizes that it is written for.
  bool (*takes)(const Sizes&) = [](const Sizes&) { return true; };
};

// Inputs, and the output as the CPU's kernel has it.
struct Problem {
  std::vector<std::vector<float>> in;
  std::vector<float> want;

  // Each input read once and the output written once: less is not possible.
  double bytes() const {
    size_t n = want.size();
    for (const auto& x : in) n += x.size();
    return double(n) * sizeof(float);
  }
};

struct Series {
  const char* name;
  const char* computes;
  Problem (*problem)(const Sizes&);
  std::vector<Version> versions;
};

Series layer_norm_series();
Series rotation_series();
Series cayley_series();
inline std::vector<Series> all_series() {
  return {layer_norm_series(), rotation_series(), cayley_series()};
}

}  // namespace papilio::cuda::study
