#include "nn/train/shared_evaluation.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nn/data/batch_source.h"
#include "nn/parallel/all_values.h"
#include "tensor/error.h"

namespace papilio::nn {

namespace {

class SomeSamples : public BatchSource {
 public:
  SomeSamples(Batches source, int64_t begin, int64_t end)
      : source_(std::move(source)), begin_(begin), end_(end) {}

  int64_t size() const override { return end_ - begin_; }
  std::string name(int64_t position) const override { return source_->name(begin_ + position); }
  std::vector<std::filesystem::path> files(int64_t position) const override {
    return source_->files(begin_ + position);
  }
  uint64_t digest() const override { return source_->digest(); }
  Batch batch(const std::vector<int64_t>& positions, Generator& generator) const override {
    std::vector<int64_t> there = positions;
    for (int64_t& position : there) position += begin_;
    Batch batch = source_->batch(there, generator);
    for (int64_t& position : batch.positions) position -= begin_;
    return batch;
  }

 private:
  Batches source_;
  int64_t begin_, end_;
};

// What each rank adds up.
struct Sums {
  double right = 0, top5 = 0, loss = 0, weight = 0, without_answer = 0;
};

}  // namespace

Batches samples_of(Batches source, int64_t begin, int64_t end) {
  check(0 <= begin && begin <= end && end <= source->size(), "samples_of: expected a range within ",
        source->size(), " samples, got ", begin, " to ", end);
  return std::make_shared<SomeSamples>(std::move(source), begin, end);
}

Batches share_of(const Batches& source, int64_t batch_size, const Communicator& ranks) {
  const int64_t batches = (source->size() + batch_size - 1) / batch_size;
  const auto begin = [&](int rank) {
    return std::min(batches * rank / ranks.size() * batch_size, source->size());
  };
  return samples_of(source, begin(ranks.rank()), begin(ranks.rank() + 1));
}

Evaluation evaluate_together(Communicator& ranks, const std::function<Evaluation()>& evaluate,
                             bool has_share) {
  Evaluation own = has_share ? evaluate() : Evaluation();
  if (ranks.size() == 1) return own;
  Evaluation all;
  all.predicted = all_values(ranks, own.predicted);
  all.probability = all_values(ranks, own.probability);
  all.labels = all_values(ranks, own.labels);
  all.losses = all_values(ranks, own.losses);
  all.positions = all_values(ranks, own.positions);
  const auto weight = double(own.labels.empty() ? own.counted : int64_t(own.labels.size()));
  const std::vector<Sums> sums =
      all_values<Sums>(ranks, {{std::round(own.accuracy * weight), own.top5 * weight,
                                own.loss * weight, weight, double(own.without_answer)}});
  Sums whole;
  for (const Sums& s : sums) {
    whole.right += s.weight > 0 ? s.right : 0;
    whole.top5 += s.weight > 0 ? s.top5 : 0;
    whole.loss += s.weight > 0 ? s.loss : 0;
    whole.weight += s.weight;
    all.without_answer += int64_t(s.without_answer);
  }
  all.accuracy = whole.right / whole.weight;
  all.top5 = whole.top5 / whole.weight;
  all.loss = whole.loss / whole.weight;
  all.counted = int64_t(whole.weight);
  if (!all.losses.empty()) {
    all.loss = 0;
    for (const double loss : all.losses) all.loss += loss;
    all.loss /= double(all.losses.size());
  }
  std::string lines;
  for (const std::string& line : own.skipped) lines += line + '\n';
  for (const std::string& text : ranks.all_gather(lines)) {
    for (size_t at = 0; at < text.size();) {
      const size_t end = text.find('\n', at);
      all.skipped.push_back(text.substr(at, end - at));
      at = end + 1;
    }
  }
  return all;
}

}  // namespace papilio::nn
