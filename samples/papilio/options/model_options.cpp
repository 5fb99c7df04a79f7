#include "samples/papilio/options/model_options.h"

#include "nn/text_table.h"
#include "samples/papilio/data/processor.h"
#include "samples/papilio/options/common.h"

namespace papilio::cli {

namespace {

// The largest power of two that is at most 16 and gives 7 tokens a side; it divides a side that the
// user named.
int64_t patch_size_for(int64_t side, bool named) {
  int64_t patch = 16;
  while (patch > 1 && (side / patch < 7 || (named && side % patch != 0))) patch /= 2;
  return patch;
}

}  // namespace

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

nn::ImageProcessor fit_model_to_data(Options& options, ModelSettings& s, const Data& data) {
  options.applies_when(!data.prepared(), {&s.image_size}, "--data other than digits");
  s.vit.num_labels = int64_t(data.class_names.size());
  if (data.prepared()) {
    s.vit.validate();
    return processor_for(data, s.vit.image_size);
  }
  const bool named = s.image_size > 0;
  int64_t side = named ? s.image_size : usual_side(data), &patch = s.vit.patch_size;
  if (!options.given(&patch) && s.vit.conv_layers == 0) patch = patch_size_for(side, named);
  if (!named && side > patch) side -= side % patch;
  const int64_t tokens = (side / patch) * (side / patch);
  if (tokens > 1024) {
    warn(options, {str(nn::with_commas(tokens), " tokens an image (", side, 'x', side,
                       " pixels in patches of ", patch,
                       ") take long: attention costs their square; an --image-size that is a "
                       "multiple of 16 needs fewer")});
  }
  s.image_size = s.vit.image_size = side;
  const nn::ImageProcessor processor = processor_for(data, side);
  s.vit.num_channels = processor.channels();
  s.vit.validate();
  return processor;
}

}  // namespace papilio::cli
