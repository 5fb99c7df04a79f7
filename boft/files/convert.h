// The same rotations under another method's parameters.
#pragma once

#include <string>

#include "boft/files/adapter_folder.h"
#include "nn/module.h"

namespace papilio::boft {

// BOFT with one factor (m = 1) and no scale (s = 1) as exact OFT (use_cayley_neumann = false), bit
// for bit the same rotations: vec_ij = (R_ij - R_ji) / 2 above the diagonal, b or N, targets,
// biases and saved modules as they were. Throws ArgumentError, naming the layer, if s is not 1
// everywhere, and for m > 1.
AdapterFolder boft_to_oft(const AdapterFolder& adapter);

// Exact OFT as BOFT with m = 1: R_ij = vec_ij, R_ji = -vec_ij, s = 1; a shared block becomes N
// equal ones. `base` is the model that the adapter is for: it knows the layers' sizes. What cannot
// be said in BOFT's configuration is an ArgumentError (the Cayley-Neumann series, embeddings, block
// sizes that were adjusted to several) or a warning (coft's limit, which the rotations keep but
// further training does not).
AdapterFolder oft_to_boft(const AdapterFolder& adapter, nn::Module& base);

// The same rotations as `type`, "BOFT" or "OFT", by the two above; an adapter of that method stays
// as it is. `base` is needed for BOFT of OFT only. Throws ArgumentError for an adapter of another
// method than these two, which no parameters of theirs can say.
AdapterFolder as_method(const AdapterFolder& adapter, const std::string& type,
                        nn::Module* base = nullptr);

}  // namespace papilio::boft
