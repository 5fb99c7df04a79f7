// The functions of NCCL that are called, nccl().AllReduce for ncclAllReduce.
#pragma once

#include <nccl.h>

namespace papilio::cuda {

#define PAPILIO_NCCL_FUNCTIONS(F) \
  F(AllReduce)                    \
  F(CommAbort)                    \
  F(CommGetAsyncError)            \
  F(CommInitRankConfig)           \
  F(GetErrorString)               \
  F(GetUniqueId)                  \
  F(GetVersion)

#define PAPILIO_DECLARE(name) decltype(&::nccl##name) name;  // NOLINT(bugprone-macro-parentheses)
struct NcclFunctions {
  PAPILIO_NCCL_FUNCTIONS(PAPILIO_DECLARE)
};
#undef PAPILIO_DECLARE

// Throws Error with the loader's words if the library or a function is missing.
const NcclFunctions& nccl();

}  // namespace papilio::cuda
