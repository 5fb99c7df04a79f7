#include "kernels/cpu/onednn.h"

#include <dlfcn.h>
#include <oneapi/dnnl/dnnl.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <type_traits>

#include "kernels/threads.h"

namespace papilio::cpu {
namespace {

#define PAPILIO_DNNL_FUNCTIONS(F)       \
  F(engine_create)                      \
  F(memory_create)                      \
  F(memory_desc_get_size)               \
  F(memory_desc_init_by_strides)        \
  F(memory_destroy)                     \
  F(matmul_desc_init)                   \
  F(post_ops_append_sum)                \
  F(post_ops_create)                    \
  F(post_ops_destroy)                   \
  F(primitive_attr_create)              \
  F(primitive_attr_destroy)             \
  F(primitive_attr_set_fpmath_mode)     \
  F(primitive_attr_set_post_ops)        \
  F(primitive_attr_set_scratchpad_mode) \
  F(primitive_create)                   \
  F(primitive_desc_create)              \
  F(primitive_desc_destroy)             \
  F(primitive_desc_query_md)            \
  F(primitive_destroy)                  \
  F(primitive_execute)                  \
  F(stream_create)                      \
  F(stream_wait)                        \
  F(version)

// The library, its engine and stream (of which the CPU's have no state).
struct Library {
#define PAPILIO_DECLARE(name) \
  decltype(&::dnnl_##name) name = nullptr;  // NOLINT(bugprone-macro-parentheses)
  PAPILIO_DNNL_FUNCTIONS(PAPILIO_DECLARE)
#undef PAPILIO_DECLARE
  dnnl_engine_t engine = nullptr;
  dnnl_stream_t stream = nullptr;
  std::string missing;

  Library() {
    const std::string file = "libdnnl.so." + std::to_string(DNNL_VERSION_MAJOR);
    void* const loaded = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!loaded) {
      missing = std::string("oneDNN is not where the loader looks: ") + dlerror();
      return;
    }
    const auto find = [&]<class F>(F& function, const char* symbol) {
      function = reinterpret_cast<F>(dlsym(loaded, symbol));
      if (!function) missing = file + " lacks " + symbol;
    };
#define PAPILIO_FIND(name) find(name, "dnnl_" #name);
    PAPILIO_DNNL_FUNCTIONS(PAPILIO_FIND)
#undef PAPILIO_FIND
    if (missing.empty() &&
        (engine_create(&engine, dnnl_cpu, 0) != dnnl_success ||
         stream_create(&stream, engine, dnnl_stream_default_flags) != dnnl_success))
      missing = file + " has no engine for this processor";
  }
};

const Library& library() {
  static const Library loaded;
  return loaded;
}

// What a product's code is made for.
struct Key {
  DType dtype;
  bool a_transposed, b_transposed, bias, add;
  int threads;
  int64_t m, n, k, lda, ldb, ldc;
  auto operator<=>(const Key&) const = default;  // NOLINT(modernize-use-nullptr)
};

// Code for one kind of product, and how its arguments lie.
class Primitive {
 public:
  explicit Primitive(const Key& key) {
    const auto& dnnl = library();
    const dnnl_data_type_t type = key.dtype == DType::float32 ? dnnl_f32 : dnnl_bf16;
    const auto matrix = [&](dnnl_memory_desc_t& desc, int64_t rows, int64_t columns, int64_t ld,
                            bool transposed) {
      const dnnl_dims_t sizes{rows, columns}, strides{transposed ? 1 : ld, transposed ? ld : 1};
      return dnnl.memory_desc_init_by_strides(&desc, 2, sizes, type, strides) == dnnl_success;
    };
    Attributes attributes(key.add);
    dnnl_matmul_desc_t product;
    dnnl_primitive_desc_t desc = nullptr;
    const bool found = matrix(a_, key.m, key.k, key.lda, key.a_transposed) &&
                       matrix(b_, key.k, key.n, key.ldb, key.b_transposed) &&
                       matrix(c_, key.m, key.n, key.ldc, false) &&
                       (!key.bias || matrix(bias_, 1, key.n, key.n, false)) &&
                       dnnl.matmul_desc_init(&product, &a_, &b_, key.bias ? &bias_ : nullptr,
                                             &c_) == dnnl_success &&
                       dnnl.primitive_desc_create(&desc, &product, attributes.get(), dnnl.engine,
                                                  nullptr) == dnnl_success;
    if (!found) return;
    scratch_ = *dnnl.primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0);
    if (dnnl.primitive_create(&primitive_, desc) != dnnl_success) primitive_ = nullptr;
    dnnl.primitive_desc_destroy(desc);
  }
  ~Primitive() {
    if (primitive_) library().primitive_destroy(primitive_);
  }
  Primitive(const Primitive&) = delete;
  Primitive& operator=(const Primitive&) = delete;

