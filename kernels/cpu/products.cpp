#include "kernels/products.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <cblas.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>

#include "kernels/cpu/blas.h"
#include "kernels/cpu/onednn.h"
#include "kernels/error.h"

namespace papilio {
namespace {

constexpr std::string_view kNames[] = {"openblas", "onednn", "onednn-float32"};

Products found_default() {
  const char* const said = std::getenv("PAPILIO_PRODUCTS");
  if (said && *said && std::string_view(said) != "auto") return products_named(said);
  return multiplies_bfloat16() && why_no_onednn().empty() ? Products::onednn : Products::openblas;
}

std::atomic<Products>& current() {
  static std::atomic<Products> choice = default_products();
  return choice;
}

}  // namespace

bool cpu::blas_divides() {
  static const bool divides = [] {
    if (openblas_get_parallel() == OPENBLAS_THREAD) openblas_set_num_threads(1);
    return openblas_get_parallel() == OPENBLAS_OPENMP;
  }();
  return divides;
}

namespace {

[[maybe_unused]] const bool known_before_the_first_product = cpu::blas_divides();

}  // namespace

std::string_view name(Products products) {
  return kNames[size_t(products)];
}

Products products_named(std::string_view word) {
  if (word == "auto") return default_products();
  for (size_t i = 0; i < std::size(kNames); ++i)
    if (word == kNames[i]) return Products(i);
  throw Error("products: expected auto, openblas, onednn or onednn-float32, got '" +
              std::string(word) + "'");
}

Products default_products() {
  static const Products found = found_default();
  return found;
}

std::string why_no_onednn() {
  return cpu::onednn_missing();
}

bool multiplies_bfloat16() {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx512bw")) return false;  // which asks the system too
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1)) return true;  // AMX-BF16
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1);             // AVX512_BF16
#else
  return false;
#endif
}

std::string openblas_version() {
  std::istringstream words(openblas_get_config());  // "OpenBLAS 0.3.21 DYNAMIC_ARCH ..."
  std::string library, version;
  words >> library >> version;
  return library + ' ' + version + " (" + openblas_get_corename() +
         (cpu::blas_divides() ? ")" : ", one thread each)");
}

std::string onednn_version() {
  return cpu::onednn_version();
}

Products products() {
  return current().load(std::memory_order_relaxed);
}

void set_products(Products products) {
  if (products != Products::openblas && !why_no_onednn().empty())
    throw Error("products: " + std::string(name(products)) + " cannot be had: " + why_no_onednn());
  current().store(products, std::memory_order_relaxed);
}

}  // namespace papilio
