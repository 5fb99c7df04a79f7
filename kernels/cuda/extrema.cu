#include "kernels/cuda/elementwise.h"
#include "kernels/detail/elementwise_instances.h"

namespace papilio::cuda {

using namespace functor;
PAPILIO_INSTANTIATE_EXTREMA

}  // namespace papilio::cuda
