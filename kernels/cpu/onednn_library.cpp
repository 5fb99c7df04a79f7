#include "kernels/cpu/onednn_library.h"

#include <dlfcn.h>

#include <cstddef>
#include <memory>
#include <new>
#include <string>

#include "kernels/cpu/onednn.h"

namespace papilio::cpu {

namespace onednn {

Library::Library() {
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

const Library& library() {
  static const Library loaded;
  return loaded;
}

Attributes::Attributes(bool add) {
  const Library& dnnl = library();
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

Description describe(const void* operation, const Attributes& attributes, const Description& hint) {
  dnnl_primitive_desc_t made = nullptr;
  if (library().primitive_desc_create(&made, operation, attributes.get(), library().engine,
                                      hint.get()) != dnnl_success)
    return nullptr;
  return Description(made);
}

Primitive make(const Description& description) {
  dnnl_primitive_t made = nullptr;
  if (!description || library().primitive_create(&made, description.get()) != dnnl_success)
    return nullptr;
  return Primitive(made);
}

Memory::Memory(const dnnl_memory_desc_t& desc, const void* data) {
  const Library& dnnl = library();
  if (data &&
      dnnl.memory_create(&memory_, &desc, dnnl.engine, const_cast<void*>(data)) != dnnl_success)
    throw std::bad_alloc();
}

std::byte* workspace(size_t bytes) {
  struct Free {
    void operator()(std::byte* p) const { ::operator delete (p, std::align_val_t{64}); }
  };
  thread_local std::unique_ptr<std::byte, Free> memory;
  thread_local size_t size = 0;
  if (bytes > size) {
    memory.reset();
    size = 0;  // if there is no memory for more
    memory.reset(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{64})));
    size = bytes;
  }
  return memory.get();
}

}  // namespace onednn

const std::string& onednn_missing() {
  return onednn::library().missing;
}

std::string onednn_version() {
  if (!onednn_missing().empty()) return {};
  const dnnl_version_t& v = *onednn::library().version();
  return "oneDNN " + std::to_string(v.major) + '.' + std::to_string(v.minor) + '.' +
         std::to_string(v.patch);
}

}  // namespace papilio::cpu
