// How many threads the kernels and OpenBLAS use: one pool, OpenMP's.
#pragma once

namespace papilio {

// Of the process: every thread that computes uses as many, also one that starts later, so that the
// same product has the same bits in each. At first OpenMP's (OMP_NUM_THREADS, or the processors
// there are).
int num_threads();
// From the next operation on. Results of some reductions depend on nothing but sizes, those of
// matrix products on this too.
void set_num_threads(int count);
// Of the calling thread alone and for good, whatever the others use: for one that works beside
// them.
void set_own_num_threads(int count);

}  // namespace papilio
