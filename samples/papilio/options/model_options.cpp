#include "samples/papilio/options/model_options.h"

namespace papilio::cli {

void add_model_options(Options& options, ModelSettings& s) {
  options.section("Model");
  nn::ViTConfig& m = s.vit;
  options.add("image-size", &s.image_size, "N", "pixels of the images' side")
      .range(0, 4096)
      .default_is("the data's own in whole patches, at most 224");
  options.add("hidden-size", &m.hidden_size, "N", "width of a token").range(1, 65536);
  options.add("layers", &m.num_hidden_layers, "N", "transformer layers").range(0, 1000);
  options.add("heads", &m.num_attention_heads, "N", "attention heads; divides the width")
      .range(1, 65536);
  options.add("intermediate-size", &m.intermediate_size, "N", "width inside the MLPs")
      .range(1, 1048576)
      .default_is("4 times the width");
  options.add("patch-size", &m.patch_size, "N", "pixels of a token's side; divides the image's")
      .range(1, 4096)
      .default_is("digits 2, else 16 or less, for 7 tokens a side");
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
      .range(0, 100);
}

void settle_model_options(Options& options, ModelSettings& s) {
  nn::ViTConfig& m = s.vit;
  if (!options.given(&m.intermediate_size)) m.intermediate_size = 4 * m.hidden_size;
  m.pooling = s.pooling == "cls"    ? nn::Pooling::class_token
              : s.pooling == "mean" ? nn::Pooling::mean
                                    : nn::Pooling::sequence;
  options.applies_when(m.conv_layers == 0, {&m.patch_size}, "--conv-layers 0");
  if (m.conv_layers > 0) m.patch_size = int64_t(1) << m.conv_layers;
}

}  // namespace papilio::cli
