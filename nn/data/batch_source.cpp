#include "nn/data/batch_source.h"

#include <cstddef>
#include <numeric>
#include <string_view>

#include "autograd/ops/to.h"
#include "nn/data/detail/word_hash.h"
#include "tensor/copy.h"
#include "tensor/error.h"

namespace papilio::nn {

Batch to(Batch batch, Device device) {
  for (Tensor* tensor : {&batch.inputs, &batch.labels, &batch.targets})
    if (tensor->defined()) *tensor = papilio::to(*tensor, device);
  for (auto& [name, tensor] : batch.more) tensor = papilio::to(tensor, device);
  return batch;
}

Batch rows_of(const Batch& batch, int64_t begin, int64_t end) {
  const auto rows = [&](const Tensor& x) {
    return x.defined() ? copy_of(x.alias(x.layout().slice("rows_of", 0, begin, end))) : x;
  };
  Batch part{.inputs = rows(batch.inputs),
             .labels = rows(batch.labels),
             .targets = rows(batch.targets),
             .skipped = batch.skipped};
  if (!batch.positions.empty())
    part.positions = {batch.positions.begin() + begin, batch.positions.begin() + end};
  for (const auto& [name, tensor] : batch.more) part.more[name] = rows(tensor);
  return part;
}

Batch BatchSource::part(const std::vector<int64_t>& positions, int64_t begin, int64_t end,
                        Generator& generator) const {
  const Batch whole = batch(positions, generator);
  if (whole.size() == int64_t(positions.size())) return rows_of(whole, begin, end);
  // Some were skipped: a sample's row is the number of those before it that are there.
  check(int64_t(whole.positions.size()) == whole.size(),
        "BatchSource::part: the batch does not say which samples are in it");
  const auto row = [&](int64_t place) {
    int64_t found = 0;
    for (int64_t i = 0; i < place && found < whole.size(); ++i)
      found += whole.positions[size_t(found)] == positions[size_t(i)];
    return found;
  };
  return rows_of(whole, row(begin), row(end));
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
