#include "nn/data/batch_source.h"

#include <cstddef>
#include <numeric>
#include <string_view>

#include "autograd/ops/to.h"
#include "nn/data/detail/word_hash.h"
#include "tensor/error.h"

namespace papilio::nn {

Batch to(Batch batch, Device device) {
  for (Tensor* tensor : {&batch.inputs, &batch.labels, &batch.targets})
    if (tensor->defined()) *tensor = papilio::to(*tensor, device);
  for (auto& [name, tensor] : batch.more) tensor = papilio::to(tensor, device);
  return batch;
}

uint64_t ClassifiedSource::digest() const {
  uint64_t hash = kWordHash;
  const auto add = [&](std::string_view word) { hash = word_hash(hash, word); };
  for (const std::string& name : class_names()) add(name);
  const std::vector<int64_t> labels = this->labels();
  for (size_t i = 0; i < labels.size(); ++i) {
    add(name(int64_t(i)));
    add(str(labels[i]));
  }
  return hash;
}

Batch whole_batch(const BatchSource& source) {
  std::vector<int64_t> positions(static_cast<size_t>(source.size()));
  std::iota(positions.begin(), positions.end(), int64_t(0));
  Generator generator(0);
  return source.batch(positions, generator);
}

}  // namespace papilio::nn
