#include "kernels/cuda/nccl_functions.h"

#include <dlfcn.h>

#include <string>

#include "kernels/error.h"

namespace papilio::cuda {
namespace {

template <class F>
void find(F& function, void* in, const char* name) {
  function = reinterpret_cast<F>(dlsym(in, name));
  if (function == nullptr) throw Error(std::string("cuda: NCCL lacks a function: ") + dlerror());
}

NcclFunctions load() {
  const std::string file = "libnccl.so." + std::to_string(NCCL_MAJOR);
  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    throw Error(std::string("NCCL is not where the loader looks (LD_LIBRARY_PATH): ") + dlerror());
  NcclFunctions functions;
#define PAPILIO_FIND(name) find(functions.name, library, "nccl" #name);
  PAPILIO_NCCL_FUNCTIONS(PAPILIO_FIND)
#undef PAPILIO_FIND
  return functions;
}

}  // namespace

const NcclFunctions& nccl() {
  static const NcclFunctions functions = load();
  return functions;
}

}  // namespace papilio::cuda
