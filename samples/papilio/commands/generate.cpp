#include <algorithm>
#include <string>

#include "nn/diffusion/pipeline.h"
#include "samples/papilio/commands/commands.h"
#include "samples/papilio/diffusion/generate_pictures.h"
#include "samples/papilio/models/model.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/text/text_generate.h"

namespace papilio::cli {

namespace {

struct Settings {
  TextPrompt text;
  Common common;
};

Options declare(Settings& s) {
  TextPrompt& p = s.text;
  Options options("generate", "MODEL --prompt TEXT [options]",
                  "Goes on with a text as a language model (GPT-2) would, token by token, and "
                  "prints it while it comes. The same seed gives the same text. Of a Stable "
                  "Diffusion folder it makes pictures: papilio generate FOLDER --help.");
  options.section("What to generate");
  options.add("MODEL", &p.model, "", "model folder, with its tokenizer").required();
  options.add("p,prompt", &p.prompt, "TEXT", "what the text begins with").required().text();
  add_adapter(options, p.adapter, p.ignore_unused);
  options.add("max-new-tokens", &p.max_new_tokens, "N", "where the text ends at the latest")
      .range(1, 1e6);
  options.add("samples", &p.samples, "N", "texts, with seeds that follow each other").range(1, 1e4);
  options.add("stop", &p.stop, "TEXT", "end before this text; may be given several times").text();
  options.section("How tokens are chosen");
  options
      .add("temperature", &p.temperature, "T",
           "below 1 the likely ones come more often; 0: the likeliest each time")
      .range(0);
  options.add("top-k", &p.top_k, "K", "only the K likeliest; 0: all").range(0);
  options.add("top-p", &p.top_p, "P", "only the likeliest that together have this probability")
      .range(0, 1);
  options
      .add("repetition-penalty", &p.repetition_penalty, "R",
           "above 1: what was there already comes less often")
      .range(0.01);
  options.add("seed", &p.seed, "N", "of every random choice").range(0);
  options.flag("no-cache", p.no_cache, "look at all tokens again each time (slower, for checks)");
  add_common_and_device(options, s.common);
  options.example(
      "papilio generate gpt2 --prompt \"Once upon a time\" --temperature 0.8 --top-p 0.9");
  options.example(
      "papilio generate gpt2 --adapter runs/boft --prompt \"In the beginning\" --seed 3");
  options.example("papilio generate gpt2 -p \"1, 2, 3,\" --temperature 0 --json");
  return options;
}

}  // namespace

int generate(const Words& words) {
  // A folder of Stable Diffusion makes pictures, by options of its own.
  const auto is_pipeline = [](const std::string& word) { return nn::is_pipeline_folder(word); };
  if (std::ranges::any_of(words, is_pipeline)) return generate_pictures(words);
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  return generate_text(options, s.text, s.common);
}

}  // namespace papilio::cli
