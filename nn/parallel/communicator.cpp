#include "nn/parallel/communicator.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>

namespace papilio::nn {

namespace {

// The most elements of one exchange: MPI counts with 31 bits, and a copy of it is made.
constexpr int64_t kMost = int64_t(1) << 24;

template <class T>
void all_reduce_in_turns(Communicator& communicator, std::span<T> sums, DType dtype) {
  for (size_t at = 0; at < sums.size(); at += kMost) {
    const int64_t count = std::min<int64_t>(kMost, int64_t(sums.size() - at));
    communicator.wait(communicator.start({.kind = Collective::Kind::all_reduce,
                                          .to = sums.data() + at,
                                          .count = count,
                                          .dtype = dtype}));
  }
}

class OneProcess : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  std::string host(int) const override {
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
  }
  std::string engine() const override { return "one process"; }
  int64_t start(const Collective& c) override {
    if (c.from != nullptr && c.count > 0)
      std::memcpy(c.to, c.from, size_t(c.count) * size_of(c.dtype));
    return 0;
  }
  void wait(int64_t) override {}
  void set_busy_for(double) override {}
  void set_patience(double) override {}
  bool others_busy() override { return false; }
  std::string fail(const std::string& reason) override { return reason; }
  void leave(int code) override { std::exit(code); }
  void finish() override {}
};

}  // namespace

void Communicator::set_busy(bool busy) {
  set_busy_for(busy ? std::numeric_limits<double>::infinity() : 0);
}

void Communicator::broadcast_bytes(void* data, size_t bytes, int root) {
  for (size_t at = 0; at < bytes; at += kMost) {
    const int64_t count = std::min<int64_t>(kMost, int64_t(bytes - at));
    wait(start({.kind = Collective::Kind::broadcast,
                .to = static_cast<std::byte*>(data) + at,
                .count = count,
                .root = root}));
  }
}

void Communicator::all_reduce(std::span<float> sums) {
  all_reduce_in_turns(*this, sums, DType::float32);
}

void Communicator::all_reduce(std::span<double> sums) {
  all_reduce_in_turns(*this, sums, DType::float64);
}

void Communicator::barrier() {
  wait(start({}));
}

int Communicator::ranks_of_host() const {
  int found = 0;
  for (int r = 0; r < size(); ++r) found += host(r) == host(rank());
  return found;
}

int64_t Communicator::max(int64_t value) {
  std::vector<int64_t> all(static_cast<size_t>(size()));
  wait(start({.kind = Collective::Kind::all_gather,
              .from = &value,
              .to = all.data(),
              .count = 1,
              .dtype = DType::int64}));
  return *std::ranges::max_element(all);
}

std::vector<std::string> Communicator::all_gather(const std::string& text) {
  const int64_t longest = max(int64_t(text.size()));
  std::string padded = text;
  // Its length in front.
  const auto length = int64_t(text.size());
  padded.insert(0, reinterpret_cast<const char*>(&length), sizeof length);
  padded.resize(size_t(longest) + sizeof length);
  std::string all(padded.size() * size_t(size()), '\0');
  wait(start({.kind = Collective::Kind::all_gather,
              .from = padded.data(),
              .to = all.data(),
              .count = int64_t(padded.size())}));
  std::vector<std::string> texts;
  for (size_t at = 0; at < all.size(); at += padded.size()) {
    int64_t own = 0;
    std::memcpy(&own, all.data() + at, sizeof own);
    texts.push_back(all.substr(at + sizeof own, size_t(own)));
  }
  return texts;
}

std::string Communicator::broadcast(std::string text, int root) {
  int64_t length = int64_t(text.size());
  broadcast(std::span(&length, 1), root);
  text.resize(size_t(length));
  broadcast(std::span(text.data(), text.size()), root);
  return text;
}

std::unique_ptr<Communicator> one_process() {
  return std::make_unique<OneProcess>();
}

}  // namespace papilio::nn
