#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "nn/diffusion/pipeline.h"
#include "nn/text/generate.h"
#include "nn/text/text_stream.h"
#include "nn/text/tokenizer.h"
#include "samples/papilio/commands/commands.h"
#include "samples/papilio/diffusion/generate_pictures.h"
#include "samples/papilio/models/language_model.h"
#include "samples/papilio/models/model.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/output/table.h"

namespace papilio::cli {

namespace {

struct Settings {
  std::string model, adapter, prompt;
  std::vector<std::string> stop;
  int64_t max_new_tokens = 100, top_k = 0, samples = 1, seed = 0;
  double temperature = 1, top_p = 1, repetition_penalty = 1;
  bool no_cache = false, ignore_unused = false;
  Common common;
};

Options declare(Settings& s) {
  Options options("generate", "MODEL --prompt TEXT [options]",
                  "Goes on with a text as a language model (GPT-2) would, token by token, and "
                  "prints it while it comes. The same seed gives the same text. Of a Stable "
                  "Diffusion folder it makes pictures: papilio generate FOLDER --help.");
  options.section("What to generate");
  options.add("MODEL", &s.model, "", "model folder, with its tokenizer").required();
  options.add("p,prompt", &s.prompt, "TEXT", "what the text begins with").required();
  add_adapter(options, s.adapter, s.ignore_unused);
  options.add("max-new-tokens", &s.max_new_tokens, "N", "where the text ends at the latest")
      .range(1, 1e6);
  options.add("samples", &s.samples, "N", "texts, with seeds that follow each other").range(1, 1e4);
  options.add("stop", &s.stop, "TEXT", "end before this text; may be given several times");
  options.section("How tokens are chosen");
  options
      .add("temperature", &s.temperature, "T",
           "below 1 the likely ones come more often; 0: the likeliest each time")
      .range(0);
  options.add("top-k", &s.top_k, "K", "only the K likeliest; 0: all").range(0);
  options.add("top-p", &s.top_p, "P", "only the likeliest that together have this probability")
      .range(0, 1);
  options
      .add("repetition-penalty", &s.repetition_penalty, "R",
           "above 1: what was there already comes less often")
      .range(0.01);
  options.add("seed", &s.seed, "N", "of every random choice").range(0);
  options.flag("no-cache", s.no_cache, "look at all tokens again each time (slower, for checks)");
  add_common_and_device(options, s.common);
  options.example(
      "papilio generate gpt2 --prompt \"Once upon a time\" --temperature 0.8 --top-p 0.9");
  options.example(
      "papilio generate gpt2 --adapter runs/boft --prompt \"In the beginning\" --seed 3");
  options.example("papilio generate gpt2 -p \"1, 2, 3,\" --temperature 0 --json");
  return options;
}

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

int generate(const Words& words) {
  // A folder of Stable Diffusion makes pictures, by options of its own.
  const auto is_pipeline = [](const std::string& word) { return nn::is_pipeline_folder(word); };
  if (std::ranges::any_of(words, is_pipeline)) return generate_pictures(words);
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  const Device device = device_of(s.common);
  check<UsageError>(s.top_p > 0, "--top-p: expected a probability above 0, got 0");
  set_threads(s.common);
  check<FileError>(holds_language_model(s.model), s.model,
                   ": is no language model; predict says what it answers to images");
  LoadedLanguageModel loaded = load_language_model(s.model, s.adapter, s.ignore_unused);
  warn(options, loaded.warnings);
  loaded.to(device);
  const nn::Tokenizer& tokenizer = *loaded.tokenizer;
  nn::GenerationOptions how{.max_new_tokens = s.max_new_tokens,
                            .temperature = s.temperature,
                            .top_k = s.top_k,
                            .top_p = s.top_p,
                            .repetition_penalty = s.repetition_penalty,
                            .eos_token_ids = loaded.model->eos_token_ids(),
                            .known_tokens = tokenizer.size(),
                            .use_cache = !s.no_cache};
  if (how.eos_token_ids.empty() && tokenizer.roles().eos)
    how.eos_token_ids = {*tokenizer.roles().eos};
  const std::vector<int64_t> prompt = tokenizer.encode(s.prompt);
  check<UsageError>(!prompt.empty(), "--prompt: is empty");
  const int64_t most = loaded.model->shape().max_positions;
  check<UsageError>(int64_t(prompt.size()) <= most, "--prompt: has ", prompt.size(),
                    " tokens, the model looks at ", most);

  nlohmann::json texts = nlohmann::json::array();
  const auto begin = std::chrono::steady_clock::now();
  int64_t tokens = 0;
  for (int64_t i = 0; i < s.samples; ++i) {
    if (!s.common.json) {
      if (i > 0) std::printf("\n\n");
      std::printf("%s", readable(s.prompt).c_str());
      std::fflush(stdout);
    }
    nn::TextStream stream(tokenizer, s.stop, [&](std::string_view text) {
      if (s.common.json) return;
      std::fputs(readable(text).c_str(), stdout);
      std::fflush(stdout);
    });
    how.seed = uint64_t(s.seed + i);
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
  if (s.common.json) {
    print_json({{"command", "generate"},
                {"device", str(device)},
                {"model", s.model},
                {"adapter", or_null(s.adapter)},
                {"prompt", s.prompt},
                {"prompt_tokens", prompt.size()},
                {"texts", texts},
                {"tokens_per_second", rate}});
  } else {
    std::printf("\n");
    std::fflush(stdout);
    if (s.common.progress() != nullptr)
      std::fprintf(stderr, "%lld tokens, %s a second\n", static_cast<long long>(tokens),
                   short_number(rate).c_str());
  }
  return 0;
}

}  // namespace papilio::cli
