#include "kernels/cpu/elementwise_loop.h"

namespace papilio::cpu {

using namespace functor;

template void zip(View, ConstView, ConstView, Eq);
template void zip(View, ConstView, ConstView, Ne);
template void zip(View, ConstView, ConstView, Lt);
template void zip(View, ConstView, ConstView, Le);

}  // namespace papilio::cpu
