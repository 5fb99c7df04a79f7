#include "kernels/cuda/elementwise.h"

namespace papilio::cuda {

using namespace functor;

template void zip(View, ConstView, ConstView, Eq);
template void zip(View, ConstView, ConstView, Ne);
template void zip(View, ConstView, ConstView, Lt);
template void zip(View, ConstView, ConstView, Le);

}  // namespace papilio::cuda
