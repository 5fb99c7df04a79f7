#include "tests/nn/parallel/ranks.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "nn/parallel/mpi.h"
#include "nn/parallel/nccl.h"

namespace papilio::test {

namespace {

std::unique_ptr<nn::Communicator> begin() {
  const auto launch = nn::find_launch();
  constexpr double kPatience = 30;
  auto world = launch ? nn::mpi(*launch, kPatience) : nn::one_process();
  if (rank_device().is_cpu()) return world;
  const std::string why = nn::add_nccl(world, rank_device(), kPatience);
  // tests/bench/gpu reads it.
  if (world->rank() == 0)
    std::printf("ranks: %s%s%s\n", world->engine().c_str(),
                why.empty() ? "" : "; no NCCL: ", why.c_str());
  return world;
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
  if (wanted == nullptr || std::string(wanted) != "cuda" || cuda_device_count() == 0)
    return Device::cpu();
  return nn::gpu_of(nn::find_launch());
}

}  // namespace papilio::test
