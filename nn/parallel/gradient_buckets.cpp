#include "nn/parallel/detail/gradient_buckets.h"

#include <algorithm>
#include <utility>

#include "autograd/node.h"

namespace papilio::nn {

namespace {

// Numbers in a bucket: enough buckets that most are away before the pass ends, none so small that
// latency is all it costs.
int64_t bucket_size(const std::vector<Tensor>& parameters) {
  int64_t all = 0;
  for (const Tensor& p : parameters) all += p.numel();
  return std::clamp<int64_t>(all / 8, 1 << 14, 1 << 18);
}

}  // namespace

GradientBuckets::GradientBuckets(Communicator& ranks, std::vector<Tensor> parameters, DType travel)
    : ranks_(ranks), travel_(travel) {
  check(travel == DType::float32 || travel == DType::bfloat16,
        "GradientBuckets: expected float32 or bfloat16, got ", travel);
  const int64_t most = bucket_size(parameters);
  std::ranges::reverse(parameters);
  std::vector<Tensor> next;
  int64_t size = 0;
  const auto close = [&] {
    if (next.empty()) return;
    FlatGradients gradients(std::exchange(next, {}));
    for (size_t i = 0; i < gradients.parameters().size(); ++i)
      places_[gradients.parameters()[i].node().get()] = {buckets_.size(), i};
    const auto numbers = size_t(gradients.size());
    buckets_.push_back(
        {std::move(gradients), std::make_shared<std::vector<float>>(numbers),
         std::make_shared<std::vector<BFloat16>>(travel_ == DType::bfloat16 ? numbers : 0)});
    size = 0;
  };
  for (Tensor& p : parameters) {
    if (size + p.numel() > most) close();
    size += p.numel();
    next.push_back(std::move(p));
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
  return [this](const Node* leaf, const Tensor& sum, int64_t arrivals) {
    arrived(leaf, sum, arrivals);
  };
}

void GradientBuckets::arrived(const Node* leaf, const Tensor& sum, int64_t arrivals) {
  const auto found = places_.find(leaf);
  if (found == places_.end()) return;
  Place& place = found->second;
  place.arrivals = arrivals;
  if (place.there) late_ = true;
  if (arrivals != place.expected || late_) return;
  Bucket& bucket = buckets_[place.bucket];
  bucket.gradients.put(place.index, leaf->grad, sum, *bucket.flat);
  place.there = true;
  --bucket.missing;
  send_those_ready();
}

void GradientBuckets::send_those_ready() {
  while (next_ < buckets_.size() && buckets_[next_].missing == 0) send(buckets_[next_++]);
}

void GradientBuckets::send(Bucket& bucket) {
  Collective c{.kind = Collective::Kind::all_reduce,
               .to = bucket.flat->data(),
               .count = bucket.gradients.size(),
               .dtype = travel_,
               .keep = bucket.flat};
  if (travel_ == DType::bfloat16) {
    std::ranges::transform(*bucket.flat, bucket.halves->begin(),
                           [](float x) { return BFloat16(x); });
    c.to = bucket.halves->data();
    c.keep = bucket.halves;
  }
  bucket.ticket = ranks_.start(c);
}

bool GradientBuckets::send_rest() {
  early_ = next_;
  for (auto& [leaf, place] : places_) {
    if (watched_) place.expected = place.arrivals;
    const Bucket& bucket = buckets_[place.bucket];
    if (!place.there) bucket.gradients.put(place.index, leaf->grad, {}, *bucket.flat);
    place.there = true;
  }
  while (next_ < buckets_.size()) send(buckets_[next_++]);
  return !late_;
}

void GradientBuckets::again() {
  for (Bucket& bucket : buckets_) {
    ranks_.wait(bucket.ticket);
    bucket.gradients.pack(*bucket.flat);
    send(bucket);
  }
}

void GradientBuckets::finish(double factor) {
  for (Bucket& bucket : buckets_) {
    ranks_.wait(bucket.ticket);
    if (travel_ == DType::bfloat16)
      std::ranges::transform(*bucket.halves, bucket.flat->begin(),
                             [](BFloat16 x) { return float(x); });
    bucket.gradients.unpack(*bucket.flat, factor);
  }
}

}  // namespace papilio::nn
