#include "kernels/cuda/cublas_functions.h"

#include <dlfcn.h>

#include <string>

#include "kernels/error.h"

namespace papilio::cuda {
namespace {

void* library(const std::string& file) {
  void* const found = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (found == nullptr)
    throw Error(std::string("cuda: products need cuBLAS ") + std::to_string(CUBLAS_VER_MAJOR) +
                " where the loader looks (LD_LIBRARY_PATH): " + dlerror());
  return found;
}

template <class F>
void find(F& function, void* in, const char* name) {
  function = reinterpret_cast<F>(dlsym(in, name));
  if (function == nullptr) throw Error(std::string("cuda: cuBLAS lacks a function: ") + dlerror());
}

CublasFunctions load() {
  const std::string version = ".so." + std::to_string(CUBLAS_VER_MAJOR);
  void* const lt = library("libcublasLt" + version);  // which libcublas needs
  void* const blas = library("libcublas" + version);
  CublasFunctions functions;
#define PAPILIO_STRING(symbol) #symbol
#define PAPILIO_SYMBOL(symbol) PAPILIO_STRING(symbol)  // of cublasCreate: "cublasCreate_v2"
#define PAPILIO_FIND_IN_BLAS(name) find(functions.name, blas, PAPILIO_SYMBOL(cublas##name));
#define PAPILIO_FIND_IN_LT(name) find(functions.name, lt, PAPILIO_SYMBOL(cublas##name));
  PAPILIO_CUBLAS_FUNCTIONS(PAPILIO_FIND_IN_BLAS)
  PAPILIO_CUBLASLT_FUNCTIONS(PAPILIO_FIND_IN_LT)
#undef PAPILIO_FIND_IN_LT
#undef PAPILIO_FIND_IN_BLAS
#undef PAPILIO_SYMBOL
#undef PAPILIO_STRING
  return functions;
}

}  // namespace

const CublasFunctions& cublas() {
  static const CublasFunctions functions = load();
  return functions;
}

}  // namespace papilio::cuda