  bool exists() const { return primitive_; }

  bool run(const OnednnProduct& p) const {
    const Memory a(a_, p.a.data), b(b_, p.b.data), c(c_, p.c.data), bias(bias_, p.bias),
        scratch(scratch_, workspace(library().memory_desc_get_size(&scratch_)));
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, a.get()},
                                         {DNNL_ARG_WEIGHTS, b.get()},
                                         {DNNL_ARG_DST, c.get()},
                                         {DNNL_ARG_SCRATCHPAD, scratch.get()},
                                         {DNNL_ARG_BIAS, bias.get()}};
    const auto& dnnl = library();
    return dnnl.primitive_execute(primitive_, dnnl.stream, p.bias ? 5 : 4, arguments) ==
               dnnl_success &&
           dnnl.stream_wait(dnnl.stream) == dnnl_success;
  }

 private:
  // Memory is ours, so that threads may run one primitive at a time; float32 stays float32 whatever
  // the environment says.
  class Attributes {
   public:
    explicit Attributes(bool add) {
      const auto& dnnl = library();
      if (dnnl.primitive_attr_create(&attributes_) != dnnl_success) throw std::bad_alloc();
      dnnl.primitive_attr_set_scratchpad_mode(attributes_, dnnl_scratchpad_mode_user);
      dnnl.primitive_attr_set_fpmath_mode(attributes_, dnnl_fpmath_mode_strict);
      if (!add) return;
      dnnl_post_ops_t sum = nullptr;
      if (dnnl.post_ops_create(&sum) != dnnl_success) throw std::bad_alloc();
      dnnl.post_ops_append_sum(sum, 1);
      dnnl.primitive_attr_set_post_ops(attributes_, sum);
      dnnl.post_ops_destroy(sum);
    }
    ~Attributes() { library().primitive_attr_destroy(attributes_); }
    Attributes(const Attributes&) = delete;
    Attributes& operator=(const Attributes&) = delete;
    dnnl_primitive_attr_t get() const { return attributes_; }

   private:
    dnnl_primitive_attr_t attributes_ = nullptr;
  };

  // oneDNN's handle of an array, null for none.
  class Memory {
   public:
    Memory(const dnnl_memory_desc_t& desc, const void* data) {
      const auto& dnnl = library();
      if (data &&
          dnnl.memory_create(&memory_, &desc, dnnl.engine, const_cast<void*>(data)) != dnnl_success)
        throw std::bad_alloc();
    }
    ~Memory() {
      if (memory_) library().memory_destroy(memory_);
    }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    dnnl_memory_t get() const { return memory_; }

   private:
    dnnl_memory_t memory_ = nullptr;
  };

  // This thread's, as large as its largest product wanted.
  static void* workspace(size_t bytes) {
    struct Free {
      void operator()(void* p) const { ::operator delete (p, std::align_val_t{64}); }
    };
    thread_local std::unique_ptr<void, Free> memory;
    thread_local size_t size = 0;
    if (bytes > size) {
      memory.reset();
      memory.reset(::operator new (bytes, std::align_val_t{64}));
      size = bytes;
    }
    return memory.get();
  }

  dnnl_memory_desc_t a_{}, b_{}, c_{}, bias_{}, scratch_{};
  dnnl_primitive_t primitive_ = nullptr;
};

// The code for a product, made when it is wanted first (about a millisecond) and kept.
std::shared_ptr<const Primitive> primitive(const Key& key) {
  constexpr size_t kMost = 1024;
  static std::mutex mutex;
  static std::map<Key, std::shared_ptr<const Primitive>> made;
  const std::lock_guard lock(mutex);
  auto found = made.find(key);
  if (found == made.end()) {
    if (made.size() >= kMost) made.clear();
    found = made.emplace(key, std::make_shared<const Primitive>(key)).first;
  }
  return found->second;
}

}  // namespace

const std::string& onednn_missing() {
  return library().missing;
}

std::string onednn_version() {
  if (!library().missing.empty()) return {};
  const dnnl_version_t& v = *library().version();
  return "oneDNN " + std::to_string(v.major) + '.' + std::to_string(v.minor) + '.' +
         std::to_string(v.patch);
}

bool onednn_product(const OnednnProduct& p) {
  const auto code = primitive({.dtype = p.dtype,
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
