// How long the device takes, by its own clock.
#pragma once

#include <functional>

namespace papilio::cuda {

// Seconds from the moment the stream of device `index` reaches what `work` asks for until it is
// done with that; waits for it. If the host asks more slowly than the device works, the host's
// time. An emulated device has no clock: 0.
double seconds_on_device(const std::function<void()>& work, int index);

}  // namespace papilio::cuda
