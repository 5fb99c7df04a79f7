#include <doctest/doctest.h>

#include <string>

#include "tensor/device_named.h"
#include "tensor/error.h"

namespace papilio::test {

TEST_CASE("device_named: cpu, and clear errors for what is no device or is not here") {
  CHECK(device_named("f", "cpu") == Device::cpu());
  for (const char* name :
       {"", "CPU", "tpu", "cuda:", "cuda:-1", "cuda:x", "cuda:1x", "cuda:99999999999"}) {
    CHECK_THROWS_WITH_AS(
        device_named("f", name),
        (std::string("f: expected cpu, cuda or cuda:N, got \"") + name + '"').c_str(),
        ArgumentError);
  }
  if (cuda_device_count() > 0) CHECK(device_named("f", "cuda") == Device::cuda(0));
  if (cuda_device_count() > 1) CHECK(device_named("f", "cuda:1") == Device::cuda(1));
  CHECK_THROWS_WITH(device_named("f", "cuda:77"),
                    doctest::Contains("f: device cuda:77 is not available: this "));
}

}  // namespace papilio::test
