#include "nn/data/loader.h"

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "kernels/threads.h"
#include "nn/data/detail/start_threads.h"
#include "tensor/batch_rows.h"
#include "tensor/creation.h"
#include "tensor/random.h"

namespace papilio::nn {

// Batches are numbered from 0 through all epochs. Each worker takes the next number that is less
// than the window's end, makes that batch and puts it into `ready_`, where next() finds it.
class Loader::Workers {
 public:
  Workers(Batches source, const Options& options) : source_(std::move(source)), options_(options) {
    check(source_->size() > 0, "Loader: the data set is empty");
    check(options.batch_size >= 1, "Loader: expected batch_size >= 1, got ", options.batch_size);
    check(options.workers >= 0 && options.workers <= 1024,
          "Loader: expected 0 to 1024 workers, got ", options.workers);
    check(options.prefetch >= 1, "Loader: expected prefetch >= 1, got ", options.prefetch);
    check(options.epochs >= 0, "Loader: expected epochs >= 0, got ", options.epochs);
    const auto& [count, begin, end] = options.parts;
    check(count >= 1 && begin >= 0 && begin < end && end <= count,
          "Loader: expected parts within 0 to ", count, ", got ", begin, " to ", end);
    per_epoch_ = (source_->size() + options.batch_size - 1) / options.batch_size;
    if (options.epochs > 0) end_ = options.epochs * per_epoch_;
  }

  ~Workers() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    room_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  Batch next() {
    std::vector<std::string> skipped;
    for (int64_t tried = 0; tried <= per_epoch_; ++tried) {
      Batch batch = next_or_empty();
      skipped.insert(skipped.end(), batch.skipped.begin(), batch.skipped.end());
      if (batch.size() == 0) continue;
      batch.skipped = std::move(skipped);
      return batch;
    }
    throw FileError("Loader: no sample of the data set can be read; the last: " + skipped.back());
  }

  Batch next_or_empty() {
    check(options_.parts.count == 1, "Loader: it makes parts of batches: next_parts gives them");
    return std::move(take().front());
  }

  std::vector<Batch> take() {
    std::vector<Batch> parts = made();
    if (options_.on_batch) options_.on_batch();
    return parts;
  }

  void seek(int64_t epoch, int64_t position) {
    const std::lock_guard lock(mutex_);
    ++round_;  // what is under way belongs to the round before and is dropped
    epoch_ = epoch;
    given_ = begun_ = epoch * per_epoch_ + position;
    ready_.clear();
    room_.notify_all();
  }

  uint64_t digest() {
    if (!digest_) digest_ = source_->digest();
    return *digest_;
  }

  const BatchSource& source() const { return *source_; }
  const Options& options() const { return options_; }
  int64_t per_epoch() const { return per_epoch_; }
  // The last epoch whose batches have numbers, with room for those under way.
  int64_t last_epoch() const { return std::numeric_limits<int64_t>::max() / 2 / per_epoch_ - 1; }
  int64_t epoch() const { return epoch_; }
  int64_t position() const { return given_ - epoch_ * per_epoch_; }

 private:
  struct Result {
    std::vector<Batch> parts;
    std::exception_ptr error;
  };
  using Order = std::shared_ptr<const std::vector<int64_t>>;

