#include "samples/papilio/text/text_generate.h"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "nn/text/generate.h"
#include "nn/text/text_stream.h"
#include "nn/text/tokenizer.h"
#include "samples/papilio/models/language_model.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/output/table.h"

namespace papilio::cli {

namespace {

// The text without what a terminal would obey; lines stay lines.
std::string readable(std::string_view text) {
  std::string result;
  for (const char c : text)
    result += c == '\n' || c == '\t' ? std::string(1, c) : printable({&c, 1});
  return result;
}

const char* name_of(nn::StopReason reason) {
  switch (reason) {
    case nn::StopReason::eos:
      return "eos";
    case nn::StopReason::length:
      return "length";
    case nn::StopReason::context:
      return "context";
    case nn::StopReason::asked:
      return "stop";
  }
  return "";
}

}  // namespace

int generate_text(const Options& options, const TextPrompt& p, Common& common) {
  const Device device = device_of(common);
  check<UsageError>(p.top_p > 0, "--top-p: expected a probability above 0, got 0");
  set_threads(common);
  check<FileError>(holds_language_model(p.model), p.model,
                   ": is no language model; predict says what it answers to images");
  LoadedLanguageModel loaded = load_language_model(p.model, p.adapter, p.ignore_unused);
  warn(options, loaded.warnings);
  loaded.to(device);
  const nn::Tokenizer& tokenizer = *loaded.tokenizer;
  nn::GenerationOptions how{.max_new_tokens = p.max_new_tokens,
                            .temperature = p.temperature,
                            .top_k = p.top_k,
                            .top_p = p.top_p,
                            .repetition_penalty = p.repetition_penalty,
                            .eos_token_ids = loaded.model->eos_token_ids(),
                            .known_tokens = tokenizer.size(),
                            .use_cache = !p.no_cache};
  if (how.eos_token_ids.empty() && tokenizer.roles().eos)
    how.eos_token_ids = {*tokenizer.roles().eos};
  const std::vector<int64_t> prompt = ids_of(tokenizer, p.prompt, "--prompt");
  check<UsageError>(!prompt.empty(), "--prompt: is empty");
  const int64_t most = loaded.model->shape().max_positions;
  check<UsageError>(int64_t(prompt.size()) <= most, "--prompt: has ", prompt.size(),
                    " tokens, the model looks at ", most);

  nlohmann::json texts = nlohmann::json::array();
  const auto begin = std::chrono::steady_clock::now();
  int64_t tokens = 0;
  for (int64_t i = 0; i < p.samples; ++i) {
    if (!common.json) {
      if (i > 0) std::printf("\n\n");
      std::printf("%s", readable(p.prompt).c_str());
      std::fflush(stdout);
    }
    nn::TextStream stream(tokenizer, p.stop, [&](std::string_view text) {
      if (common.json) return;
      std::fputs(readable(text).c_str(), stdout);
      std::fflush(stdout);
    });
    how.seed = uint64_t(p.seed + i);
    const nn::Generation result =
        nn::generate(*loaded.model, prompt, how, [&](int64_t id) { return stream.add(id); });
    stream.finish();
    tokens += int64_t(result.ids.size());
    texts.push_back({{"text", stream.text()},
                     {"ids", result.ids},
                     {"seed", how.seed},
                     {"ended_by", name_of(result.reason)}});
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  const double rate = double(tokens) / seconds.count();
  if (common.json) {
    print_json({{"command", "generate"},
                {"device", str(device)},
                {"model", p.model},
                {"adapter", or_null(p.adapter)},
                {"prompt", p.prompt},
                {"prompt_tokens", prompt.size()},
                {"texts", texts},
                {"tokens_per_second", rate}});
  } else {
    std::printf("\n");
    std::fflush(stdout);
    if (common.progress() != nullptr)
      std::fprintf(stderr, "%lld tokens, %s a second\n", static_cast<long long>(tokens),
                   short_number(rate).c_str());
  }
  return 0;
}

}  // namespace papilio::cli
