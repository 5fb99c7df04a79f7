#include <oneapi/dnnl/dnnl.h>

#include <compare>
#include <cstdint>

#include "kernels/cpu/onednn.h"
#include "kernels/cpu/onednn_library.h"
#include "kernels/threads.h"

namespace papilio::cpu {
namespace {

// What a product's code is made for.
struct Key {
  DType dtype;
  bool a_transposed, b_transposed, bias, add;
  int threads;
  int64_t m, n, k, lda, ldb, ldc;
  auto operator<=>(const Key&) const = default;  // NOLINT(modernize-use-nullptr)
};

// Code for one kind of product, and how its arguments lie.
class ProductCode {
 public:
  explicit ProductCode(const Key& key) {
    const auto& dnnl = onednn::library();
    const auto matrix = [&](dnnl_memory_desc_t& desc, int64_t rows, int64_t columns, int64_t ld,
                            bool transposed) {
      const dnnl_dims_t sizes{rows, columns}, strides{transposed ? 1 : ld, transposed ? ld : 1};
      return dnnl.memory_desc_init_by_strides(&desc, 2, sizes, onednn::data_type(key.dtype),
                                              strides) == dnnl_success;
    };
    dnnl_matmul_desc_t product;
    const bool found =
        matrix(a_, key.m, key.k, key.lda, key.a_transposed) &&
        matrix(b_, key.k, key.n, key.ldb, key.b_transposed) &&
        matrix(c_, key.m, key.n, key.ldc, false) &&
        (!key.bias || matrix(bias_, 1, key.n, key.n, false)) &&
        dnnl.matmul_desc_init(&product, &a_, &b_, key.bias ? &bias_ : nullptr, &c_) == dnnl_success;
    if (!found) return;
    const auto description = onednn::describe(&product, onednn::Attributes(key.add));
    if (!description) return;
    scratch_ = onednn::layout(description, dnnl_query_scratchpad_md);
    primitive_ = onednn::make(description);
  }

  bool exists() const { return primitive_ != nullptr; }

  bool run(const OnednnProduct& p) const {
    using onednn::Memory;
    const Memory a(a_, p.a.data), b(b_, p.b.data), c(c_, p.c.data), bias(bias_, p.bias),
        scratch(scratch_, onednn::workspace(onednn::library().memory_desc_get_size(&scratch_)));
    return onednn::execute(primitive_,
                           {{DNNL_ARG_SRC, a.get()},
                            {DNNL_ARG_WEIGHTS, b.get()},
                            {DNNL_ARG_DST, c.get()},
                            {DNNL_ARG_SCRATCHPAD, scratch.get()},
                            {DNNL_ARG_BIAS, bias.get()}},
                           p.bias ? 5 : 4);
  }

 private:
  dnnl_memory_desc_t a_{}, b_{}, c_{}, bias_{}, scratch_{};
  onednn::Primitive primitive_;
};

}  // namespace

bool onednn_product(const OnednnProduct& p) {
  const auto code = onednn::kept<ProductCode>(Key{.dtype = p.dtype,
                                                  .a_transposed = p.a.transposed,
                                                  .b_transposed = p.b.transposed,
                                                  .bias = p.bias != nullptr,
                                                  .add = p.add,
                                                  .threads = num_threads(),
                                                  .m = p.m,
                                                  .n = p.n,
                                                  .k = p.k,
                                                  .lda = p.a.ld,
                                                  .ldb = p.b.ld,
                                                  .ldc = p.c.ld});
  return code->exists() && code->run(p);
}

}  // namespace papilio::cpu
