#include "kernels/cuda/elementwise.h"

namespace papilio::cuda {

using namespace functor;

#define PAPILIO_MAP(F)                   \
  template void map(View, ConstView, F); \
  template void map_backward(View, ConstView, ConstView, F);
PAPILIO_MAP(Exp)
PAPILIO_MAP(Log)
PAPILIO_MAP(Sqrt)
PAPILIO_MAP(Tanh)
PAPILIO_MAP(Abs)
PAPILIO_MAP(Square)
PAPILIO_MAP(Cube)
PAPILIO_MAP(Reciprocal)
PAPILIO_MAP(PowNumber)
#undef PAPILIO_MAP

template void zip(View, ConstView, ConstView, Pow);
template void zip_backward_a(View, ConstView, ConstView, ConstView, Pow);
template void zip_backward_b(View, ConstView, ConstView, ConstView, Pow);

}  // namespace papilio::cuda
