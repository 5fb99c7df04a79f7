#include "nn/models/gpt2.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "nn/init.h"
#include "nn/models/detail/vision_config.h"
#include "tensor/creation.h"
#include "tensor/files/detail/json.h"

namespace papilio::nn {

void GPT2Config::validate() const {
  constexpr const char* name = "GPT2Config";
  check_positive(name, "vocab_size", vocab_size);
  check_positive(name, "n_positions", n_positions);
  check_positive(name, "n_embd", n_embd);
  check_positive(name, "n_head", n_head);
  check(n_layer >= 0, name, ": expected n_layer >= 0, got ", n_layer);
  check(n_inner >= 0, name, ": expected n_inner >= 1, got ", n_inner);
  check(n_embd % n_head == 0, name, ": n_embd ", n_embd, " is not a multiple of n_head ", n_head);
  check(layer_norm_epsilon > 0, name, ": expected layer_norm_epsilon > 0, got ",
        layer_norm_epsilon);
  for (const double rate : {resid_pdrop, embd_pdrop, attn_pdrop})
    check(rate >= 0 && rate < 1, name, ": expected rates in [0, 1), got ", rate);
  hidden_act(activation_function);
}

namespace {

// Made without drawing what `initialise` draws.
template <class Layer>
Layer undrawn(int64_t rows, int64_t columns) {
  const SkipInit skip;
  return Layer(rows, columns);
}

// Norms 1, biases 0, and N(0, std^2), but for the layers that add to the residual stream: N(0,
// std^2 / (2 n_layer)).
void initialise(Module& module, const GPT2Config& c) {
  for (const auto& [name, tensor] : named_parameters(module)) {
    if (tensor->dim() < 2) {
      constant_(*tensor, name.ends_with("bias") ? 0 : 1);
      continue;
    }
    const bool residual = name.ends_with("c_proj.weight");
    normal_(*tensor, c.initializer_range / (residual ? std::sqrt(2.0 * double(c.n_layer)) : 1.0));
  }
}

}  // namespace

GPT2Attention::GPT2Attention(const GPT2Config& c, int64_t layer)
    : Attention(c.n_embd, c.n_head, {.dropout = c.resid_pdrop, .attention_dropout = c.attn_pdrop}),
      c_attn(3 * c.n_embd, c.n_embd),
      c_proj(c.n_embd, c.n_embd) {
  causal = true;
  const int64_t width = c.n_embd / c.n_head;
  scale = (c.scale_attn_weights ? 1 / std::sqrt(double(width)) : 1.0) /
          (c.scale_attn_by_inverse_layer_idx ? double(layer + 1) : 1.0);
}

Tensor GPT2Attention::operator()(const Tensor& x, KvCache* cache, size_t layer) {
  const HeadProjections p = project(x);
  return attend(cache != nullptr ? cache->append(layer, p) : p);
}

void GPT2Attention::visit(Visitor& v) {
  v("c_attn", c_attn);
  v("c_proj", c_proj);
  v("attn_dropout", attention_dropout);
  v("resid_dropout", dropout);
}

GPT2Mlp::GPT2Mlp(const GPT2Config& c)
    : c_fc(c.intermediate_size(), c.n_embd),
      c_proj(c.n_embd, c.intermediate_size()),
      act(hidden_act(c.activation_function)),
      dropout(c.resid_pdrop) {}

Tensor GPT2Mlp::operator()(const Tensor& x) {
  return dropout(c_proj(activate(c_fc(x), act)));
}

void GPT2Mlp::visit(Visitor& v) {
  v("c_fc", c_fc);
  v("c_proj", c_proj);
  v("dropout", dropout);
}

GPT2Block::GPT2Block(const GPT2Config& c, int64_t layer)
    : ln_1(c.n_embd, c.layer_norm_epsilon),
      ln_2(c.n_embd, c.layer_norm_epsilon),
      attn(c, layer),
      mlp(c) {}

Tensor GPT2Block::operator()(const Tensor& x, KvCache* cache, size_t layer) {
  const auto perceptron = [this](const Tensor& norm) { return mlp(norm); };
  const auto block = [this, perceptron, cache, layer](const Tensor& in) {
    const auto [sum, norm] = ln_2.add_and_norm(in, attn(ln_1(in), cache, layer));
    return sum + mlp_part(perceptron, norm);
  };
  return cache != nullptr ? block(x) : whole(block, x);  // a cache is filled once
}

void GPT2Block::visit(Visitor& v) {
  v("ln_1", ln_1);
  v("attn", attn);
  v("ln_2", ln_2);
  v("mlp", mlp);
}

GPT2Model::GPT2Model(const GPT2Config& c)
    : config(validated(c)),
      wte(undrawn<Embedding>(c.vocab_size, c.n_embd)),
      wpe(undrawn<Embedding>(c.n_positions, c.n_embd)),
      drop(c.embd_pdrop),
      ln_f(c.n_embd, c.layer_norm_epsilon) {
  h.reserve(size_t(c.n_layer));
  {
    const SkipInit skip;
    for (int64_t i = 0; i < c.n_layer; ++i) h.emplace_back(c, i);
  }
  initialise(*this, c);
}

Tensor GPT2Model::operator()(const Tensor& ids, KvCache* cache) {
  check(ids.dim() == 2, "GPT2Model: expected ids of shape (B, T), got ", ids.shape());
  const int64_t T = ids.size(1), past = cache != nullptr ? cache->length() : 0;
  check(past + T <= config.n_positions, "GPT2Model: expected at most ", config.n_positions,
        " tokens (n_positions), got ", past + T);
  const Tensor positions = wpe(
      slice(arange(past + T, {.dtype = DType::int64, .device = ids.device()}), 0, past, past + T));
  Tensor x = drop(wte(ids) + positions);
  for (size_t i = 0; i < h.size(); ++i) x = h[i](x, cache, i);
  if (cache != nullptr) cache->advance(T);
  return ln_f(x);
}

void GPT2Model::visit(Visitor& v) {
  v("wte", wte);
  v("wpe", wpe);
  v("drop", drop);
  v("h", h);
  v("ln_f", ln_f);
}

GPT2LMHeadModel::GPT2LMHeadModel(const GPT2Config& c) : transformer(c) {
  if (c.tie_word_embeddings) return;
  lm_head = std::make_unique<Linear>(c.n_embd, c.vocab_size, false);
  initialise(*lm_head, c);
}

LanguageModel::Shape GPT2LMHeadModel::shape() const {
  const GPT2Config& c = config();
  return {.model_type = "gpt2",
          .vocab_size = c.vocab_size,
          .max_positions = c.n_positions,
          .hidden_size = c.n_embd,
          .num_hidden_layers = c.n_layer,
          .num_attention_heads = c.n_head,
          .intermediate_size = c.intermediate_size()};
}

Tensor GPT2LMHeadModel::logits(const Tensor& hidden) {
  return lm_head ? (*lm_head)(hidden) : linear(hidden, transformer.wte.weight);
}

bool GPT2LMHeadModel::in_head(const std::string& path) {
  return path == "lm_head" || path.starts_with("lm_head.");
}

std::string GPT2LMHeadModel::refuses_adapter(const std::string& path) const {
  if (path != "transformer.wte" || lm_head) return "";
  return "its weight is the head's too (tie_word_embeddings): one would change without the other";
}

void GPT2LMHeadModel::visit(Visitor& v) {
  v("transformer", transformer);
  v("lm_head", lm_head);
}

void GPT2LMHeadModel::before_loading(StateDict& tensors) {
  // Causal masks that older files have, which are no weights.
  std::erase_if(tensors, [](const auto& named) {
    return named.first.ends_with(".attn.bias") || named.first.ends_with(".attn.masked_bias");
  });
  if (lm_head) return;
  // Tied: once or twice in a file, under either name.
  const auto head = tensors.find("lm_head.weight");
  if (head == tensors.end()) return;
  tensors.emplace("transformer.wte.weight", head->second);
  tensors.erase(head);
}

namespace {

constexpr std::string_view kRates[] = {"resid_pdrop", "embd_pdrop", "attn_pdrop"};
constexpr double GPT2Config::*kRateFields[] = {&GPT2Config::resid_pdrop, &GPT2Config::embd_pdrop,
                                               &GPT2Config::attn_pdrop};

}  // namespace

std::unique_ptr<LanguageModel> make_gpt2(JsonFields& fields) {
  GPT2Config c;
  c.vocab_size = fields.integer("vocab_size", c.vocab_size, 1);
  c.n_positions = fields.integer("n_positions", c.n_positions, 1);
  c.n_embd = fields.integer("n_embd", c.n_embd, 1);
  c.n_layer = fields.integer("n_layer", c.n_layer, 0, 1000);
  c.n_head = fields.integer("n_head", c.n_head, 1);
  c.n_inner = fields.integer("n_inner", c.n_inner, 1);
  c.activation_function = fields.string("activation_function", c.activation_function);
  for (size_t i = 0; i < std::size(kRates); ++i)
    c.*kRateFields[i] = fields.number(kRates[i].data(), c.*kRateFields[i]);
  c.layer_norm_epsilon = fields.number("layer_norm_epsilon", c.layer_norm_epsilon);
  c.initializer_range = fields.number("initializer_range", c.initializer_range);
  c.scale_attn_weights = fields.boolean("scale_attn_weights", c.scale_attn_weights);
  c.scale_attn_by_inverse_layer_idx =
      fields.boolean("scale_attn_by_inverse_layer_idx", c.scale_attn_by_inverse_layer_idx);
  c.tie_word_embeddings = fields.boolean("tie_word_embeddings", c.tie_word_embeddings);
  if (fields.has("eos_token_id")) c.eos_token_id = fields.integers("eos_token_id");
  // The same scores in float32, in which attention is computed here anyway.
  fields.boolean("reorder_and_upcast_attn", false);
  if (fields.boolean("add_cross_attention", false)) fields.fail("add_cross_attention", "false");
  return std::make_unique<GPT2LMHeadModel>(c);
}

ConfigFields GPT2LMHeadModel::config_fields() const {
  const GPT2Config& c = config();
  nlohmann::json object = {
      {"vocab_size", c.vocab_size},
      {"n_positions", c.n_positions},
      {"n_embd", c.n_embd},
      {"n_layer", c.n_layer},
      {"n_head", c.n_head},
      {"n_inner", c.n_inner > 0 ? nlohmann::json(c.n_inner) : nlohmann::json()},
      {"activation_function", c.activation_function},
      {"layer_norm_epsilon", c.layer_norm_epsilon},
      {"initializer_range", c.initializer_range},
      {"scale_attn_weights", c.scale_attn_weights},
      {"scale_attn_by_inverse_layer_idx", c.scale_attn_by_inverse_layer_idx},
      {"tie_word_embeddings", c.tie_word_embeddings},
      {"model_type", "gpt2"},
      {"architectures", {describe()}}};
  for (size_t i = 0; i < std::size(kRates); ++i) object[std::string(kRates[i])] = c.*kRateFields[i];
  object["eos_token_id"] = c.eos_token_id.size() == 1 ? nlohmann::json(c.eos_token_id[0])
                           : c.eos_token_id.empty()   ? nlohmann::json()
                                                      : nlohmann::json(c.eos_token_id);
  return nn::config_fields(object);
}

}  // namespace papilio::nn
