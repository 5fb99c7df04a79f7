#include "boft/geometry/energy.h"

#include <cstdint>

#include "boft/geometry/detail/directions.h"

namespace papilio::boft {

double hyperspherical_energy(const Tensor& w) {
  const detail::Directions u = detail::directions("hyperspherical_energy", w);
  double energy = 0;
  for (int64_t i = 0; i < u.rows; ++i) {
    for (int64_t j = 0; j < i; ++j) energy += 2 / detail::distance(u.row(i), u.row(j), u.d);
  }
  return energy;
}

}  // namespace papilio::boft
