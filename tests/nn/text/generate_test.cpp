#include "nn/text/generate.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "nn/models/gpt2.h"
#include "nn/text/text_stream.h"
#include "nn/text/tokenizer_files.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/error.h"
#include "tensor/random.h"
#include "tests/paths.h"

namespace papilio::test {

namespace {

using Ids = std::vector<int64_t>;

nn::GPT2LMHeadModel tiny() {
  manual_seed(3);
  nn::GPT2LMHeadModel model({.vocab_size = 12,
                             .n_positions = 16,
                             .n_embd = 8,
                             .n_layer = 1,
                             .n_head = 2,
                             .initializer_range = 0.5});
  return model;
}

std::vector<double> probabilities(const nn::GenerationOptions& options, const Ids& seen = {}) {
  return nn::token_probabilities({std::log(0.1), std::log(0.4), std::log(0.2), std::log(0.3)}, seen,
                                 options);
}

void expect(const std::vector<double>& got, const std::vector<double>& want) {
  REQUIRE(got.size() == want.size());
  for (size_t i = 0; i < got.size(); ++i) CHECK(got[i] == doctest::Approx(want[i]));
}

}  // namespace

TEST_CASE("token_probabilities: temperature, the likeliest ones, and the penalty, by hand") {
  expect(probabilities({}), {0.1, 0.4, 0.2, 0.3});
  expect(probabilities({.temperature = 0}), {0, 1, 0, 0});
  expect(probabilities({.temperature = 0.5}), {0.01 / 0.3, 0.16 / 0.3, 0.04 / 0.3, 0.09 / 0.3});
  expect(probabilities({.top_k = 2}), {0, 4 / 7.0, 0, 3 / 7.0});
  expect(probabilities({.top_k = 9}), {0.1, 0.4, 0.2, 0.3});
  expect(probabilities({.top_p = 0.85}), {0, 4 / 9.0, 2 / 9.0, 3 / 9.0});
  expect(probabilities({.top_p = 0.01}), {0, 1, 0, 0});
  // All logits are negative: those seen are multiplied, once each.
  expect(probabilities({.repetition_penalty = 2}, {1, 1}),
         {0.1 / 0.76, 0.16 / 0.76, 0.2 / 0.76, 0.3 / 0.76});
}

TEST_CASE("generate: the seed decides, with the cache and without, and each token is told") {
  nn::GPT2LMHeadModel model = tiny();
  const Ids prompt{1, 2};
  nn::GenerationOptions options{.max_new_tokens = 12, .seed = 5};
  Ids told;
  const nn::Generation first = nn::generate(model, prompt, options, [&](int64_t id) {
    told.push_back(id);
    return true;
  });
  CHECK(first.ids.size() == 12);
  CHECK(first.reason == nn::StopReason::length);
  CHECK(told == first.ids);
  CHECK(nn::generate(model, prompt, options).ids == first.ids);
  options.use_cache = false;
  CHECK(nn::generate(model, prompt, options).ids == first.ids);
  options.seed = 6;
  CHECK(nn::generate(model, prompt, options).ids != first.ids);
  CHECK(model.training);
}

TEST_CASE("generate: draws come as often as their probabilities say") {
  nn::GPT2LMHeadModel model = tiny();
  const Ids prompt{1};
  std::vector<double> count(12), want(12);
  constexpr int kDraws = 1000;
  for (int i = 0; i < kDraws; ++i)
    ++count[size_t(nn::generate(model, prompt, {.max_new_tokens = 1, .seed = uint64_t(i)}).ids[0])];
  nn::eval(model);
  const auto logits = model(tensor<int64_t>({1}, {1, 1})).to_vector<double>();
  want = nn::token_probabilities(logits, prompt, {});
  double chi2 = 0;
  for (size_t i = 0; i < 12; ++i) {
    const double expected = want[i] * kDraws;
    if (expected > 0) chi2 += (count[i] - expected) * (count[i] - expected) / expected;
  }
  CHECK(chi2 < 31.3);  // of 11 degrees of freedom, passed once in 1,000 times
}

TEST_CASE("generate: where it ends") {
  nn::GPT2LMHeadModel model = tiny();
  const Ids prompt{1, 2};
  const Ids all = nn::generate(model, prompt, {.max_new_tokens = 40, .seed = 5}).ids;
  CHECK(all.size() == 15);  // 16 tokens are looked at, and one more is what comes behind them
  CHECK(nn::generate(model, prompt, {.max_new_tokens = 40, .seed = 5}).reason ==
        nn::StopReason::context);
  const nn::Generation ended =
      nn::generate(model, prompt, {.max_new_tokens = 40, .seed = 5, .eos_token_ids = {all[0]}});
  CHECK(ended.ids == Ids{all[0]});
  CHECK(ended.reason == nn::StopReason::eos);
  const nn::Generation asked =
      nn::generate(model, prompt, {.seed = 5}, [](int64_t) { return false; });
  CHECK(asked.ids.size() == 1);
  CHECK(asked.reason == nn::StopReason::asked);
}

TEST_CASE("generate: wrong uses") {
  nn::GPT2LMHeadModel model = tiny();
  const Ids one{1};
  CHECK_THROWS_WITH_AS(nn::generate(model, {}, {}), "generate: the prompt has no token",
                       ArgumentError);
  CHECK_THROWS_WITH_AS(nn::generate(model, Ids(17, 1), {}),
                       "generate: the prompt has 17 tokens, the model looks at 16", ArgumentError);
  CHECK_THROWS_WITH_AS(nn::generate(model, one, {.temperature = -1}),
                       "generate: expected a temperature >= 0, got -1", ArgumentError);
  CHECK_THROWS_WITH_AS(nn::generate(model, one, {.top_p = 0}),
                       "generate: expected top_p in (0, 1], got 0", ArgumentError);
  fill_(model.transformer.ln_f.weight, NAN);
  CHECK_THROWS_WITH_AS(nn::generate(model, one, {}),
                       "generate: the model's logits are not finite numbers", Error);
}

TEST_CASE("TextStream: whole characters, and no beginning of a stop string") {
  const nn::Tokenizer tokenizer =
      nn::load_tokenizer(std::filesystem::path(source_root) / "tests/golden/tokenizer");
  std::vector<std::string> given;
  const auto stream = [&](const std::string& text, std::vector<std::string> stop) {
    given.clear();
    nn::TextStream out(tokenizer, std::move(stop), [&](auto part) { given.emplace_back(part); });
    bool on = true;
    for (const char byte : text)  // one token a byte
      for (const int64_t id : tokenizer.encode({&byte, 1})) on = on && out.add(id);
    out.finish();
    return out.text() + (on ? "" : "|");
  };
  CHECK(stream("a\u4f60b", {}) == "a\u4f60b");
  CHECK(given == std::vector<std::string>{"a", "\u4f60", "b"});
  CHECK(stream("ab\n\ncd", {"\n\n"}) == "ab|");
  CHECK(given == std::vector<std::string>{"a", "b"});
  CHECK(stream("a\nb", {"\n\n"}) == "a\nb");
  CHECK(given == std::vector<std::string>{"a", "\nb"});
  CHECK(stream("aab", {"ab", "b"}) == "a|");
  CHECK(stream("a\xe4\xbd", {}) == "a\ufffd");
  CHECK(stream("\xff", {}) == "\ufffd");
}

TEST_CASE("generate: rows that pad a vocabulary beyond the tokenizer's are never drawn") {
  const std::vector<int64_t> seen = {1, 3};
  nn::GenerationOptions options{.repetition_penalty = 2, .known_tokens = 2};
  const std::vector<double> p = nn::token_probabilities({1, 2, 30, 40}, seen, options);
  REQUIRE(p.size() == 2);  // the logits are 1 and 2 / 2
  CHECK(p[0] == doctest::Approx(0.5));
  options.known_tokens = 9;
  CHECK(nn::token_probabilities({1, 2, 30, 40}, seen, options).size() == 4);
  options.temperature = 0, options.known_tokens = 3;
  CHECK(nn::token_probabilities({1, 2, 30, 40}, seen, options)[2] == 1);
  options.known_tokens = -1;
  CHECK_THROWS_WITH_AS(nn::token_probabilities({1, 2}, seen, options),
                       "generate: expected known_tokens >= 0, got -1", ArgumentError);
}

}  // namespace papilio::test
