#include "kernels/cuda/elementwise.h"

namespace papilio::cuda {

using namespace functor;

#define PAPILIO_EXTREMUM(F)                                               \
  template void zip(View, ConstView, ConstView, F);                       \
  template void zip_backward_a(View, ConstView, ConstView, ConstView, F); \
  template void zip_backward_b(View, ConstView, ConstView, ConstView, F);
PAPILIO_EXTREMUM(Maximum)
PAPILIO_EXTREMUM(Minimum)
#undef PAPILIO_EXTREMUM

template void map(View, ConstView, Clamp);
template void map_backward(View, ConstView, ConstView, Clamp);

}  // namespace papilio::cuda
