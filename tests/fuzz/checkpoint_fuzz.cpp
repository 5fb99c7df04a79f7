// A checkpoint of any bytes, as they are and with the checksum that they should have: a place that
// the run can be at and goes on from, or a FileError that has changed nothing.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "nn/data/image_batches.h"
#include "nn/layers/linear.h"
#include "nn/optim/optimizer.h"
#include "nn/train/training_state.h"
#include "tensor/error.h"
#include "tests/fuzz/memory_file.h"
#include "tests/nn/train/forged_state.h"

namespace {

using namespace papilio;

struct Run {
  nn::Linear model{2, 2};
  nn::AdamW optimizer{{{.parameters = {model.weight, model.bias}}}};
  nn::Loader loader{nn::plain_batches(nn::images_in_memory({.height = 1,
                                                            .width = 1,
                                                            .channels = 1,
                                                            .pixels = {1, 2, 3, 4, 5},
                                                            .labels = {0, 1, 0, 1, 0},
                                                            .class_names = {"a", "b"},
                                                            .name = "fuzz"}),
                                      nn::image_processor_for(1, 1, 1)),
                    {.batch_size = 2, .seed = 5}};
  nn::ModelAverage average{model, 0.5};
  nn::TrainingParts parts{model, optimizer, loader, &average};
};

// Bit by bit: an input before may have left NaN, which is not equal to itself.
bool are_same(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

void resume(Run& run, const std::filesystem::path& file) {
  const std::vector<float> before = run.model.weight.to_vector<float>();
  const nn::LoaderState state = run.loader.state();
  try {
    nn::load_training_state(file, run.parts);
  } catch (const FileError&) {
    if (!are_same(run.model.weight.to_vector<float>(), before) || run.loader.state() != state)
      std::abort();
    return;
  }
  run.loader.next();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Run run;
  static fuzz::MemoryFile file;
  file.write(data, size);
  std::string forged;
  try {
    forged = test::forged_state(load_safetensors(file.path()));
  } catch (const FileError&) {  // and no resuming either
    return 0;
  }
  resume(run, file.path());
  file.write(forged.data(), forged.size());
  resume(run, file.path());
  return 0;
}
