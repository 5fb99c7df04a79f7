#include "nn/data/sources/text.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "autograd/ops.h"
#include "nn/data/loader.h"
#include "nn/data/text_batches.h"
#include "nn/models/gpt2.h"
#include "nn/optim/parameter_groups.h"
#include "nn/text/tokenizer_files.h"
#include "nn/text/train_bpe.h"
#include "nn/train/evaluate_text.h"
#include "nn/train/fit.h"
#include "nn/train/training_state.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/error.h"
#include "tensor/files/safetensors.h"
#include "tensor/random.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

namespace {

using Ids = std::vector<int64_t>;

// 256 bytes and <|endoftext|> (0): a token a byte.
const nn::Tokenizer& bytes() {
  static const nn::Tokenizer tokenizer = nn::train_tokenizer({}, {.vocab_size = 257});
  return tokenizer;
}

nn::TextSplits open(const std::filesystem::path& path, const nn::TextOptions& options) {
  return nn::open_text(path, bytes(), options);
}

// The whole text of a part, its pieces one behind the other.
std::string text_of(const nn::TextData& data) {
  std::string text;
  for (int64_t i = 0; i < data->size(); ++i) {
    const Ids ids = data->sample(i).ids;
    text += bytes().decode(std::vector<int64_t>(ids.begin(), ids.end() - (i + 1 < data->size())));
  }
  return text;
}

void refused(const std::filesystem::path& path, const std::string& message) {
  CHECK_THROWS_WITH_AS(open(path, {}), (path.string() + message).c_str(), FileError);
}

}  // namespace

TEST_CASE("open_text: a file in pieces, in which each token is predicted once") {
  const TemporaryFolder folder;
  write_bytes(folder / "a.txt", "The quick brown fox");
  const nn::TextSplits splits =
      open(folder / "a.txt", {.length = 6, .shares = {.validation = 0, .test = 0}});
  REQUIRE(splits.train->size() == 4);
  CHECK(splits.validation == nullptr);
  CHECK(text_of(splits.train) == "The quick brown fox<|endoftext|>");
  size_t predicted = 0;
  for (int64_t i = 0; i < 4; ++i) predicted += splits.train->sample(i).ids.size() - 1;
  CHECK(predicted == 19);
  CHECK(splits.train->name(1) == (folder / "a.txt").string() + ", tokens 6 to 12");
  CHECK(splits.train->files(1) == std::vector{folder / "a.txt"});
}

TEST_CASE("open_text: a folder's files by their names, and what is held out of the others") {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "validation");
  write_bytes(folder / "train.txt", std::string(300, 'a'));
  write_bytes(folder / "validation/b.txt", "bbb");
  const nn::TextSplits splits =
      open(folder.path(), {.length = 10, .shares = {.validation = 0.2, .test = 0.2}});
  CHECK(text_of(splits.validation) == "bbb<|endoftext|>");
  CHECK(splits.train->size() == 24);
  CHECK(splits.test->size() == 6);
}

TEST_CASE("open_text: of records the completion counts, and each is a sample") {
  const TemporaryFolder folder;
  write_bytes(folder / "r.jsonl",
              "{\"prompt\": \"ab\", \"completion\": \"cd\"}\n\n"
              "{\"prompt\": \"\", \"completion\": \"e\"}\n{\"text\": \"fgh\"}\n");
  const nn::TextSplits splits =
      open(folder / "r.jsonl", {.length = 8, .shares = {.validation = 0, .test = 0}});
  const nn::Batch batch = nn::whole_batch(*nn::text_batches(splits.train, 0));
  const int64_t _ = nn::kIgnored;
  const auto id = [](char c) { return bytes().encode(std::string(1, c))[0]; };
  CHECK(batch.inputs.shape() == Dims{3, 4});
  CHECK(batch.inputs.to_vector<int64_t>() ==
        Ids{id('a'), id('b'), id('c'), id('d'), id('e'), 0, 0, 0, id('f'), id('g'), id('h'), 0});
  CHECK(batch.labels.to_vector<int64_t>() ==
        Ids{_, id('c'), id('d'), 0, 0, _, _, _, id('g'), id('h'), 0, _});
  // Too long: of a record the end of the prompt and the beginning of the completion stay.
  const nn::TokenSequence s =
      open(folder / "r.jsonl", {.length = 2, .shares = {.validation = 0, .test = 0}})
          .train->sample(0);
  CHECK(s.ids == Ids{id('b'), id('c'), id('d')});
  CHECK(s.counted == 1);
}

