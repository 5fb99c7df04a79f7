// The name of a function of this program.
#pragma once

#include <string>

namespace emulator {

// From the program's symbol table, which also has what no other file sees.
std::string name_of(const void* function);

}  // namespace emulator
