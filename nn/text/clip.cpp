#include "nn/text/clip.h"

#include <algorithm>
#include <cstddef>

#include "nn/text/normalize.h"
#include "nn/text/split_pattern.h"
#include "nn/text/utf8.h"

namespace papilio::nn {

const std::string kClipPattern =
    R"(<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)";

std::string normalize_for_clip(std::string_view text) {
  const std::string composed = nfc(text);
  std::string spaced;
  bool space = false;
  for (size_t at = 0; at < composed.size();) {
    const size_t length = utf8_length(composed, at);
    const bool here = length > 0 && is_white_space(utf8_code_point(composed, at, length));
    if (!here)
      spaced.append(composed, at, std::max<size_t>(length, 1));
    else if (!space)
      spaced += ' ';
    space = here;
    at += std::max<size_t>(length, 1);
  }
  return lower_case(spaced);
}

void read_as_clip(Tokenizer::Parts& parts) {
  std::string pattern = kClipPattern;
  pattern.replace(pattern.find("\\s"), 2, kWhiteSpace);
  parts.pattern = SplitPattern(pattern);
  parts.only_matches = true;
  parts.normalize = normalize_for_clip;
  parts.before.clear(), parts.after.clear();
  if (parts.roles.bos) parts.before.push_back(*parts.roles.bos);
  if (parts.roles.eos) parts.after.push_back(*parts.roles.eos);
}

bool reads_as_clip(const Tokenizer::Parts& parts) {
  using Normalize = std::string (*)(std::string_view);
  const Normalize* const normalize = parts.normalize.target<Normalize>();
  return normalize != nullptr && *normalize == normalize_for_clip;
}

}  // namespace papilio::nn
