#include "boft/methods/methods.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "tensor/text.h"

namespace papilio::boft {

namespace {

// f(C{}) for every row C of the table.
template <class F, class... C>
void for_each_method(const std::variant<C...>*, F&& f) {
  (f(C{}), ...);
}
template <class F>
void for_each_method(F&& f) {
  for_each_method(static_cast<const AdapterConfig*>(nullptr), f);
}

// hook(args...); nothing (no text, false) if the method has no such hook.
template <class Result, class... Parameters, class... Args>
Result call(Result (*hook)(Parameters...), Args&&... args) {
  return hook != nullptr ? hook(args...) : Result();
}

template <class Config>
using LayerOf = typename Config::Layer;

bool is_embedding(const nn::AdaptableLayer& layer) {
  return layer.kind() == nn::AdaptableLayer::Kind::embedding;
}

// Those that adapt embeddings.
std::vector<std::string> embedding_methods() {
  std::vector<std::string> types;
  for_each_method([&]<class C>(const C&) {
    if (LayerOf<C>::adapts_embeddings) types.emplace_back(C::peft_type);
  });
  return types;
}

}  // namespace

const char* peft_type(const AdapterConfig& config) {
  return std::visit([]<class C>(const C&) { return C::peft_type; }, config);
}

std::vector<std::string> peft_types() {
  std::vector<std::string> types;
  for_each_method([&]<class C>(const C&) { types.emplace_back(C::peft_type); });
  return types;
}

AdapterConfig default_config(const std::string& peft_type) {
  AdapterConfig found;
  bool any = false;
  for_each_method([&]<class C>(const C& defaults) {
    if (peft_type == C::peft_type) found = defaults, any = true;
  });
  check(any, "peft_type: expected ", joined(quoted(peft_types()), ", ", " or "), ", got \"",
        peft_type, '"');
  return found;
}

void validate(const AdapterConfig& config) {
  std::visit([](const auto& c) { c.validate(); }, config);
}

const std::string& bias_of(const AdapterConfig& config) {
  return std::visit([](const auto& c) -> const std::string& { return c.bias; }, config);
}

TargetRules targets_of(const AdapterConfig& config) {
  return std::visit([](const auto& c) { return target_rules(c); }, config);
}

void visit_fields(AdapterConfig& config, FieldVisitor& visitor) {
  std::visit([&](auto& c) { c.fields(visitor); }, config);
}

std::string label(const AdapterConfig& config) {
  return std::visit([](const auto& c) { return c.label(); }, config);
}

bool rotates_in_blocks(const AdapterConfig& config) {
  return std::visit([]<class C>(const C&) { return LayerOf<C>::in_blocks; }, config);
}

bool keeps_angles(const AdapterConfig& config) {
  return std::visit([]<class C>(const C&) { return LayerOf<C>::keeps_angles; }, config);
}

bool has_scale(const AdapterConfig& config) {
  return std::visit([]<class C>(const C& c) { return LayerOf<C>::has_scale(c); }, config);
}

const char* main_parameter(const AdapterConfig& config) {
  return std::visit([]<class C>(const C&) { return LayerOf<C>::main_parameter; }, config);
}

bool is_adapter_key(const std::string& key) {
  bool any = false;
  for_each_method([&]<class C>(const C&) {
    const std::string_view parameter = LayerOf<C>::main_parameter;  // "boft_R" -> ".boft_"
    any |= key.find('.' + std::string(parameter.substr(0, parameter.find('_') + 1))) != key.npos;
  });
  return any;
}

bool acts_on_inputs(const std::string& key) {
  bool any = false;
  for_each_method(
      [&]<class C>(const C&) { any |= key.ends_with(str('.', LayerOf<C>::input_parameter)); });
  return any;
}

std::unique_ptr<LayerAdapter> make_adapter(const std::string& path, const nn::AdaptableLayer& layer,
                                           const AdapterConfig& config, Lines& warnings) {
  return std::visit(
      [&]<class C>(const C& c) -> std::unique_ptr<LayerAdapter> {
        check(LayerOf<C>::adapts_embeddings || !is_embedding(layer), "target_modules: ", path,
              " is an ", layer.describe(), ", which ", C::peft_type, " cannot adapt; ",
              joined(embedding_methods(), ", "), " can");
        return std::make_unique<LayerOf<C>>(path, layer, c, warnings);
      },
      config);
}

void plan_layer(LayerPlan& plan, const nn::AdaptableLayer& layer, const AdapterConfig& config,
                Lines& warnings) {
  std::visit(
      [&]<class C>(const C& c) {
        try {
          LayerOf<C>::plan(plan, layer, c, warnings);
        } catch (const ArgumentError& e) {
          const std::string problem = e.what(), prefix = plan.path + ": ";
          plan.problem = problem.starts_with(prefix) ? problem.substr(prefix.size()) : problem;
        }
        if (!LayerOf<C>::adapts_embeddings && is_embedding(layer))
          plan.problem = str("an embedding, which ", C::peft_type, " cannot adapt");
      },
      config);
}

std::string storage_warning(const std::string& path, const nn::AdaptableLayer& layer,
                            const AdapterConfig& config) {
  return std::visit(
      [&]<class C>(const C& c) -> std::string {
        if constexpr (has_fan_in_fan_out<C>) {
          const bool transposed = layer.is_stored_in_out();
          if (transposed == c.fan_in_fan_out) return "";
          return str("fan_in_fan_out is ", c.fan_in_fan_out ? "true" : "false", ", but ", path,
                     " is a ", layer.describe(), ", whose weight is stored ",
                     transposed ? "(in, out)" : "(out, in)", "; it is read as it is stored");
        }
        return "";
      },
      config);
}

std::string start_warning(const AdapterConfig& config) {
  return std::visit([]<class C>(const C& c) { return call(C::hooks.start_warning, c); }, config);
}

std::string orthogonality_warning(const AdapterConfig& config, double error) {
  return std::visit(
      [&]<class C>(const C& c) { return call(C::hooks.orthogonality_warning, c, error); }, config);
}

std::string dropout_warning(const AdapterConfig& config, const std::vector<int64_t>& block_nums) {
  return std::visit(
      [&]<class C>(const C& c) { return call(C::hooks.dropout_warning, c, block_nums); }, config);
}

void read_older(AdapterConfig& config, JsonFields& fields, const std::string& where,
                Lines& warnings) {
  std::visit([&]<class C>(C& c) { call(C::hooks.read_older, c, fields, where, warnings); }, config);
}

bool is_from_before_0_18(const AdapterConfig& config) {
  return std::visit([]<class C>(const C& c) { return call(C::hooks.is_from_before_0_18, c); },
                    config);
}

void trust_tensors(AdapterConfig& config, const Tensors& tensors, const std::string& where,
                   Lines& warnings) {
  std::visit([&]<class C>(C& c) { call(C::hooks.trust_tensors, c, tensors, where, warnings); },
             config);
}

std::vector<StoredLayer> stored_layers(const AdapterConfig& config, const Tensors& tensors,
                                       const std::string& where) {
  return std::visit(
      [&]<class C>(const C& c) {
        std::vector<StoredLayer> layers = LayerOf<C>::stored(tensors, c, where);
        check<FileError>(!layers.empty(), where, ": holds no ", C::peft_type, " parameters (",
                         LayerOf<C>::main_parameter, ')');
        return layers;
      },
      config);
}

const char* no_compact_form(const AdapterConfig& config) {
  return std::visit([]<class C>(const C&) { return LayerOf<C>::no_compact_form; }, config);
}

Tensors compacted(const AdapterConfig& config, const Tensors& tensors) {
  return std::visit(
      [&]<class C>(const C&) {
        return C::hooks.compacted != nullptr ? C::hooks.compacted(tensors) : tensors;
      },
      config);
}

Tensors expanded(const AdapterConfig& config, const Tensors& tensors, const std::string& where) {
  return std::visit(
      [&]<class C>(const C&) {
        return C::hooks.expanded != nullptr ? C::hooks.expanded(tensors, where) : tensors;
      },
      config);
}

}  // namespace papilio::boft
