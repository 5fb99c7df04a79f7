// The commands of papilio. Each takes the words behind its name and returns the exit code; a new
// one is declared here, and has an entry in the table.
#pragma once

#include "samples/papilio/options/options.h"

namespace papilio::cli {

int train(const Words& words);
int finetune(const Words& words);
int evaluate(const Words& words);
int merge(const Words& words);
int convert(const Words& words);
int predict(const Words& words);
int explain(const Words& words);
int dreambooth(const Words& words);
int controlnet(const Words& words);
int generate(const Words& words);
int inspect(const Words& words);
int data(const Words& words);
int demo(const Words& words);

struct Command {
  const char* name;
  const char* summary;
  int (*run)(const Words&);
  bool in_ranks = false;  // mpirun may start several of it, which share the work
};

// In the order in which --help lists them.
inline constexpr Command kCommands[] = {
    {"train", "a vision transformer, a GPT-2 or a small Stable Diffusion from scratch", train,
     true},
    {"finetune", "adapt a model to new classes or a text: an adapter, a new head, or in full",
     finetune, true},
    {"dreambooth", "teach Stable Diffusion a subject from a few pictures", dreambooth, true},
    {"controlnet", "teach Stable Diffusion to be steered by a picture", controlnet, true},
    {"evaluate", "accuracy, loss and confusion matrix; of a text perplexity", evaluate},
    {"merge", "write an adapter into its model's weights", merge},
    {"convert",
     "an adapter as boft, oft, compact, peft, merged, transformers4 or transformers5; a model as\n"
     "             timm or transformers has it, or in nf4, fp4 or int8",
     convert},
    {"predict", "classes and probabilities of images; how likely a text is", predict},
    {"generate", "go on with a text, or make pictures of prompts", generate},
    {"inspect", "what a model, an adapter or a .safetensors file holds", inspect},
    {"explain", "pictures of a butterfly (d, b, m), or of an adapter's rotations", explain},
    {"data", "what a data set holds, and what of it is corrupt", data},
    {"demo", "the whole story: pretrain, adapt by BOFT, OFT, LoRA, probe and in full, report",
     demo},
};

}  // namespace papilio::cli
