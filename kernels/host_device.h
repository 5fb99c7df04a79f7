// Marks functions that the host and the CUDA compiler share.
#pragma once

#ifdef __CUDACC__
#define PAPILIO_HOST_DEVICE __host__ __device__
#else
#define PAPILIO_HOST_DEVICE
#endif