TEST_CASE("open_text: tokens stay in the file, and a sequence may be a line of its own") {
  const TemporaryFolder folder;
  const Ids ids = bytes().encode("hello world");
  nn::save_tokens(folder / "t.safetensors", ids);
  const nn::TextOptions all{.length = 4, .shares = {.validation = 0, .test = 0}};
  CHECK(text_of(open(folder / "t.safetensors", all).train) == "hello world");
  write_bytes(folder / "l.jsonl", "{\"text\": \"ab\"}\n{\"text\": \"cde\"}\n");
  nn::TextOptions each = all;
  each.pack = false;
  const nn::TextData lines = open(folder / "l.jsonl", each).train;
  CHECK(lines->size() == 2);
  CHECK(nn::text_batches(lines, 0)->files(1) == std::vector{folder / "l.jsonl"});
  CHECK(text_of(open(folder / "l.jsonl", all).train) == "ab<|endoftext|>cde<|endoftext|>");
}

TEST_CASE("open_text: what is broken, with the file and the place") {
  const TemporaryFolder folder;
  write_bytes(folder / "a.txt", "abc\xff");
  refused(folder / "a.txt", ": byte 3 is not UTF-8");
  write_bytes(folder / "z.txt", "\x1f\x8b\x08");
  refused(folder / "z.txt", ": is gzip data, expected text in UTF-8");
  write_bytes(folder / "z.jsonl", "\x1f\x8b\x08");
  refused(folder / "z.jsonl", ":1: is gzip data, expected text in UTF-8");
  write_bytes(folder / "r.jsonl", "{\"text\": \"a\"}\n{\"text\": \"caf\xe9\"}\n");
  refused(folder / "r.jsonl", ":2: byte 13 is not UTF-8");
  write_bytes(folder / "e.txt", "");
  refused(folder / "e.txt", ": has no token to learn");
  refused(folder / "none.txt", ": there is no such file");
  write_bytes(folder / "r.jsonl", "{\"text\": \"a\"}\n{\"prompt\": \"a\"}\n");
  refused(folder / "r.jsonl",
          ":2: completion: expected \"text\", or \"prompt\" and \"completion\", got nothing");
  write_bytes(folder / "r.jsonl", "{\"text\": 1}\n");
  refused(folder / "r.jsonl", ":1: text: expected a string, got 1");
  save_safetensors(folder / "t.safetensors", {{"tokens", tensor<int32_t>({1, 300})}});
  refused(folder / "t.safetensors", ": token 1 is 300, which the tokenizer does not have");
  save_safetensors(folder / "t.safetensors", {{"tokens", tensor<float>({1, 3})}});
  refused(folder / "t.safetensors",
          ": tokens: expected (N) int32 or int64 with N >= 2, got float32 (2)");
  std::filesystem::create_directory(folder / "empty");
  refused(folder / "empty", ": holds no text (files .txt, .jsonl or .safetensors)");
}

TEST_CASE("open_text: a character without a token, with the file and the line") {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "small");
  write_bytes(folder / "small/tokenizer.json",
              R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "\u010a": 2}, "merges": []},
                 "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}})");
  const nn::Tokenizer small = nn::load_tokenizer(folder / "small");
  const auto open_it = [&](const char* name) { nn::open_text(folder / name, small, {}); };
  write_bytes(folder / "a.txt", "ab\nba\nxa\nab\n");
  CHECK_THROWS_WITH_AS(
      open_it("a.txt"),
      ((folder / "a.txt").string() + ":3: Bpe: \"x\" is no token of the vocabulary, "
                                     "and there is no unk_token")
          .c_str(),
      FileError);
  write_bytes(folder / "r.jsonl",
              "{\"text\": \"ab\"}\n{\"prompt\": \"a\", \"completion\": \"b\\nx\"}\n");
  CHECK_THROWS_WITH_AS(
      open_it("r.jsonl"),
      ((folder / "r.jsonl").string() + ":2: Bpe: \"x\" is no token of the vocabulary, "
                                       "and there is no unk_token")
          .c_str(),
      FileError);
}

namespace {

nn::GPT2LMHeadModel tiny_model() {
  manual_seed(7);
  return nn::GPT2LMHeadModel({.vocab_size = 257,
                              .n_positions = 16,
                              .n_embd = 16,
                              .n_layer = 1,
                              .n_head = 2,
                              .resid_pdrop = 0,
                              .embd_pdrop = 0.1,
                              .attn_pdrop = 0});
}

struct Run {
  nn::GPT2LMHeadModel model = tiny_model();
  nn::Loader loader;
  nn::AdamW optimizer;
  Run(const std::filesystem::path& text, int64_t workers)
      : loader(nn::text_batches(
                   open(text, {.length = 12, .shares = {.validation = 0, .test = 0}}).train),
               {.batch_size = 4, .seed = 3, .workers = workers}),
        optimizer(nn::parameter_groups(model, {}), {.lr = 1e-2}) {}
  void train(int64_t first, int64_t steps) {
    nn::fit(
        model, [this](const nn::Batch& b) { return nn::text_loss(model, b); }, loader, optimizer,
        {.steps = steps, .first_step = first, .schedule = {.kind = nn::Schedule::Kind::constant}});
  }
};

}  // namespace

