#include "samples/papilio/models/model_lines.h"

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "autograd/ops/quantized_linear.h"
#include "nn/adapter.h"
#include "nn/data/detail/word_hash.h"
#include "nn/data/transforms/image_processor_file.h"
#include "nn/diffusion/scheduler.h"
#include "nn/text/bpe.h"
#include "tensor/copy.h"
#include "tensor/error.h"
#include "tensor/text.h"

namespace papilio::cli {

namespace {

class Checksum {
 public:
  void add(std::string_view word) { sum_ = nn::word_hash(sum_, word); }
  void add(const void* data, size_t bytes) { add({static_cast<const char*>(data), bytes}); }
  void add(const Tensor& x) {
    if (!x.defined()) return add("");
    const Tensor host = contiguous_data(cpu_data(x));
    add(str(host.dtype(), host.shape()));
    add(host.raw_data(), size_t(host.numel()) * size_of(host.dtype()));
  }
  uint64_t value() const { return sum_; }

 private:
  uint64_t sum_ = nn::kWordHash;
};

std::string lines_of(const std::string& name, const nn::ConfigFields& fields) {
  std::string text;
  for (const auto& [key, value] : fields) text += str(name, '.', key, " = ", value, '\n');
  return text;
}

// Nothing if no layer is.
std::string quantised(nn::Module& model, const std::string& name) {
  Checksum sum;
  int64_t layers = 0;
  std::string kind;
  nn::for_each_module(model, [&](const std::string& path, nn::Module& module) {
    const auto* layer = dynamic_cast<const nn::AdaptableLayer*>(&module);
    if (layer == nullptr || !layer->quantized) return;
    const QuantizedMatrix& q = layer->quantized;
    kind = name_of(q.kind);
    ++layers;
    sum.add(str(path, ' ', kind, ' ', q.block_size, ' ', q.nested_block_size, ' ', q.dtype));
    sum.add(&q.nested_offset, sizeof q.nested_offset);
    for (const Tensor& part :
         {q.codes, q.absmax, q.table, q.nested_absmax, q.nested_table, q.scale})
      sum.add(part);
  });
  if (layers == 0) return "";
  return str(name, ".quantised = ", layers, " layers, ", kind, ", checksum ", sum.value(), '\n');
}

std::string id_or_none(const std::optional<int64_t>& id) {
  return id ? str(*id) : "none";
}

// What its expression and its normalisation do to a text that has a bit of all.
uint64_t checksum_of_words(const nn::Tokenizer& tokenizer) {
  Checksum sum;
  for (const char* text :
       {"It's  we'LL\t3.14159, 2026\n\n x=y+1;", "\u00c9\u0301a \u4e2d\u6587 \uff26 na\u00efve",
        "Hello WORLD", " A_b-c", "  "}) {
    try {
      const std::vector<int64_t> ids = tokenizer.encode(text);
      sum.add(ids.data(), ids.size() * sizeof(int64_t));
    } catch (const ArgumentError&) {  // a character that it has no token for
      sum.add("none");
    }
  }
  return sum.value();
}

}  // namespace

std::string model_lines(nn::PretrainedModel& model, const std::string& name) {
  return lines_of(name, model.config_fields()) + quantised(model, name);
}

std::string processor_lines(const nn::ImageProcessor& processor) {
  nn::ConfigFields fields;
  const auto document = nlohmann::json::parse(nn::image_processor_text(processor));
  for (const auto& [key, value] : document.items()) fields[key] = value.dump();
  return lines_of("processor", fields);
}

std::string tokenizer_lines(const nn::Tokenizer& tokenizer) {
  const nn::Tokenizer::Parts& parts = tokenizer.parts();
  Checksum vocabulary, merges, added;
  for (const auto& [token, id] : parts.bpe.vocabulary()) vocabulary.add(str(id, ' ', token));
  for (const auto& [left, right] : parts.bpe.merges()) merges.add(left), merges.add(right);
  for (const nn::AddedToken& t : parts.added) {
    added.add(t.content);
    added.add(str(t.id, t.special, t.lstrip, t.rstrip, t.normalized));
  }
  const nn::TokenRoles& roles = parts.roles;
  const nn::Bpe::Options& bpe = parts.bpe.options();
  const auto counted = [](size_t count, const char* what, const Checksum& sum) {
    return str(count, ' ', what, ", checksum ", sum.value());
  };
  return lines_of("tokenizer",
                  {{"vocabulary", counted(parts.bpe.vocabulary().size(), "tokens", vocabulary)},
                   {"merges", counted(parts.bpe.merges().size(), "pairs", merges)},
                   {"added_tokens", counted(parts.added.size(), "tokens", added)},
                   {"end_of_word_suffix", bpe.end_of_word_suffix},
                   {"unk_token", bpe.unk_token.value_or("")},
                   {"bos", id_or_none(roles.bos)},
                   {"eos", id_or_none(roles.eos)},
                   {"unk", id_or_none(roles.unk)},
                   {"pad", id_or_none(roles.pad)},
                   {"before", '[' + joined(parts.before, ", ") + ']'},
                   {"after", '[' + joined(parts.after, ", ") + ']'},
                   {"add_prefix_space", str(parts.add_prefix_space)},
                   {"words", str("of a sample, checksum ", checksum_of_words(tokenizer))}});
}

std::string pipeline_lines(nn::DiffusionPipeline& pipeline) {
  const nn::Scheduler& scheduler = *pipeline.scheduler;
  return model_lines(*pipeline.unet, "unet") + model_lines(*pipeline.vae, "vae") +
         model_lines(*pipeline.text_encoder, "text_encoder") +
         str("scheduler.class = ", scheduler.class_name(), '\n') +
         lines_of("scheduler", scheduler.config_fields()) + tokenizer_lines(*pipeline.tokenizer);
}

}  // namespace papilio::cli
