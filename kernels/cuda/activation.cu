#include "kernels/cuda/elementwise.h"

namespace papilio::cuda {

using namespace functor;

#define PAPILIO_MAP(F)                   \
  template void map(View, ConstView, F); \
  template void map_backward(View, ConstView, ConstView, F);
PAPILIO_MAP(Relu)
PAPILIO_MAP(Sigmoid)
PAPILIO_MAP(Silu)
PAPILIO_MAP(Gelu)
PAPILIO_MAP(GeluTanh)
#undef PAPILIO_MAP

}  // namespace papilio::cuda
