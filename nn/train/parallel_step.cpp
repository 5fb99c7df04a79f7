#include "nn/train/detail/parallel_step.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <sstream>

#include "autograd/backward.h"
#include "autograd/gradient_watch.h"
#include "autograd/ops/arithmetic.h"
#include "kernels/threads.h"
#include "nn/parallel/communicator.h"
#include "nn/parallel/detail/sum_in_order.h"
#include "nn/train/detail/accumulate.h"
#include "tensor/batch_rows.h"
#include "tensor/creation.h"
#include "tensor/random.h"

namespace papilio::nn {

// What ranks tell each other of a step.
struct ParallelStep::Sums {
  int64_t samples = 0, weight = 0, skipped = 0;
  uint64_t offset = 0;  // of the default generator
  bool stale = false;
  std::vector<double> losses = {};  // a sum over the samples of each part, in the parts' order
};

ParallelStep::ParallelStep(const DataParallel& parallel, const std::vector<Tensor>& parameters)
    : parallel_(parallel),
      parameters_(parameters),
      own_(parallel.parts()),
      buckets_(parallel.ranks, parallel.reproducible_parts > 0 ? std::vector<Tensor>() : parameters,
               parallel.gradients) {
  if (parallel.reproducible_parts == 0) return;
  flat_ = std::make_unique<FlatGradients>(parameters);
  for (int64_t p = own_.begin; p < own_.end; ++p) part_grads_.push_back(zeros({flat_->size()}));
  // A product's bits depend on the number of threads.
  threads_before_ = num_threads();
  set_num_threads(1);
}

ParallelStep::~ParallelStep() {
  if (threads_before_ > 0) set_num_threads(threads_before_);
}

// Adds the gradients of one part's share of the mean loss over `whole` samples; returns its sum of
// losses.
double ParallelStep::compute(const Loss& mean_loss, const std::vector<Batch>& part, double whole,
                             bool watched) {
  const auto last =
      std::ranges::find_if(part.rbegin(), part.rend(), [](const Batch& b) { return b.size() > 0; });
  double sum = 0;
  std::optional<GradientWatch> watch;
  for (const Batch& batch : part) {
    if (batch.size() == 0) continue;
    const DrawForRows rows(rows_of(batch));
    const Tensor loss = mean_loss(batch);
    if (watched && &batch == &*last) watch.emplace(buckets_.watcher());
    backward(loss * (double(batch.weight()) / whole));
    sum += loss.item() * double(batch.weight());
  }
  return sum;
}

ParallelStep::Sums ParallelStep::exchange(const Sums& own) {
  Communicator& ranks = parallel_.ranks;
  const auto most = size_t((own_.count + ranks.size() - 1) / ranks.size());
  std::vector<double> mine = {double(own.samples), double(own.weight), double(own.skipped),
                              double(own.offset), double(own.stale)};
  const size_t head = mine.size(), each = head + most;
  mine.insert(mine.end(), own.losses.begin(), own.losses.end());
  mine.resize(each);
  std::vector<double> all(each * size_t(ranks.size()));
  ranks.wait(ranks.start({.kind = Collective::Kind::all_gather,
                          .from = mine.data(),
                          .to = all.data(),
                          .count = int64_t(each),
                          .dtype = DType::float64}));
  Sums sums;
  for (int r = 0; r < ranks.size(); ++r) {
    const double* theirs = all.data() + size_t(r) * each;
    sums.samples += int64_t(theirs[0]);
    sums.weight += int64_t(theirs[1]);
    sums.skipped += int64_t(theirs[2]);
    sums.offset = std::max(sums.offset, uint64_t(theirs[3]));
    sums.stale = sums.stale || theirs[4] != 0;
    const PartRange parts = parts_of_rank(own_.count, r, ranks.size());
    sums.losses.insert(sums.losses.end(), theirs + head, theirs + head + (parts.end - parts.begin));
  }
  return sums;
}

void ParallelStep::add_gradients(bool stale, double factor) {
  if (flat_ == nullptr) {
    if (stale) buckets_.again();
    buckets_.finish(factor);
    return;
  }
  const Tensor sum = empty({flat_->size()});
  std::vector<const float*> own;
  for (const Tensor& part : part_grads_) own.push_back(part.data<float>());
  sum_in_order(parallel_.ranks, own_.count, own, {sum.data<float>(), size_t(sum.numel())});
  flat_->unpack(sum, factor);
}

ParallelStep::Result ParallelStep::operator()(const Loss& mean_loss,
                                              const std::vector<std::vector<Batch>>& batches,
                                              const std::vector<std::string>& skipped) {
  // Each part draws what the whole batch would: its own samples' numbers, and those that are for
  // all.
  const GeneratorState begin = default_generator().state();
  double whole = 0;
  for (const auto& parts : batches) whole += double(parts.front().rows.of);
  buckets_.begin();
  Sums own{.skipped = int64_t(skipped.size()), .offset = begin.offset};
  for (size_t p = 0; p < size_t(own_.end - own_.begin); ++p) {
    std::vector<Batch> part;
    part.reserve(batches.size());
    for (const auto& parts : batches) part.push_back(parts[p]);
    default_generator().set_state(begin);
    for (const Tensor& parameter : parameters_) zero_grad(parameter);
    own.losses.push_back(compute(mean_loss, part, whole, flat_ == nullptr));
    own.offset = std::max(own.offset, default_generator().state().offset);
    for (const Batch& batch : part) {
      own.samples += batch.size();
      if (batch.size() > 0) own.weight += batch.weight();
    }
    if (flat_ != nullptr) flat_->pack(part_grads_[p]);
  }
  if (flat_ == nullptr) own.stale = !buckets_.send_rest();
  const Sums all = exchange(own);
  add_gradients(all.stale, all.weight > 0 ? whole / double(all.weight) : 1);
  default_generator().set_state({begin.seed, all.offset});
  Result result{.samples = all.samples};
  if (parallel_.ranks.size() > 1) {
    result.gradient_messages = int64_t(buckets_.count());
    result.gradient_bytes = buckets_.bytes();
  }
  for (const double loss : all.losses) result.loss += loss;
  if (all.weight > 0) result.loss /= double(all.weight);
  if (all.skipped == 0) return result;
  std::string lines;
  for (const std::string& line : skipped) lines += line + '\n';
  for (const std::string& text : parallel_.ranks.all_gather(lines)) {
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);)
      if (std::ranges::count(result.skipped, line) == 0) result.skipped.push_back(line);
  }
  return result;
}

}  // namespace papilio::nn
