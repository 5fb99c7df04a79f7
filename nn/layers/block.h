// A model's residual blocks, which can be computed again in the backward pass.
#pragma once

#include <functional>
#include <string_view>

#include "autograd/checkpoint.h"
#include "nn/module.h"

namespace papilio::nn {

using papilio::checkpoint;

// What the backward pass computes again instead of keeping it from the forward pass (checkpoint):
//   off        nothing
//   blocks     each block: its input is kept; a third more time for full training
//   selective  each block's MLP: its input, and what attention needs, are kept
enum class Recompute { off, blocks, selective };
// "off", "blocks" or "selective"; throws ArgumentError for another word.
Recompute recompute_named(std::string_view name);

// What every such block is.
struct Block : Module {
  Recompute recompute = Recompute::off;

 protected:
  // What it captures lives until the backward pass.
  using Function = std::function<Tensor(const Tensor&)>;
  // f(x), where f is the whole block, or its MLP: computed again if `recompute` says so.
  Tensor whole(const Function& f, const Tensor& x) const;
  Tensor mlp_part(const Function& f, const Tensor& x) const;
};

// Sets `recompute` of every block in the model. Throws ArgumentError if it has none.
void set_recompute(Module& model, Recompute recompute);

}  // namespace papilio::nn
