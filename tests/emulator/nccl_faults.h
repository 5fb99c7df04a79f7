// What a test may do to the emulated NCCL.
#pragma once

namespace emulator {

// The library is not to be found, as long as this is so.
void hide_nccl(bool hidden);
// Sums that are not there yet fail from now on, as when a process of the group has ended.
void break_nccl(bool broken);
// Communicators that were made and not taken down.
int nccl_communicators();

}  // namespace emulator
