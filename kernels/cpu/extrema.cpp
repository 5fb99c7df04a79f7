#include "kernels/cpu/elementwise_loop.h"
#include "kernels/detail/elementwise_instances.h"

namespace papilio::cpu {

using namespace functor;
PAPILIO_INSTANTIATE_EXTREMA

}  // namespace papilio::cpu
