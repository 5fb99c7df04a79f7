// What a test may do to the emulated NCCL.
#pragma once

namespace emulator {

enum class NcclFault {
  none,
  hidden,      // the library is not to be found
  id,          // no id can be made
  beginning,   // rank 1 cannot begin to join
  absent,      // rank 1 begins and never joins
  connection,  // sums that are not there yet fail, as when a process of the group has ended
};
// From now on.
void set_nccl_fault(NcclFault fault);
// Communicators that were made and not taken down.
int nccl_communicators();

}  // namespace emulator
