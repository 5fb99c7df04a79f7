// Batches without end, prepared ahead by threads of their own if asked.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "nn/data/batch_source.h"

namespace papilio::nn {

// Where a Loader is: what next() has given, not what was prepared ahead. The rest says what it
// loads, so that a state is not restored into another run's loader.
struct LoaderState {
  int64_t epoch = 0, position = 0;
  uint64_t seed = 0;
  int64_t batch_size = 0, samples = 0;
  uint64_t data = 0;  // BatchSource::digest
  bool operator==(const LoaderState&) const = default;
};

// Each batch cut into `count` parts of about the same size, of which a loader makes those numbered
// begin, ..., end - 1: the others are other processes'. They are as they would be in the whole.
struct BatchParts {
  int64_t count = 1, begin = 0, end = 1;
};

// Every random choice follows from the seed, the epoch and the position in it: the same batches
// come whatever the number of workers, and from any place on. The last batch of an epoch may be
// smaller. One thread at a time uses a Loader.
class Loader {
 public:
  struct Options {
    int64_t batch_size = 128;
    uint64_t seed = 0;
    int64_t workers = 0;   // threads that prepare batches; 0: next() does, when it is called
    int64_t prefetch = 2;  // batches ahead, for each worker
    int64_t epochs = 0;    // how many there are, nothing is prepared beyond; 0: without end
    bool shuffle = true;
    BatchParts parts = {};
    std::function<void()> on_batch = nullptr;  // called with each batch that is given
  };

  // Throws ArgumentError for options that do not fit the data.
  Loader(Batches source, Options options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // Never empty: a batch all of whose samples are skipped is passed over. Throws what the source
  // throws, again at each call, FileError if a whole epoch is skipped, and ArgumentError behind
  // the last of Options::epochs.
  Batch next();
  // The next batch as it is: without samples if all of them are skipped.
  Batch next_or_empty();

  // The parts of the next batch that are this loader's, each as it is: with its rows, perhaps
  // without samples. The other two want a loader of whole batches.
  std::vector<Batch> next_parts();

  // What it reads; batches in an epoch; where it stands, and how to put it elsewhere.
  const BatchSource& source() const;
  int64_t batches_per_epoch() const;
  int64_t epoch() const;
  int64_t position() const;  // batches of this epoch that next() has given
  void seek(int64_t epoch, int64_t position);

  // Where it stands, as checkpoints keep it.
  LoaderState state() const;
  // Throws ArgumentError if seed, batch size or data are not this loader's.
  void set_state(const LoaderState& state);

 private:
  class Workers;

  std::unique_ptr<Workers> workers_;
};

}  // namespace papilio::nn
