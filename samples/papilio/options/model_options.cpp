#include "samples/papilio/options/model_options.h"

#include <cstdint>
#include <vector>

#include "samples/papilio/options/keys.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/text_options.h"

namespace papilio::cli {

void add_model_options(Options& options, ModelSettings& s) {
  options.section("Model");
  nn::ViTConfig& m = s.vit;
  options
      .add("model-type", &s.model_type, "NAME",
           "vit, which learns classes of images, or gpt2, which learns to go on with a text")
      .choices({"vit", "gpt2"});
  options.add(kImageSizeKey, &s.image_size, "N", "pixels of the images' side")
      .range(0, 4096)
      .default_is("the data's own in whole patches, at most 224");
  options.add("hidden-size", &m.hidden_size, "N", "width of a token")
      .range(1, 65536)
      .default_is(str(m.hidden_size, "; gpt2 ", kGpt2Width));
  options.add("layers", &m.num_hidden_layers, "N", "transformer layers").range(0, 1000);
  options.add("heads", &m.num_attention_heads, "N", "attention heads; divides the width")
      .range(1, 65536);
  options.add("intermediate-size", &m.intermediate_size, "N", "width inside the MLPs")
      .range(1, 1048576)
      .default_is("4 times the width");
  options.add("patch-size", &m.patch_size, "N", "pixels of a token's side; divides the image's")
      .range(1, 4096)
      .default_is(str("digits ", m.patch_size, ", else 16 or less, for 7 tokens a side"));
  options
      .add("conv-layers", &m.conv_layers, "N",
           "convolutions with pooling instead of patches (CCT), each halves the image; 0: patches")
      .range(0, 3);
  options
      .add("pooling", &s.pooling, "NAME",
           "cls (a class token), mean (of all tokens) or seq (weighted by attention, CCT)")
      .choices({"cls", "mean", "seq"});
  options.add("attention-dropout", &m.attention_probs_dropout_prob, "P", "of attention weights")
      .below(0, 1);
  options.add("dropout", &m.hidden_dropout_prob, "P", "of hidden values").below(0, 1);
  options
      .add("drop-path", &m.drop_path_rate, "P", "of whole branches in the last layer; less before")
      .below(0, 1);
  options.add("initializer-range", &m.initializer_range, "STD", "of the weights at the start")
      .range(0, 100)
      .default_is(str(m.initializer_range, "; gpt2 ", nn::GPT2Config().initializer_range));
  options.add("context", &s.context, "N", "gpt2: tokens that it looks at").range(1, 1e6);
  options.add("tokenizer", &s.tokenizer, "DIR", "gpt2: folder with tokenizer.json to take it from")
      .default_is("learned from the text");
  options
      .add("vocab-size", &s.vocab_size, "N",
           "gpt2: tokens of a tokenizer that is learned: 256 bytes, the text's end, pairs")
      .range(257, 1e6);
}

void settle_model_options(Options& options, ModelSettings& s) {
  nn::ViTConfig& m = s.vit;
  if (s.learns_text()) {
    options.applies_when(
        false, {&s.image_size, &m.patch_size, &m.conv_layers, &s.pooling, &m.drop_path_rate},
        kImageModel);
    options.applies_when(s.tokenizer.empty(), {&s.vocab_size}, "a tokenizer that is learned");
    if (!options.given(&m.hidden_size)) m.hidden_size = kGpt2Width;
    if (!options.given(&m.initializer_range))
      m.initializer_range = nn::GPT2Config().initializer_range;
  } else {
    options.applies_when(false, {&s.context, &s.tokenizer, &s.vocab_size}, kLanguageModel);
  }
  if (!options.given(&m.intermediate_size)) m.intermediate_size = 4 * m.hidden_size;
  m.pooling = s.pooling == "cls"    ? nn::Pooling::class_token
              : s.pooling == "mean" ? nn::Pooling::mean
                                    : nn::Pooling::sequence;
  options.applies_when(m.conv_layers == 0, {&m.patch_size}, "--conv-layers 0");
  if (m.conv_layers > 0) m.patch_size = int64_t(1) << m.conv_layers;
}

nn::GPT2Config gpt2_config(const ModelSettings& s, const nn::Tokenizer& tokenizer) {
  const nn::ViTConfig& m = s.vit;
  nn::GPT2Config config{.vocab_size = tokenizer.size(),
                        .n_positions = s.context,
                        .n_embd = m.hidden_size,
                        .n_layer = m.num_hidden_layers,
                        .n_head = m.num_attention_heads,
                        .n_inner = m.intermediate_size,
                        .resid_pdrop = m.hidden_dropout_prob,
                        .embd_pdrop = m.hidden_dropout_prob,
                        .attn_pdrop = m.attention_probs_dropout_prob,
                        .initializer_range = m.initializer_range,
                        .eos_token_id = tokenizer.roles().eos ? std::vector{*tokenizer.roles().eos}
                                                              : std::vector<int64_t>()};
  try {
    config.validate();
  } catch (const ArgumentError& e) {
    throw UsageError(e.what());
  }
  return config;
}

}  // namespace papilio::cli
