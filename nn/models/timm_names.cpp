#include "nn/models/detail/timm_names.h"

#include <cstdint>
#include <vector>

#include "autograd/ops/join.h"
#include "autograd/ops/shape.h"
#include "tensor/error.h"

namespace papilio::nn {

namespace {

constexpr TimmPair kOutside[] = {
    {"cls_token", "embeddings.cls_token"},
    {"pos_embed", "embeddings.position_embeddings"},
    {"patch_embed.proj.weight", "embeddings.patch_embeddings.projection.weight"},
    {"patch_embed.proj.bias", "embeddings.patch_embeddings.projection.bias"},
    {"norm.weight", "layernorm.weight"},
    {"norm.bias", "layernorm.bias"}};
// Each with a weight and a bias.
constexpr TimmPair kViTInside[] = {{"norm1", "layernorm_before"},
                                   {"norm2", "layernorm_after"},
                                   {"attn.proj", "attention.output.dense"},
                                   {"mlp.fc1", "intermediate.dense"},
                                   {"mlp.fc2", "output.dense"}};
constexpr TimmPair kDinov2Inside[] = {{"norm1", "norm1"},
                                      {"norm2", "norm2"},
                                      {"attn.proj", "attention.output.dense"},
                                      {"mlp.fc1", "mlp.fc1"},
                                      {"mlp.fc2", "mlp.fc2"}};
constexpr TimmPair kDinov2Scales[] = {{"ls1.gamma", "layer_scale1.lambda1"},
                                      {"ls2.gamma", "layer_scale2.lambda1"}};
constexpr TimmPair kHead[] = {{"head", "classifier"}};
constexpr TimmPair kHeads[] = {{"head", "cls_classifier"},
                               {"head_dist", "distillation_classifier"}};
constexpr const char* kQkv[] = {"query", "key", "value"};
constexpr const char* kKinds[] = {"weight", "bias"};

std::string in_timm(int64_t layer, std::string_view name) {
  return str("blocks.", layer, '.', name);
}

std::string in_transformers(const TimmNaming& naming, int64_t layer, std::string_view name) {
  return str(naming.model, "encoder.layer.", layer, '.', name);
}

// All but query, key and value, from one form to the other.
StateDict renamed(const StateDict& from, const TimmNaming& naming, int64_t layers, bool to_timm) {
  StateDict to;
  const auto take = [&](const std::string& timm, const std::string& transformers) {
    to[to_timm ? timm : transformers] = from.at(to_timm ? transformers : timm);
  };
  for (const TimmPair& p : kOutside) take(std::string(p.timm), str(naming.model, p.transformers));
  if (!naming.second_token.empty())
    take(std::string(naming.second_token), naming.model + "embeddings.distillation_token");
  for (const char* kind : kKinds) {
    for (const TimmPair& p : naming.heads)
      take(str(p.timm, '.', kind), str(p.transformers, '.', kind));
  }
  for (int64_t l = 0; l < layers; ++l) {
    for (const TimmPair& p : naming.inside) {
      for (const char* kind : kKinds)
        take(in_timm(l, str(p.timm, '.', kind)),
             in_transformers(naming, l, str(p.transformers, '.', kind)));
    }
    for (const TimmPair& p : naming.scales)
      take(in_timm(l, p.timm), in_transformers(naming, l, p.transformers));
  }
  return to;
}

std::string part_of_qkv(const TimmNaming& naming, int64_t layer, const char* part,
                        const char* kind) {
  return in_transformers(naming, layer, str("attention.attention.", part, '.', kind));
}

// The weight and, if there is one, the bias.
std::span<const char* const> kinds(bool bias) {
  return std::span(kKinds).first(bias ? 2 : 1);
}

}  // namespace

TimmNaming vit_naming() {
  return {.model = "vit.", .inside = kViTInside, .heads = kHead};
}

TimmNaming deit_naming(bool with_teacher) {
  TimmNaming naming{.model = "deit.", .inside = kViTInside, .heads = kHead};
  naming.second_token = with_teacher ? "dist_token" : "reg_token";
  if (with_teacher) naming.heads = kHeads;
  return naming;
}

TimmNaming dinov2_naming(const Dinov2Config& config) {
  return {.model = str(config.model_type(), '.'),
          .inside = kDinov2Inside,
          .scales = kDinov2Scales,
          .heads = kHead};
}

StateDict timm_tensors(const StateDict& from, const TimmNaming& naming, const TimmViTConfig& c) {
  StateDict to = renamed(from, naming, c.depth, true);
  for (int64_t l = 0; l < c.depth; ++l) {
    for (const char* kind : kinds(c.qkv_bias)) {
      std::vector<Tensor> parts;
      for (const char* part : kQkv) parts.push_back(from.at(part_of_qkv(naming, l, part, kind)));
      to[in_timm(l, str("attn.qkv.", kind))] = concat(parts);
    }
  }
  return to;
}

StateDict transformers_tensors(const StateDict& from, const TimmNaming& naming,
                               const TimmViTConfig& c) {
  StateDict to = renamed(from, naming, c.depth, false);
  for (int64_t l = 0; l < c.depth; ++l) {
    for (const char* kind : kinds(c.qkv_bias)) {
      const Tensor all = from.at(in_timm(l, str("attn.qkv.", kind)));
      for (int64_t i = 0; i < 3; ++i)
        to[part_of_qkv(naming, l, kQkv[i], kind)] =
            slice(all, 0, i * c.embed_dim, (i + 1) * c.embed_dim);
    }
  }
  return to;
}

}  // namespace papilio::nn
