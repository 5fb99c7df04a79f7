#include "nn/parallel/detail/gradient_buckets.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include "autograd/backward.h"
#include "autograd/node.h"
#include "tensor/copy.h"
#include "tensor/creation.h"

namespace papilio::nn {

namespace {

// Numbers in a bucket: enough buckets that most are away before the pass ends, none so small that
// latency is all it costs.
int64_t bucket_size(const std::vector<Tensor>& parameters) {
  int64_t all = 0;
  for (const Tensor& p : parameters) all += p.numel();
  return std::clamp<int64_t>(all / 8, 1 << 14, 1 << 18);
}

// The parameters' own if the ranks reach it, else the host's memory.
Device device_of_buckets(const Communicator& ranks, const std::vector<Tensor>& parameters) {
  const Device device = parameters.empty() ? Device::cpu() : parameters[0].device();
  return ranks.reaches(device) ? device : Device::cpu();
}

}  // namespace

GradientBuckets::GradientBuckets(Communicator& ranks, std::vector<Tensor> parameters, DType travel)
    : ranks_(ranks),
      parameters_(std::move(parameters)),
      travel_(travel),
      device_(device_of_buckets(ranks, parameters_)) {
  check(travel == DType::float32 || travel == DType::bfloat16,
        "GradientBuckets: expected float32 or bfloat16, got ", travel);
  const FlatGradients checked(parameters_);
  for (size_t i = 0; i < parameters_.size(); ++i)
    places_[parameters_[i].node().get()] = {.parameter = i};
}

// Parameters by their last arrival; behind them those that none came to, the last one first.
std::vector<int64_t> GradientBuckets::order_of_arrival() const {
  std::vector<int64_t> last(parameters_.size());
  for (const auto& [leaf, place] : places_) last[place.parameter] = place.last;
  std::vector<int64_t> order(parameters_.size());
  std::iota(order.rbegin(), order.rend(), 0);
  std::ranges::stable_sort(
      order, {}, [&](int64_t i) { return last[size_t(i)] < 0 ? arrivals_ : last[size_t(i)]; });
  return order;
}

bool GradientBuckets::agree_on_order() {
  const bool any =
      std::ranges::any_of(parameters_, [](const Tensor& p) { return grad(p).defined(); });
  const int64_t before_end = ranks_.max(any ? ranks_.size() - ranks_.rank() : 0);
  if (before_end == 0) return false;
  std::vector<int64_t> order = order_of_arrival();
  ranks_.broadcast(std::span(order), ranks_.size() - int(before_end));
  make_buckets(order);
  return true;
}

void GradientBuckets::make_buckets(const std::vector<int64_t>& order) {
  const int64_t most = bucket_size(parameters_);
  std::vector<Tensor> next;
  int64_t size = 0;
  const auto close = [&] {
    if (next.empty()) return;
    FlatGradients gradients(std::exchange(next, {}));
    const int64_t numbers = gradients.size();
    for (size_t i = 0; i < gradients.parameters().size(); ++i) {
      Place& place = places_.at(gradients.parameters()[i].node().get());
      place.bucket = buckets_.size();
      place.index = i;
    }
    buckets_.push_back(
        {.gradients = std::move(gradients), .flat = empty({numbers}, {.device = device_})});
    if (travel_ == DType::bfloat16)
      buckets_.back().bfloat16 = empty({numbers}, {.dtype = travel_, .device = device_});
    size = 0;
  };
  for (const int64_t i : order) {
    const Tensor& p = parameters_[size_t(i)];
    if (size + p.numel() > most) close();
    size += p.numel();
    next.push_back(p);
  }
  close();
}

void GradientBuckets::begin() {
  for (Bucket& bucket : buckets_) bucket.missing = bucket.gradients.parameters().size();
  for (auto& [leaf, place] : places_) place.arrivals = 0, place.there = false;
  next_ = 0;
  watched_ = late_ = false;
}

GradientArrived GradientBuckets::watcher() {
  watched_ = true;
  // Those that nothing comes to need not be waited for.
  for (auto& [leaf, place] : places_)
    if (known_ && place.expected == 0) put(place, leaf->grad, {});
  return [this](const Node* leaf, const Tensor& sum, int64_t arrivals) {
    arrived(leaf, sum, arrivals);
  };
}

void GradientBuckets::arrived(const Node* leaf, const Tensor& sum, int64_t arrivals) {
  const auto found = places_.find(leaf);
  if (found == places_.end()) return;
  Place& place = found->second;
  place.arrivals = arrivals;
  place.last = arrivals_++;
  if (place.there) late_ = true;
  if (arrivals != place.expected || late_) return;
  put(place, leaf->grad, sum);
  send_those_ready();
}

void GradientBuckets::put(Place& place, const Tensor& one, const Tensor& two) {
  Bucket& bucket = buckets_[place.bucket];
  bucket.gradients.put(place.index, one, two, bucket.flat);
  place.there = true;
  --bucket.missing;
}

void GradientBuckets::send_those_ready() {
  while (next_ < buckets_.size() && buckets_[next_].missing == 0) send(buckets_[next_++]);
}

void GradientBuckets::send(Bucket& bucket) {
  Tensor travels = bucket.flat;
  if (travel_ == DType::bfloat16) {
    copy_(bucket.bfloat16, bucket.flat);
    travels = bucket.bfloat16;
  }
  bucket.ticket = ranks_.start({.kind = Collective::Kind::all_reduce,
                                .to = travels.raw_data(),
                                .count = bucket.gradients.size(),
                                .dtype = travel_,
                                .device = device_,
                                .keep = travels.storage()});
}

int64_t GradientBuckets::bytes() const {
  int64_t numbers = 0;
  for (const Bucket& bucket : buckets_) numbers += bucket.gradients.size();
  return numbers * int64_t(size_of(travel_));
}

bool GradientBuckets::send_rest() {
  if (buckets_.empty() && !agree_on_order()) return true;
  early_ = next_;
  for (auto& [leaf, place] : places_) {
    if (watched_) place.expected = place.arrivals;
    if (!place.there) put(place, leaf->grad, {});
  }
  known_ = known_ || watched_;
  while (next_ < buckets_.size()) send(buckets_[next_++]);
  return !late_;
}

void GradientBuckets::again() {
  for (Bucket& bucket : buckets_) {
    ranks_.wait(bucket.ticket);
    bucket.gradients.pack(bucket.flat);
    send(bucket);
  }
}

void GradientBuckets::finish(double factor) {
  for (Bucket& bucket : buckets_) {
    ranks_.wait(bucket.ticket);
    if (travel_ == DType::bfloat16) copy_(bucket.flat, bucket.bfloat16);
    bucket.gradients.unpack(bucket.flat, factor);
  }
}

}  // namespace papilio::nn
