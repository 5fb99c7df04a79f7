#include "kernels/threads.h"

#include <doctest/doctest.h>
#include <omp.h>

#include <thread>
#include <vector>

#include "autograd/ops/matmul.h"
#include "kernels/products.h"
#include "tensor/creation.h"
#include "tensor/random.h"

namespace papilio::test {

TEST_CASE(
    "threads: a product has the same bits in a thread of the user's, whenever it was started") {
  const ProductsScope products(Products::openblas);  // whose sums follow the number of threads
  const int before = num_threads();
  Generator generator(3);
  // A long sum, which each thread makes its share of.
  const Tensor a = randn({40, 30'000}, {}, generator), b = randn({30'000, 40}, {}, generator);
  const auto product = [&] { return matmul(a, b).to_vector<float>(); };
  const auto in_thread = [&] {
    std::vector<float> result;
    int count = 0;
    std::thread([&] {
      result = product();
      count = num_threads();
    }).join();
    CHECK(count == num_threads());
    return result;
  };
  std::vector<std::vector<float>> results;
  for (const int count : {1, 3, omp_get_num_procs() + 2}) {
    CAPTURE(count);
    set_num_threads(count);
    results.push_back(product());
    CHECK(in_thread() == results.back());
  }
  CHECK(results[0] != results[1]);  // the count matters to the bits
  // A count of its own is nobody else's.
  std::thread([] {
    set_own_num_threads(1);
    CHECK(num_threads() == 1);
  }).join();
  CHECK(product() == results.back());
  // A thread that has computed before takes a new count too.
  std::vector<float> first, second;
  set_num_threads(1);
  std::thread([&] {
    first = product();
    set_num_threads(3);
    second = product();
  }).join();
  CHECK(first == results[0]);
  CHECK(second == results[1]);
  CHECK(product() == results[1]);
  set_num_threads(before);
}

}  // namespace papilio::test
