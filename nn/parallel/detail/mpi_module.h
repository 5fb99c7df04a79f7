// Where this build has its MPI module.
#pragma once

namespace papilio::nn {

// The module's file, "" if this build has none, and the folder that it is installed into.
extern const char* const kMpiModule;
extern const char* const kMpiModuleFolder;

}  // namespace papilio::nn
