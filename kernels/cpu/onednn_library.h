// oneDNN as it is loaded, and what its primitives share.
#pragma once

#include <oneapi/dnnl/dnnl.h>

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>

#include "kernels/dtype.h"

namespace papilio::cpu::onednn {

#define PAPILIO_DNNL_FUNCTIONS(F)                   \
  F(dilated_convolution_backward_data_desc_init)    \
  F(dilated_convolution_backward_weights_desc_init) \
  F(dilated_convolution_forward_desc_init)          \
  F(engine_create)                                  \
  F(matmul_desc_init)                               \
  F(memory_create)                                  \
  F(memory_desc_equal)                              \
  F(memory_desc_get_size)                           \
  F(memory_desc_init_by_strides)                    \
  F(memory_desc_init_by_tag)                        \
  F(memory_destroy)                                 \
  F(post_ops_append_sum)                            \
  F(post_ops_create)                                \
  F(post_ops_destroy)                               \
  F(primitive_attr_create)                          \
  F(primitive_attr_destroy)                         \
  F(primitive_attr_set_fpmath_mode)                 \
  F(primitive_attr_set_post_ops)                    \
  F(primitive_attr_set_scratchpad_mode)             \
  F(primitive_create)                               \
  F(primitive_desc_create)                          \
  F(primitive_desc_destroy)                         \
  F(primitive_desc_query_md)                        \
  F(primitive_destroy)                              \
  F(primitive_execute)                              \
  F(reorder_primitive_desc_create)                  \
  F(stream_create)                                  \
  F(stream_wait)                                    \
  F(version)

// The library, its engine and stream (of which the CPU's have no state).
struct Library {
#define PAPILIO_DECLARE(name) \
  decltype(&::dnnl_##name) name = nullptr;  // NOLINT(bugprone-macro-parentheses)
  PAPILIO_DNNL_FUNCTIONS(PAPILIO_DECLARE)
#undef PAPILIO_DECLARE
  dnnl_engine_t engine = nullptr;
  dnnl_stream_t stream = nullptr;
  std::string missing;  // why it cannot be used, or empty

  Library();
};

// Loaded by the first call.
const Library& library();

inline dnnl_data_type_t data_type(DType dtype) {
  return dtype == DType::float32 ? dnnl_f32 : dnnl_bf16;
}

// Memory is ours, so that threads may run one primitive at a time; float32 stays float32 whatever
// the environment says. add: the result is added to what is there.
class Attributes {
 public:
  explicit Attributes(bool add = false);
  ~Attributes() { library().primitive_attr_destroy(attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  dnnl_primitive_attr_t get() const { return attributes_; }

 private:
  dnnl_primitive_attr_t attributes_ = nullptr;
};

struct DestroyDescription {
  void operator()(dnnl_primitive_desc_t desc) const { library().primitive_desc_destroy(desc); }
};
struct DestroyPrimitive {
  void operator()(dnnl_primitive_t primitive) const { library().primitive_destroy(primitive); }
};
using Description = std::unique_ptr<dnnl_primitive_desc, DestroyDescription>;
using Primitive = std::unique_ptr<dnnl_primitive, DestroyPrimitive>;

// Null if oneDNN has nothing for it; hint: the forward pass's, for a gradient's.
Description describe(const void* operation, const Attributes& attributes,
                     const Description& hint = nullptr);
Primitive make(const Description& description);
inline const dnnl_memory_desc_t& layout(const Description& description, dnnl_query_t which) {
  return *library().primitive_desc_query_md(description.get(), which, 0);
}

// oneDNN's handle of an array, null for none.
class Memory {
 public:
  Memory(const dnnl_memory_desc_t& desc, const void* data);
  ~Memory() {
    if (memory_) library().memory_destroy(memory_);
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  dnnl_memory_t get() const { return memory_; }

 private:
  dnnl_memory_t memory_ = nullptr;
};

// This thread's, at 64 bytes, as large as its largest wish.
std::byte* workspace(size_t bytes);

template <size_t N>
bool execute(const Primitive& primitive, const dnnl_exec_arg_t (&arguments)[N], int count = N) {
  const Library& dnnl = library();
  return dnnl.primitive_execute(primitive.get(), dnnl.stream, count, arguments) == dnnl_success &&
         dnnl.stream_wait(dnnl.stream) == dnnl_success;
}

// Code is made when it is wanted first (about a millisecond) and kept.
template <class Code, class Key>
std::shared_ptr<const Code> kept(const Key& key) {
  constexpr size_t kMost = 1024;
  static std::mutex mutex;
  static std::map<Key, std::shared_ptr<const Code>> made;
  const std::lock_guard lock(mutex);
  auto found = made.find(key);
  if (found == made.end()) {
    if (made.size() >= kMost) made.clear();
    found = made.emplace(key, std::make_shared<const Code>(key)).first;
  }
  return found->second;
}

}  // namespace papilio::cpu::onednn
