// The library that multiplies the CPU's matrices.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace papilio {

// openblas: float32 and float64 by OpenBLAS, 16-bit types in float32 and rounded once.
// onednn: bfloat16, convolutions too, by oneDNN, which has the instructions for it that OpenBLAS
// lacks; the rest as before. onednn_float32: float32 too if it is large, some percent faster.
// Results of the three differ in last bits.
enum class Products : uint8_t { openblas, onednn, onednn_float32 };

// "openblas", "onednn" or "onednn-float32".
std::string_view name(Products products);
// The other way round; throws Error for other words than these and "auto", which is
// default_products().
Products products_named(std::string_view name);

// The choice for this processor: onednn if it multiplies bfloat16 (AVX-512 BF16 or AMX) and the
// library is here. The environment's PAPILIO_PRODUCTS comes first.
Products default_products();
// Empty if oneDNN is here, else what is missing: the build, the file, a function.
std::string why_no_onednn();

// Whether this processor has AVX-512 BF16 or AMX's bfloat16.
bool multiplies_bfloat16();
// For people: "OpenBLAS 0.3.21 (SkylakeX)", "oneDNN 2.6.3"; "" if oneDNN is not here.
std::string openblas_version();
std::string onednn_version();

// What products are computed by from now on; at the start the default.
Products products();
// Throws Error with why_no_onednn() if it wants oneDNN, which is not here.
void set_products(Products products);

// Sets the choice back when it goes.
class ProductsScope {
 public:
  explicit ProductsScope(Products products) : before_(papilio::products()) {
    set_products(products);
  }
  ~ProductsScope() { set_products(before_); }  // NOLINT(bugprone-exception-escape): they were here
  ProductsScope(const ProductsScope&) = delete;
  ProductsScope& operator=(const ProductsScope&) = delete;

 private:
  Products before_;
};

}  // namespace papilio
