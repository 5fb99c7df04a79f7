#include "samples/papilio/options/text_options.h"

#include <algorithm>

#include "samples/papilio/options/keys.h"
#include "samples/papilio/options/option.h"

namespace papilio::cli {

void add_sequence_length(Options& options, int64_t& length) {
  options
      .add(kSequenceLengthKey, &length, "N",
           "language models: tokens that a sample predicts, at most what the model looks at")
      .range(1, 1e6);
}

void add_text(Options& options, TextSettings& s) {
  options.section("Text");
  add_sequence_length(options, s.length);
  options.flag("no-pack", s.no_pack,
               "language models: each text, or line of .jsonl, a sample of its own, instead of all "
               "in pieces of one length");
}

void settle_sequence_length(const Options& options, int64_t& length, int64_t most) {
  check<UsageError>(!options.given(&length) || length <= most,
                    "--sequence-length: the model looks at ", most, " tokens, got ", length);
  length = std::min(length, most);
}

void refuse_text(Options& options, const TextSettings& s) {
  options.applies_when(false, {&s.length, &s.no_pack}, kLanguageModel);
}

}  // namespace papilio::cli
