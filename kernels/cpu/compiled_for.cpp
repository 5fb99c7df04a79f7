#include "kernels/compiled_for.h"

namespace papilio::cpu {

std::string_view compiled_for() {
#if defined(__AVX512BW__) && defined(__AVX512VL__)
  return "x86-64-v4";
#elif defined(__AVX2__) && defined(__FMA__)
  return "x86-64-v3";
#elif defined(__SSE4_2__)
  return "x86-64-v2";
#elif defined(__x86_64__)
  return "x86-64";
#else
  return "";
#endif
}

}  // namespace papilio::cpu
