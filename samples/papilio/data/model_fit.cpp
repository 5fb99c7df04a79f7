#include "samples/papilio/data/model_fit.h"

#include <cstdint>

#include "nn/detail/text_table.h"
#include "samples/papilio/data/processor.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/options.h"

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

nn::ImageProcessor fit_model_to_data(Options& options, ModelSettings& s, const Data& data) {
  options.applies_when(!data.source->processor, {&s.image_size}, kNoProcessor);
  s.vit.num_labels = int64_t(data.class_names.size());
  if (data.source->processor) {
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
  nn::ImageProcessor processor = processor_for(data, side);
  s.vit.num_channels = processor.channels();
  s.vit.validate();
  return processor;
}

}  // namespace papilio::cli
