#include "tensor/pick.h"

#include <doctest/doctest.h>

#include "tensor/error.h"

namespace papilio::test {
namespace {

int here() {
  return 1;
}
int there() {
  return 2;
}

}  // namespace

TEST_CASE("pick: the kernel of the device; one that only a GPU has is refused") {
  CHECK(pick(Device::cpu(), here, there)() == 1);
  CHECK_THROWS_WITH_AS(pick_cuda("f", Device::cpu(), there), "f: no kernel for device cpu",
                       ArgumentError);
  if (cuda_device_count() > 0) CHECK(pick(Device::cuda(), here, there)() == 2);
}

}  // namespace papilio::test
