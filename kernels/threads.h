// How many threads the kernels use: OpenMP's pool, which OpenBLAS and oneDNN use too, or, of an
// OpenBLAS with threads of its own, one of them (kernels/cpu/blas.h).
#pragma once

namespace papilio {

// How many threads an operation uses, whichever thread of the process asks for it, also one that
// starts later: the same product has the same bits in each. At first OpenMP's number
// (OMP_NUM_THREADS, or the processors there are).
int num_threads();
// Changes it, from the next operation on. Results of some reductions depend on nothing but sizes,
// those of matrix products on this too.
void set_num_threads(int count);
// The number for the calling thread alone, for good, whatever the others use: for one that works
// beside them.
void set_own_num_threads(int count);
// That the calling thread can have `count` threads, itself among them: to ask before a parallel
// region, whose runtime ends the process if the system refuses one. OutOfMemoryError if it does.
void expect_threads(int count);

}  // namespace papilio
