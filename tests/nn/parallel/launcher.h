// What starts several processes of a program.
#pragma once

namespace papilio::test {

// mpirun and the module that Papilio loads under it, or "" without MPI and in a sanitized build.
extern const char* const mpirun;
extern const char* const mpi_module;

}  // namespace papilio::test
