#include "samples/papilio/text/text_data.h"

#include <algorithm>

#include "nn/data/sources/text.h"
#include "nn/data/text_batches.h"
#include "samples/papilio/data/data_kinds.h"
#include "samples/papilio/data/known_split.h"
#include "samples/papilio/options/option.h"

namespace papilio::cli {

void check_text_options(const TextCommand& c, const std::vector<std::string>& folders) {
  DataSettings& data = c.data;
  check<UsageError>(c.options.given(&data.path), "--data: a language model wants ", kTextSources);
  check_shares(data);
  warn(c.options, take_known_split(c.options, c.data, folders, &c.text.length));
}

namespace {

// The number of inputs of the longest sample: `most` at most, as packed ones have, but for the
// last.
int64_t longest(const nn::TextData& part, int64_t most) {
  int64_t tokens = 0;
  for (int64_t i = 0; part != nullptr && i < part->size() && tokens < most; ++i)
    tokens = std::max(tokens, int64_t(part->sample(i).ids.size()) - 1);
  return tokens;
}

}  // namespace

TrainingData text_parts(const TextCommand& c, int64_t most, const nn::Tokenizer& tokenizer) {
  const DataSettings& data = c.data;
  settle_sequence_length(c.options, c.text.length, most);
  const nn::TextSplits text = nn::open_text(
      data.path, tokenizer,
      {.length = c.text.length,
       .pack = !c.text.no_pack,
       .shares = {data.validation_share, data.test_share, uint64_t(data.split_seed)}});
  const int64_t padding = tokenizer.roles().pad.value_or(tokenizer.roles().eos.value_or(0));
  const auto batches = [&](const nn::TextData& part) {
    return part == nullptr || part->size() == 0 ? nullptr : nn::text_batches(part, padding);
  };
  TrainingData parts;
  parts.train = batches(text.train);
  parts.validation = batches(text.validation);
  parts.test = batches(text.test);
  parts.workers = data.workers;
  parts.evaluation_batch = c.batch_size;
  for (const nn::TextData& part : {text.train, text.validation, text.test})
    parts.sequence_length = std::max(parts.sequence_length, longest(part, c.text.length));
  return parts;
}

}  // namespace papilio::cli
