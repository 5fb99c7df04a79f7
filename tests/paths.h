// Where tests find files: golden tensors, images, the sources themselves.
#pragma once

namespace papilio::test {

extern const char* const source_root;
extern const char* const papilio_program;
extern const char* const
    emulated_program;                     // papilio on the emulated device, or "" without emulator
extern const char* const faults_library;  // tests/samples/faults.cpp, or "" in a sanitized build

}  // namespace papilio::test
