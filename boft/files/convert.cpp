#include "boft/files/convert.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <variant>

#include "autograd/grad_mode.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/cast.h"
#include "autograd/ops/shape.h"
#include "boft/methods/boft.h"
#include "boft/methods/oft.h"
#include "boft/ops/skew_symmetric.h"
#include "nn/adapter.h"
#include "nn/models/detail/transformers_names.h"
#include "tensor/copy.h"
#include "tensor/creation.h"

namespace papilio::boft {

namespace {

constexpr std::string_view kBoftR = ".boft_R", kBoftS = ".boft_s", kOftR = ".oft_R.weight";

std::string layer_of(const std::string& key, std::string_view ending) {
  return key.substr(0, key.size() - ending.size());
}

// `to` with the targets, biases and facts of `from`.
template <class To, class From>
To with_shared(To to, const From& from) {
  shared_fields(to) = shared_fields(from);
  to.fan_in_fan_out = from.fan_in_fan_out;
  to.bias = from.bias == From::own_bias ? To::own_bias : from.bias;
  return to;
}

template <class Config>
const Config& config_of(const AdapterFolder& adapter, const char* operation, const char* wanted) {
  const auto* config = std::get_if<Config>(&adapter.config);
  check(config != nullptr, operation, ": expected ", wanted, " adapter, got ",
        peft_type(adapter.config));
  return *config;
}

void check_scale_is_one(const std::string& layer, const Tensor& s) {
  double worst = 0;
  for (const double value : s.to_vector<double>())
    worst = std::isnan(value) ? value : std::max(worst, std::abs(value - 1));
  check(worst == 0, "boft_to_oft: ", layer, ": boft_s is not 1 (it differs by up to ", worst,
        "), and OFT has no scale; merge the adapter instead");
}

// Layers of the base by the path that keys give them.
std::map<std::string, nn::AdaptableLayer*> layers_of(nn::Module& base) {
  std::map<std::string, nn::AdaptableLayer*> layers;
  nn::for_each_module(base, [&](const std::string& path, nn::Module& module) {
    if (auto* layer = dynamic_cast<nn::AdaptableLayer*>(&module)) layers[path] = layer;
  });
  return layers;
}

}  // namespace

AdapterFolder boft_to_oft(const AdapterFolder& adapter) {
  const NoGrad no_grad;
  const auto& from = config_of<BoftConfig>(adapter, "boft_to_oft", "a BOFT");
  check(from.boft_n_butterfly_factor == 1, "boft_to_oft: the adapter has ",
        from.boft_n_butterfly_factor, " butterfly factors; OFT has one; merge the adapter instead");
  AdapterFolder result = adapter;
  result.config = with_shared(OftConfig{.r = from.boft_block_num,
                                        .oft_block_size = from.boft_block_size,
                                        .module_dropout = from.boft_dropout,
                                        .use_cayley_neumann = false,
                                        .init_weights = from.init_weights},
                              from);
  result.tensors.clear();
  for (const auto& [key, tensor] : adapter.tensors) {
    if (key.ends_with(kBoftS)) {
      check_scale_is_one(layer_of(key, kBoftS), tensor);
    } else if (key.ends_with(kBoftR)) {
      const bool blocks =
          tensor.dim() == 4 && tensor.size(0) == 1 && tensor.size(2) == tensor.size(3);
      check(blocks && is_floating(tensor.dtype()), "boft_to_oft: ", key,
            ": expected numbers of shape (1, N, b, b), got ", tensor.dtype(), tensor.shape());
      const Tensor r = cast(tensor, working_dtype(tensor.dtype(), DType::float32));
      const Tensor s = (r - transpose(r, -2, -1)) * 0.5;
      result.tensors[layer_of(key, kBoftR) + std::string(kOftR)] = upper_triangle(select(s, 0, 0));
    } else {
      result.tensors[key] = tensor;
    }
  }
  return result;
}

AdapterFolder oft_to_boft(const AdapterFolder& adapter, nn::Module& base) {
  const NoGrad no_grad;
  const auto& from = config_of<OftConfig>(adapter, "oft_to_boft", "an OFT");
  check(!from.use_cayley_neumann,
        "oft_to_boft: the adapter uses the Cayley-Neumann series, whose blocks are not exactly "
        "orthogonal, so that no BOFT adapter equals it; merge it instead");
  AdapterFolder result = adapter;
  result.tensors.clear();
  if (from.coft) {
    result.warnings.push_back(
        "coft: the rotations stay within its limit, further training as BOFT will not");
  }
  const auto layers = layers_of(base);
  std::set<int64_t> sizes, numbers;
  for (const auto& [key, tensor] : adapter.tensors) {
    check(!key.ends_with(".oft_embedding_R.weight"), "oft_to_boft: ", key,
          ": BOFT does not adapt embeddings");
    if (!key.ends_with(kOftR)) {
      result.tensors[key] = tensor;
      continue;
    }
    const std::string where = layer_of(key, kOftR);
    const auto found = where.starts_with(kKeyPrefix)
                           ? layers.find(nn::checkpoint_name(where.substr(kKeyPrefix.size())))
                           : layers.end();
    check(found != layers.end(), "oft_to_boft: ", key, ": the base model has no such layer");
    const nn::AdaptableLayer& layer = *found->second;
    check(tensor.dim() == 2 && is_floating(tensor.dtype()), "oft_to_boft: ", key,
          ": expected numbers of shape (N, b (b - 1) / 2), got ", tensor.dtype(), tensor.shape());
    const int64_t b = block_size_of_triangle(tensor.size(1));
    const int64_t d = layer.adapted_inputs(), n = b > 0 ? d / b : 0;
    check(b > 0 && d % b == 0 && tensor.size(0) == (from.block_share ? 1 : n), "oft_to_boft: ", key,
          ": shape ", tensor.shape(), " does not fit the layer's ", d, " inputs");
    const Tensor upper = copy_of(tensor);
    if (from.coft) clip_blocks(upper, from.eps);
    const Tensor r = reshape(skew_symmetric(upper, b), {1, upper.size(0), b, b});
    result.tensors[where + std::string(kBoftR)] = contiguous(expand(r, {1, n, b, b}));
    const int64_t out = layer.adapted_outputs();
    result.tensors[where + std::string(kBoftS)] =
        ones(layer.weight_dim() == 2 ? Dims{out, 1} : Dims{1, out}, {.dtype = tensor.dtype()});
    sizes.insert(b), numbers.insert(n);
  }
  const bool by_size = from.oft_block_size != 0 && sizes.size() == 1;
  check(by_size || numbers.size() == 1, "oft_to_boft: the layers' block sizes were adjusted to ",
        sizes.size(), " different ones, and BOFT has one for all; merge the adapter instead");
  result.config = with_shared(BoftConfig{.boft_block_size = by_size ? *sizes.begin() : 0,
                                         .boft_block_num = by_size ? 0 : *numbers.begin(),
                                         // A shared block is never dropped.
                                         .boft_dropout = from.block_share ? 0 : from.module_dropout,
                                         .init_weights = from.init_weights},
                              from);
  return result;
}

AdapterFolder as_method(const AdapterFolder& adapter, const std::string& type, nn::Module* base) {
  const std::string own = peft_type(adapter.config);
  for (const std::string& name : {own, type}) {
    check(name == BoftConfig::peft_type || name == OftConfig::peft_type, "convert: an adapter of ",
          own, " cannot be written as ", type, "; only BOFT and OFT can, as each other");
  }
  if (own == type) return adapter;
  if (type == OftConfig::peft_type) return boft_to_oft(adapter);
  check(base != nullptr, "convert: OFT as BOFT needs the model that the adapter is for");
  return oft_to_boft(adapter, *base);
}

}  // namespace papilio::boft