TEST_CASE(
    "text: training repeats bit for bit, with workers and without, and goes on from a state") {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 60; ++i) text += "the cat sat on the mat. ";
  write_bytes(folder / "a.txt", text);
  const auto weights = [](Run& run) { return run.model.transformer.wte.weight.to_vector(); };
  Run one(folder / "a.txt", 0), two(folder / "a.txt", 2), parts(folder / "a.txt", 1);
  manual_seed(1), one.train(0, 12);
  manual_seed(1), two.train(0, 12);
  CHECK(weights(one) == weights(two));
  manual_seed(1), parts.train(0, 5);
  Run resumed(folder / "a.txt", 0);
  nn::load_state_dict(resumed.model, nn::state_dict(parts.model));
  resumed.loader.set_state(parts.loader.state());
  CHECK(resumed.loader.state() == parts.loader.state());
  CHECK(resumed.loader.next().inputs.to_vector<int64_t>() ==
        parts.loader.next().inputs.to_vector<int64_t>());
  write_bytes(folder / "b.txt", text + "x");
  Run other(folder / "b.txt", 0);
  CHECK_THROWS_AS(other.loader.set_state(parts.loader.state()), ArgumentError);
}

TEST_CASE("text: batches of a step weigh as many tokens as they teach, not sequences") {
  const TemporaryFolder folder;
  write_bytes(folder / "a.jsonl",
              "{\"text\": \"ab\"}\n{\"prompt\": \"the cat\", \"completion\": \" sat on\"}\n");
  const nn::TextData data =
      open(folder / "a.jsonl", {.length = 15, .shares = {.validation = 0, .test = 0}}).train;
  const auto weights = [&](int64_t batch_size, int64_t accumulation_steps) {
    nn::GPT2LMHeadModel model = tiny_model();
    model.transformer.drop.p = 0;
    nn::Loader loader(nn::text_batches(data), {.batch_size = batch_size, .shuffle = false});
    nn::Sgd optimizer(nn::parameter_groups(model, {}), {.lr = 1});
    nn::fit(model, [&](const nn::Batch& b) { return nn::text_loss(model, b); }, loader, optimizer,
            {.steps = 1,
             .accumulation_steps = accumulation_steps,
             .schedule = {.kind = nn::Schedule::Kind::constant},
             .max_gradient_norm = 1e9});
    return copy_of(model.transformer.wte.weight.detach());
  };
  Generator generator;
  CHECK(nn::text_batches(data)->batch({0}, generator).weight() == 2);  // b, and the end
  CHECK(nn::text_batches(data)->batch({0, 1}, generator).weight() == 10);
  const Tensor together = weights(2, 1), accumulated = weights(1, 2);
  CHECK(max(abs(together - accumulated)).item() < 1e-6);
  CHECK(max(abs(together - tiny_model().transformer.wte.weight.detach())).item() > 1e-3);
}

TEST_CASE("evaluate_text: nats a token, bits a byte, and what training makes of them") {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 60; ++i) text += "the cat sat on the mat. ";
  write_bytes(folder / "a.txt", text);
  Run run(folder / "a.txt", 0);
  nn::Loader loader(
      nn::text_batches(
          open(folder / "a.txt", {.length = 12, .shares = {.validation = 0, .test = 0}}).train),
      {.batch_size = 5, .epochs = 1, .shuffle = false});
  // All logits alike: log 257 nats for each of 1,440 tokens, the last of which is no byte.
  fill_(run.model.transformer.ln_f.weight, 0);
  nn::TextEvaluation e = nn::evaluate_text(run.model, loader, bytes());
  CHECK(e.tokens == 1440);
  CHECK(e.bytes == 1439);
  CHECK(e.loss == doctest::Approx(std::log(257)));
  CHECK(e.perplexity() == doctest::Approx(257));
  CHECK(e.bits_per_byte() == doctest::Approx(std::log2(257) * 1440 / 1439));
  fill_(run.model.transformer.ln_f.weight, 1);
  run.train(0, 60);
  nn::Loader again(
      nn::text_batches(
          open(folder / "a.txt", {.length = 12, .shares = {.validation = 0, .test = 0}}).train),
      {.batch_size = 5, .epochs = 1, .shuffle = false});
  e = nn::evaluate_text(run.model, again, bytes());
  CHECK(e.perplexity() < 3);
  CHECK(e.accuracy > 0.7);
}

}  // namespace papilio::test
