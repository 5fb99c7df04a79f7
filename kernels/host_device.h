// Marks of functions that the host and the CUDA compiler share.
#pragma once

#ifdef __CUDACC__
// For functions of the host and the device: nothing under a compiler that knows no device.
#define PAPILIO_HOST_DEVICE __host__ __device__
#else
#define PAPILIO_HOST_DEVICE
#endif
