// PAPILIO_CUDA_SYNC=1: errors are found where they are made, at the price of waiting.
#pragma once

namespace papilio::cuda {

bool synchronous();

}  // namespace papilio::cuda
