// Adapters of layers that Transformers 5 holds as two halves of their rows (nn::halves_of), under
// checkpoints' names and under its own.
#pragma once

#include <string>

#include "boft/methods/adapter.h"

namespace papilio::boft {

// The tensors of both halves as those of the whole: what acts on the layer's inputs must agree,
// what belongs to its rows is put one below the other. Other keys stay. Throws FileError, which
// begins with `where`, if one half is missing or the two turn their common input differently.
Tensors join_halves(const Tensors& tensors, const std::string& where);

// The other way round.
Tensors split_halves(const Tensors& tensors);

}  // namespace papilio::boft
