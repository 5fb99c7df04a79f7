#include "tests/nn/parallel/ranks.h"

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "nn/parallel/mpi.h"
#include "nn/parallel/nccl.h"

namespace papilio::test {

namespace {

std::unique_ptr<nn::Communicator> begin() {
  const auto launch = nn::find_launch();
  auto world = launch ? nn::mpi(*launch, 30) : nn::one_process();
  std::string why;
  return rank_device().is_cpu() ? std::move(world)
                                : nn::with_nccl(std::move(world), rank_device(), why);
}

}  // namespace

nn::Communicator& ranks() {
  static const struct World {
    std::unique_ptr<nn::Communicator> communicator = begin();
    ~World() { communicator->finish(); }
  } world;
  return *world.communicator;
}

Device rank_device() {
  const char* wanted = std::getenv("PAPILIO_TEST_DEVICE");
  const int gpus = cuda_device_count();
  if (wanted == nullptr || std::string(wanted) != "cuda" || gpus == 0) return Device::cpu();
  const auto launch = nn::find_launch();
  return Device::cuda(launch ? launch->local_rank % gpus : 0);
}

}  // namespace papilio::test
