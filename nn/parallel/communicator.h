// Processes ("ranks") that compute together: what each of them gives to all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tensor/device.h"
#include "tensor/dtype.h"
#include "tensor/error.h"

namespace papilio::nn {

// Another rank failed, ended or does not answer: this one cannot go on either.
struct RankError : Error {
  using Error::Error;
};

// One exchange, in which every rank takes part with the same numbers.
struct Collective {
  enum class Kind {
    broadcast,   // to = root's `to`
    all_reduce,  // to = the sum of all ranks' `to`: float32, float64, bfloat16
    all_gather,  // to = (ranks, count): each rank's `from`
    all_to_all,  // from: (ranks, count), a row for each rank; to: (ranks, count), a row of each
    barrier,     // nothing, when all have come
  };
  Kind kind = Kind::barrier;
  const void* from = nullptr;
  void* to = nullptr;
  int64_t count = 0;  // elements; of each rank for all_gather and all_to_all
  DType dtype = DType::uint8;
  Device device = Device::cpu();  // whose memory it is
  int root = 0;
  // Holds the memory if that is used as it is; null: a copy travels.
  std::shared_ptr<const void> keep = nullptr;
};

// All ranks call the same functions in the same order. Errors are RankError; those of another rank
// name it and its host. One thread at a time uses a Communicator.
class Communicator {
 public:
  virtual ~Communicator() = default;

  // This process's number, of how many, and the machine that a rank runs on.
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual std::string host(int rank) const = 0;
  // How many ranks share this one's machine, itself among them.
  int ranks_of_host() const;
  // What carries the messages: "Open MPI v4.1.4", "one process".
  virtual std::string engine() const = 0;

  // Sums may be of this device's memory; all else is of the CPU's.
  virtual bool reaches(Device device) const { return device.is_cpu(); }
  // Begins an exchange, which goes on beside what the caller does. Its memory stays until wait() of
  // the returned ticket, and with `keep` as long as that is held: a failed exchange may go on.
  // Exchanges of the CPU's memory happen in the order in which they are begun, and so do sums of a
  // GPU's, behind what that GPU was asked for before; between the two kinds there is no order.
  virtual int64_t start(const Collective& collective) = 0;
  // Returns when this exchange, and so all before it of the same memory, are done.
  virtual void wait(int64_t ticket) = 0;
  // For so many seconds from now the others wait for this rank, and their patience begins behind
  // that; 0: from now on.
  virtual void set_busy_for(double seconds) = 0;
  // While true they wait as long as it takes: it writes a file.
  void set_busy(bool busy);
  // Seconds that another may come later than this one before the run ends: it hangs.
  virtual void set_patience(double seconds) = 0;
  // Whether another rank is busy, as it last said: whoever waits for the others by other means than
  // wait() calls it again and again, and they are asked once a second. Throws RankError if one has
  // failed meanwhile, or does not answer.
  virtual bool others_busy() = 0;

  // The end of all ranks when this one fails: tells the others and hears what they say. Returns the
  // line that this rank is to print, "" if it is another's: the first that failed by itself speaks,
  // with its number and host unless all say the same.
  virtual std::string fail(const std::string& reason) = 0;
  // Then: ends every rank of the run that is still there.
  [[noreturn]] virtual void leave(int code) = 0;
  // A good end: returns when all ranks have come to theirs; nothing can be exchanged afterwards.
  virtual void finish() = 0;

  // Exchanges that are waited for at once.
  template <class T>
  void broadcast(std::span<T> values, int root = 0) {
    broadcast_bytes(values.data(), values.size_bytes(), root);
  }
  void all_reduce(std::span<float> sums);
  void all_reduce(std::span<double> sums);
  void barrier();
  // The largest of all ranks' values.
  int64_t max(int64_t value);
  // Each rank's text (bytes of any kind), by rank.
  std::vector<std::string> all_gather(const std::string& text);
  // The root's text, whatever this one's.
  std::string broadcast(std::string text, int root = 0);

 private:
  void broadcast_bytes(void* data, size_t bytes, int root);
};

// While it lives, the others wait for this rank as long as it takes, or so many seconds.
class Busy {
 public:
  explicit Busy(Communicator& communicator) : communicator_(communicator) {
    communicator_.set_busy(true);
  }
  Busy(Communicator& communicator, double seconds) : communicator_(communicator) {
    communicator_.set_busy_for(seconds);
  }
  ~Busy() { communicator_.set_busy(false); }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  Communicator& communicator_;
};

// A process on its own: rank 0 of 1.
std::unique_ptr<Communicator> one_process();

}  // namespace papilio::nn
