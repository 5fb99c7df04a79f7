// Marks of functions that the host and the CUDA compiler share, and of the CUDA backend's own.
#pragma once

#ifdef __CUDACC__
// For functions of the host and the device: nothing under a compiler that knows no device.
#define PAPILIO_HOST_DEVICE __host__ __device__
#else
#define PAPILIO_HOST_DEVICE
#endif

// Before the declaration of each function of the CUDA backend. Where the backend is not linked in,
// the function has no definition and its address is null; nothing calls it, because no tensor lies
// on such a device.
#ifdef PAPILIO_HAS_CUDA
#define PAPILIO_CUDA
#else
#define PAPILIO_CUDA __attribute__((weak))
#endif
