#include "nn/data/text_batches.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nn/data/detail/word_hash.h"
#include "tensor/creation.h"

namespace papilio::nn {

namespace {

class TextBatches : public BatchSource {
 public:
  TextBatches(TextData data, int64_t padding) : data_(std::move(data)), padding_(padding) {}

  int64_t size() const override { return data_->size(); }
  std::string name(int64_t position) const override { return data_->name(position); }
  std::vector<std::filesystem::path> files(int64_t position) const override {
    return data_->files(position);
  }

  uint64_t digest() const override {
    uint64_t hash = kWordHash;
    for (int64_t i = 0; i < size(); ++i) {
      const TokenSequence s = data_->sample(i);
      hash = word_hash(hash, name(i));
      hash = word_hash(
          hash, {reinterpret_cast<const char*>(s.ids.data()), s.ids.size() * sizeof(int64_t)});
      hash = word_hash(hash, std::to_string(s.counted));
    }
    return hash;
  }

  Batch batch(const std::vector<int64_t>& positions, Generator&) const override {
    std::vector<TokenSequence> sequences;
    size_t T = 0;
    for (const int64_t position : positions) {
      sequences.push_back(data_->sample(position));
      T = std::max(T, sequences.back().ids.size() - 1);
    }
    const size_t B = sequences.size();
    std::vector<int64_t> inputs(B * T, padding_), labels(B * T, kIgnored);
    int64_t learned = 0;
    for (size_t b = 0; b < B; ++b) {
      const auto& [ids, counted] = sequences[b];
      for (size_t t = 0; t + 1 < ids.size(); ++t) {
        inputs[b * T + t] = ids[t];
        if (int64_t(t + 1) < counted) continue;
        labels[b * T + t] = ids[t + 1];
        ++learned;
      }
    }
    const Dims shape{int64_t(B), int64_t(T)};
    return {.inputs = tensor<int64_t>(inputs, shape),
            .labels = tensor<int64_t>(labels, shape),
            .positions = positions,
            .counted = learned};
  }

  Batch part(const std::vector<int64_t>& positions, int64_t begin, int64_t end,
             Generator& generator) const override {
    Batch part = BatchSource::part(positions, begin, end, generator);
    const std::vector<int64_t> labels = part.labels.to_vector<int64_t>();
    part.counted = std::ranges::count_if(labels, [](int64_t label) { return label != kIgnored; });
    return part;
  }

 private:
  TextData data_;
  int64_t padding_;
};

}  // namespace

Batches text_batches(TextData data, int64_t padding) {
  return std::make_shared<TextBatches>(std::move(data), padding);
}

}  // namespace papilio::nn
