#include "nn/text/generate.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <set>

#include "autograd/grad_mode.h"
#include "autograd/ops/shape.h"
#include "nn/eval_mode.h"
#include "nn/layers/kv_cache.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/random.h"

namespace papilio::nn {

namespace {

constexpr double kHidden = -std::numeric_limits<double>::infinity();

void check_options(const GenerationOptions& o) {
  check(o.max_new_tokens >= 1, "generate: expected max_new_tokens >= 1, got ", o.max_new_tokens);
  check(o.temperature >= 0 && std::isfinite(o.temperature),
        "generate: expected a temperature >= 0, got ", o.temperature);
  check(o.top_k >= 0, "generate: expected top_k >= 0, got ", o.top_k);
  check(o.top_p > 0 && o.top_p <= 1, "generate: expected top_p in (0, 1], got ", o.top_p);
  check(o.known_tokens >= 0, "generate: expected known_tokens >= 0, got ", o.known_tokens);
  check(o.repetition_penalty > 0 && std::isfinite(o.repetition_penalty),
        "generate: expected a repetition_penalty > 0, got ", o.repetition_penalty);
}

// Tokens, the likeliest first, those of equal logits by number.
std::vector<size_t> by_likelihood(const std::vector<double>& logits) {
  std::vector<size_t> order(logits.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return logits[a] > logits[b]; });
  return order;
}

std::vector<double> softmax(const std::vector<double>& logits) {
  const double most = *std::ranges::max_element(logits);
  std::vector<double> p(logits.size());
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) sum += p[i] = std::exp(logits[i] - most);
  for (double& x : p) x /= sum;
  return p;
}

// Keeps the logits that are not less than the k-th largest.
void keep_top_k(std::vector<double>& logits, int64_t k) {
  if (k == 0 || k >= int64_t(logits.size())) return;
  std::vector<double> sorted = logits;
  std::ranges::nth_element(sorted, sorted.begin() + k - 1, std::greater<>());
  const double least = sorted[size_t(k - 1)];
  for (double& x : logits)
    if (x < least) x = kHidden;
}

// Hides the least likely tokens that together have no more than 1 - p; the likeliest stays.
void keep_top_p(std::vector<double>& logits, double p) {
  if (p >= 1) return;
  const std::vector<double> probability = softmax(logits);
  const std::vector<size_t> order = by_likelihood(logits);
  double behind = 0;
  for (size_t i = order.size() - 1; i > 0; --i) {
    behind += probability[order[i]];
    if (behind > 1 - p) break;
    logits[order[i]] = kHidden;
  }
}

// The token where the running sum of the probabilities passes `u` in [0, 1).
int64_t draw(const std::vector<double>& probabilities, double u) {
  double sum = 0;
  int64_t last = 0;
  for (size_t i = 0; i < probabilities.size(); ++i) {
    if (probabilities[i] == 0) continue;
    sum += probabilities[i];
    last = int64_t(i);
    if (u < sum) break;
  }
  return last;  // rounding may leave the sum below u
}

// Logits of the token behind `ids`, the last of all so far; with the cache, ids that it lacks.
std::vector<double> next_logits(LanguageModel& model, std::span<const int64_t> ids,
                                KvCache* cache) {
  const Tensor x = copy_of(tensor<int64_t>({ids.begin(), ids.end()}, {1, int64_t(ids.size())}),
                           device_of(model));
  const Tensor hidden = model.hidden(x, cache);
  std::vector<double> logits =
      model.logits(slice(hidden, 1, int64_t(ids.size()) - 1)).to_vector<double>();
  for (const double logit : logits)
    check<Error>(!std::isnan(logit) && logit < std::numeric_limits<double>::infinity(),
                 "generate: the model's logits are not finite numbers");
  return logits;
}

}  // namespace

std::vector<double> token_probabilities(std::vector<double> logits, std::span<const int64_t> seen,
                                        const GenerationOptions& o) {
  check_options(o);
  const size_t all = logits.size();
  if (o.known_tokens > 0 && size_t(o.known_tokens) < all) logits.resize(size_t(o.known_tokens));
  if (o.repetition_penalty != 1) {
    for (const int64_t id : std::set<int64_t>(seen.begin(), seen.end())) {
      if (size_t(id) >= logits.size() && size_t(id) < all) continue;
      double& logit = logits.at(size_t(id));
      logit = logit < 0 ? logit * o.repetition_penalty : logit / o.repetition_penalty;
    }
  }
  if (o.temperature == 0) {
    const auto best = std::ranges::max_element(logits) - logits.begin();
    std::vector<double> p(logits.size(), 0);
    p[size_t(best)] = 1;
    return p;
  }
  for (double& logit : logits) logit /= o.temperature;
  keep_top_k(logits, o.top_k);
  keep_top_p(logits, o.top_p);
  return softmax(logits);
}

Generation generate(LanguageModel& model, std::span<const int64_t> prompt,
                    const GenerationOptions& options, const OnToken& on_token) {
  check_options(options);
  const int64_t most = model.shape().max_positions;
  check(!prompt.empty(), "generate: the prompt has no token");
  check(int64_t(prompt.size()) <= most, "generate: the prompt has ", prompt.size(),
        " tokens, the model looks at ", most);
  const EvalMode eval_mode(model);
  const NoGrad no_grad;
  KvCache cache(std::min(most, int64_t(prompt.size()) + options.max_new_tokens));
  std::vector<int64_t> all(prompt.begin(), prompt.end());
  Generation result;
  size_t known = 0;  // of `all`, by the cache
  for (int64_t i = 0; i < options.max_new_tokens; ++i) {
    if (int64_t(all.size()) > most) {
      result.reason = StopReason::context;
      break;
    }
    const std::vector<double> p = token_probabilities(
        next_logits(model, std::span(all).subspan(known), options.use_cache ? &cache : nullptr),
        all, options);
    if (options.use_cache) known = all.size();
    // One draw a token, whatever was drawn before.
    Generator generator(options.seed);
    generator.reserve(4 * uint64_t(i));
    const int64_t id = draw(p, rand({1}, {.dtype = DType::float64}, generator).item());
    all.push_back(id);
    result.ids.push_back(id);
    const bool ended = std::ranges::find(options.eos_token_ids, id) != options.eos_token_ids.end();
    if (ended) result.reason = StopReason::eos;
    if (on_token && !on_token(id) && !ended) {
      result.reason = StopReason::asked;
      break;
    }
    if (ended) break;
  }
  return result;
}

}  // namespace papilio::nn
