// A device by its name, as users write it.
#pragma once

#include <string>

#include "tensor/device.h"

namespace papilio {

// The device called "cpu", "cuda" (the first GPU) or "cuda:1". Throws ArgumentError, which begins
// with `operation`, for another name and if the device is not available.
Device device_named(const char* operation, const std::string& name);

}  // namespace papilio
