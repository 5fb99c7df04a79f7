#include "nn/parallel/mpi.h"

#include <dlfcn.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "nn/parallel/detail/mpi_functions.h"
#include "nn/parallel/detail/mpi_module.h"
#include "nn/parallel/detail/mpi_thread.h"

namespace papilio::nn {

namespace {

// What launchers put into the environment.
struct Marks {
  const char *launcher, *rank, *size, *local_rank;
};
constexpr std::array kMarks = {
    Marks{"Open MPI's mpirun", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",
          "OMPI_COMM_WORLD_LOCAL_RANK"},
    Marks{"Slurm's srun with PMIx", "PMIX_RANK", "SLURM_NTASKS", "SLURM_LOCALID"},
    Marks{"MPICH's mpiexec", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"},
};

std::optional<int> number(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (*end != '\0' || value < 0 || value > 1'000'000) return std::nullopt;
  return int(value);
}

// Where the module may lie: as the environment says, beside the library (or the program that holds
// it), where it was installed.
std::vector<std::filesystem::path> places() {
  std::vector<std::filesystem::path> all;
  if (const char* given = std::getenv("PAPILIO_MPI_MODULE")) return {given};
  Dl_info own{};
  if (dladdr(reinterpret_cast<const void*>(&find_launch), &own) != 0 && own.dli_fname != nullptr) {
    std::error_code ignored;
    std::filesystem::path file = std::filesystem::canonical(own.dli_fname, ignored);
    if (!ignored) all.push_back(file.parent_path() / kMpiModule);
  }
  all.push_back(std::filesystem::path(kMpiModuleFolder) / kMpiModule);
  return all;
}

const PapilioMpiFunctions& load() {
  check<RankError>(*kMpiModule != '\0',
                   "this build of Papilio has no MPI: build it with -Dmpi=enabled, which needs an "
                   "MPI's headers (Debian: libopenmpi-dev)");
  std::string problem;
  for (const auto& file : places()) {
    // Global: what MPI loads itself looks for MPI's names. Never unloaded: its threads may live on.
    void* const module = dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (module == nullptr) {
      std::error_code ignored;
      const char* why = dlerror();
      if (problem.empty() || std::filesystem::exists(file, ignored)) problem = why;
      continue;
    }
    using Get = const PapilioMpiFunctions* (*)();
    const auto get = reinterpret_cast<Get>(dlsym(module, "papilio_mpi_functions"));
    if (get != nullptr && get()->size_of_this == int(sizeof(PapilioMpiFunctions))) return *get();
    problem = file.string() + ": is another Papilio's";
  }
  throw RankError("MPI cannot be loaded: " + problem);
}

class Mpi : public Communicator {
 public:
  Mpi(const PapilioMpiFunctions& functions, const Launch& launch, double patience)
      : thread_(functions, launch, patience) {}

  int rank() const override { return thread_.rank(); }
  int size() const override { return thread_.size(); }
  std::string host(int rank) const override { return thread_.host(rank); }
  std::string engine() const override { return thread_.engine(); }
  int64_t start(const Collective& collective) override { return thread_.start(collective); }
  void wait(int64_t ticket) override { thread_.wait(ticket); }
  void set_busy_for(double seconds) override { thread_.set_busy_for(seconds); }
  void set_patience(double seconds) override { thread_.set_patience(seconds); }
  bool others_busy() override { return thread_.others_busy(); }
  std::string fail(const std::string& reason) override { return thread_.fail(reason); }
  void leave(int code) override {
    thread_.leave(code);
    ::_exit(code);
  }
  void finish() override { thread_.finish(); }

 private:
  MpiThread thread_;
};

}  // namespace

std::optional<Launch> find_launch() {
  for (const Marks& marks : kMarks) {
    const auto rank = number(marks.rank), size = number(marks.size);
    if (rank && size && *rank < *size)
      return Launch{marks.launcher, *rank, *size, number(marks.local_rank).value_or(0)};
  }
  return std::nullopt;
}

Device gpu_of(const std::optional<Launch>& launch) {
  const int gpus = cuda_device_count();
  check(gpus > 0, "gpu_of: there is no GPU");
  return Device::cuda(launch ? launch->local_rank % gpus : 0);
}

std::unique_ptr<Communicator> mpi(const Launch& launch, double patience) {
  const PapilioMpiFunctions& functions = load();
  // Ranks whose launcher was killed go on without it, and nobody would know: they end as by a
  // scheduler's signal.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  return std::make_unique<Mpi>(functions, launch, patience);
}

}  // namespace papilio::nn