  // The next batch's parts, made here or by a worker.
  std::vector<Batch> made() {
    check(given_ < end_, "Loader: its ", options_.epochs,
          options_.epochs == 1 ? " epoch is over" : " epochs are over");
    if (options_.workers == 0) {
      std::vector<Batch> parts = make(given_, order_of(given_ / per_epoch_));
      count();
      return parts;
    }
    if (threads_.empty()) threads_ = start_threads("Loader", options_.workers, [this] { work(); });
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return ready_.contains(given_); });
    const auto found = ready_.find(given_);
    if (found->second.error) std::rethrow_exception(found->second.error);
    std::vector<Batch> parts = std::move(found->second.parts);
    ready_.erase(found);
    count();
    room_.notify_one();
    return parts;
  }

  // One batch is given. An epoch lasts until the next one's first batch.
  void count() {
    epoch_ += position() == per_epoch_;
    ++given_;
  }

  void work() {
    set_own_num_threads(1);  // the others belong to the training step
    std::unique_lock lock(mutex_);
    for (;;) {
      room_.wait(lock, [&] {
        return stopped_ || begun_ < std::min(end_, given_ + options_.workers * options_.prefetch);
      });
      if (stopped_) return;
      const int64_t number = begun_++;
      const uint64_t round = round_;
      Result result;
      try {
        const Order order = order_of(number / per_epoch_);
        lock.unlock();
        result.parts = make(number, order);
      } catch (...) {
        result.error = std::current_exception();
      }
      if (!lock.owns_lock()) lock.lock();
      if (round != round_) continue;
      ready_[number] = std::move(result);
      done_.notify_one();
    }
  }

  // One generator an epoch for the order, one a batch for its changes: nothing depends on what was
  // drawn before.
  uint64_t epoch_seed(int64_t epoch) const {
    return options_.seed + 0x9e3779b97f4a7c15u * uint64_t(epoch + 1);
  }

  // Under the mutex if there are workers.
  Order order_of(int64_t epoch) {
    if (order_epoch_ != epoch) {
      std::vector<int64_t> order(size_t(source_->size()));
      if (options_.shuffle) {
        Generator generator(epoch_seed(epoch));
        order = randperm(source_->size(), generator).to_vector<int64_t>();
      } else {
        for (size_t i = 0; i < order.size(); ++i) order[i] = int64_t(i);
      }
      order_ = std::make_shared<const std::vector<int64_t>>(std::move(order));
      order_epoch_ = epoch;
    }
    return order_;
  }

  std::vector<Batch> make(int64_t number, const Order& order) const {
    const int64_t epoch = number / per_epoch_, position = number % per_epoch_,
                  begin = position * options_.batch_size,
                  end = std::min(begin + options_.batch_size, source_->size());
    const uint64_t seed = epoch_seed(epoch) ^ (0xbf58476d1ce4e5b9u * uint64_t(position + 1));
    const std::vector<int64_t> positions{order->begin() + begin, order->begin() + end};
    std::vector<Batch> parts;
    for (int64_t p = options_.parts.begin; p < options_.parts.end; ++p) {
      Generator generator(seed);
      parts.push_back(make_part(positions, p, generator));
    }
    return parts;
  }

  Batch make_part(const std::vector<int64_t>& positions, int64_t p, Generator& generator) const {
    const auto all = int64_t(positions.size());
    const int64_t begin = all * p / options_.parts.count,
                  end = all * (p + 1) / options_.parts.count;
    const BatchRows rows{begin, end - begin, all};
    if (begin == end) return {.inputs = empty({0}), .rows = rows};
    const bool whole = end - begin == all;
    Batch batch = whole ? source_->batch(positions, generator)
                        : source_->part(positions, begin, end, generator);
    if (batch.skipped.empty())
      batch.positions = {positions.begin() + begin, positions.begin() + end};
    batch.rows = rows;
    return batch;
  }

  const Batches source_;
  const Options options_;
  int64_t per_epoch_ = 0;

  std::mutex mutex_;
  std::condition_variable room_, done_;  // to begin another; one is ready
  std::map<int64_t, Result> ready_;
  int64_t given_ = 0, begun_ = 0;  // numbers of the next batch to give and to begin
  int64_t end_ = std::numeric_limits<int64_t>::max();
  int64_t epoch_ = 0;  // of the last batch given
  uint64_t round_ = 0;
  bool stopped_ = false;
  Order order_;  // of the epoch order_epoch_
  int64_t order_epoch_ = -1;
  std::optional<uint64_t> digest_;
  std::vector<std::thread> threads_;
};

Loader::Loader(Batches source, Options options)
    : workers_(std::make_unique<Workers>(std::move(source), options)) {}

Loader::~Loader() = default;

Batch Loader::next() {
  return workers_->next();
}

Batch Loader::next_or_empty() {
  return workers_->next_or_empty();
}

std::vector<Batch> Loader::next_parts() {
  return workers_->take();
}

const BatchSource& Loader::source() const {
  return workers_->source();
}

int64_t Loader::batches_per_epoch() const {
  return workers_->per_epoch();
}

int64_t Loader::epoch() const {
  return workers_->epoch();
}

int64_t Loader::position() const {
  return workers_->position();
}

void Loader::seek(int64_t epoch, int64_t position) {
  const int64_t batches = batches_per_epoch();
  const bool there =
      epoch >= 0 && position >= 0 && position <= batches && epoch <= workers_->last_epoch();
  check(there, "Loader: no batch ", position, " in epoch ", epoch);
  workers_->seek(epoch, position);
}

LoaderState Loader::state() const {
  const Options& o = workers_->options();
  return {epoch(), position(), o.seed, o.batch_size, source().size(), workers_->digest()};
}

void Loader::set_state(const LoaderState& state) {
  const LoaderState own = this->state();
  check(
      state.seed == own.seed && state.batch_size == own.batch_size && state.samples == own.samples,
      "Loader: expected the state of a loader with seed ", own.seed, ", batch size ",
      own.batch_size, " and ", own.samples, " samples, got ", state.seed, ", ", state.batch_size,
      " and ", state.samples);
  check(state.data == own.data,
        "Loader: expected the state of a loader of the same samples: other names or labels");
  seek(state.epoch, state.position);
}

}  // namespace papilio::nn
