#include "kernels/threads.h"

#include <omp.h>

namespace papilio {

int num_threads() {
  return omp_get_max_threads();
}

void set_num_threads(int count) {
  omp_set_num_threads(count);
}

}  // namespace papilio
