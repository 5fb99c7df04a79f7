#include "nn/layers/block.h"

#include <string>
#include <utility>

#include "tensor/error.h"

namespace papilio::nn {

Recompute recompute_named(std::string_view name) {
  constexpr std::pair<std::string_view, Recompute> kNames[] = {
      {"off", Recompute::off}, {"blocks", Recompute::blocks}, {"selective", Recompute::selective}};
  for (const auto& [known, value] : kNames)
    if (name == known) return value;
  throw ArgumentError(str("recompute: expected off, blocks or selective, got ", name));
}

Tensor Block::whole(const Function& f, const Tensor& x) const {
  return recompute == Recompute::blocks ? checkpoint(f, x) : f(x);
}

Tensor Block::mlp_part(const Function& f, const Tensor& x) const {
  return recompute == Recompute::selective ? checkpoint(f, x) : f(x);
}

void set_recompute(Module& model, Recompute recompute) {
  bool any = false;
  for_each_module(model, [&](const std::string&, Module& module) {
    auto* const block = dynamic_cast<Block*>(&module);
    if (block == nullptr) return;
    block->recompute = recompute;
    any = true;
  });
  check(any || recompute == Recompute::off, "set_recompute: ", model.describe(),
        " has no blocks to compute again");
}

}  // namespace papilio::nn
