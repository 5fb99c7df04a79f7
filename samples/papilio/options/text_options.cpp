#include "samples/papilio/options/text_options.h"

#include "samples/papilio/options/keys.h"

namespace papilio::cli {

void add_text(Options& options, TextSettings& s) {
  options.section("Text");
  options
      .add(kSequenceLengthKey, &s.length, "N",
           "language models: tokens that a sample predicts, at most what the model looks at")
      .range(1, 1e6);
  options.flag("no-pack", s.no_pack,
               "language models: each text, or line of .jsonl, a sample of its own, instead of all "
               "in pieces of one length");
}

void refuse_text(Options& options, const TextSettings& s) {
  options.applies_when(false, {&s.length, &s.no_pack}, kLanguageModel);
}

}  // namespace papilio::cli
