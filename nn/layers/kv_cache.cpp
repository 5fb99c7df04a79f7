#include "nn/layers/kv_cache.h"

#include "autograd/grad_mode.h"
#include "autograd/ops/shape.h"
#include "tensor/copy.h"
#include "tensor/creation.h"

namespace papilio::nn {

HeadProjections KvCache::append(size_t layer, const HeadProjections& fresh) {
  const NoGrad no_grad;
  const int64_t end = length_ + fresh.key.size(2);
  check(end <= capacity_, "KvCache: ", end, " tokens in a cache for ", capacity_);
  if (layer >= layers_.size()) layers_.resize(layer + 1);
  const auto put = [&](Tensor& all, const Tensor& tokens) {
    if (!all.defined()) {
      all = empty({tokens.size(0), tokens.size(1), capacity_, tokens.size(3)},
                  {.dtype = tokens.dtype(), .device = tokens.device()});
    }
    check(all.size(0) == tokens.size(0), "KvCache: holds ", all.size(0), " sequences, got ",
          tokens.size(0));
    copy_(slice(all, 2, length_, end), tokens.detach());
    return slice(all, 2, 0, end);
  };
  Layer& mine = layers_[layer];
  const Tensor keys = put(mine.keys, fresh.key);
  return {fresh.query, keys, put(mine.values, fresh.value)};
}

}  // namespace papilio::nn
