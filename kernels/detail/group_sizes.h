// The groups of channels that group norm works on.
#pragma once

#include <cstdint>

#include "kernels/host_device.h"
#include "kernels/view.h"

namespace papilio {

// A contiguous x (B, C, ...): S elements a channel, `channels` channels a group.
struct GroupSizes {
  int64_t B, C, S, groups, channels;
  GroupSizes(const ConstView& x, int64_t groups_)
      : B(x.shape[0]), C(x.shape[1]), S(1), groups(groups_), channels(C / groups_) {
    for (int d = 2; d < x.rank; ++d) S *= x.shape[d];
  }
  PAPILIO_HOST_DEVICE int64_t elements() const { return channels * S; }  // of a group
};

}  // namespace papilio
