// How many threads the kernels and OpenBLAS use: one pool, OpenMP's.
#pragma once

namespace papilio {

int num_threads();
// From the next operation on. Results of some reductions depend on nothing but sizes, those of
// matrix products on this too.
void set_num_threads(int count);

}  // namespace papilio
