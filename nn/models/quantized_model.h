// A model whose layers are kept in 4 or 8 bits, as Transformers with bitsandbytes writes it.
#pragma once

#include <cstdint>
#include <string>

#include "autograd/ops/quantized_linear.h"
#include "nn/models/pretrained_model.h"

namespace papilio::nn {

// Does a layer keep its weight as codes?
bool is_quantized(Module& model);

// Sets the model's quantization_config, as Transformers has it, to what its layers are: which of
// its linear maps stay numbers; nothing if all do.
void set_quantization_config(PretrainedModel& model);

// What quantising did: |Q(W) - W| / |W| in the norm of Frobenius, the mean of all layers and the
// largest.
struct QuantizationResult {
  int64_t layers = 0;
  int64_t numbers = 0, bytes = 0;  // of these layers' weights, and what their codes take
  double error = 0, largest_error = 0;
  std::string worst;  // the layer of the largest
};
// How, beside the kind of codes.
struct QuantizeOptions {
  bool use_double_quant = false;  // the scales of nf4 and fp4 become codes, too
};
// Quantises every Linear and Conv1D in the model's lists of layers; embeddings, norms, biases and
// heads stay numbers. Throws ArgumentError for a model that is quantised, or has no such layer, for
// adapters on it, and for int8 with double quantisation.
QuantizationResult quantize_layers(PretrainedModel& model, Quantization kind,
                                   const QuantizeOptions& options = {});

}  // namespace papilio::nn
