#include "boft/methods/boft.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "autograd/backward.h"
#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/ops/boft_linear.h"
#include "boft/ops/butterfly_rotation.h"
#include "boft/ops/butterfly_shape.h"
#include "boft/ops/cayley.h"
#include "boft/ops/multiplicative_dropout.h"
#include "boft/ops/rotation_power.h"
#include "boft/ops/skew_symmetric.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/random.h"

namespace papilio::boft {

namespace {

// A file's blocks, and their upper triangles in the compact form.
constexpr std::string_view kFull = ".boft_R", kUpper = ".boft_R_upper";

Tensors compacted(const Tensors& tensors) {
  const NoGrad no_grad;
  Tensors result;
  for (const auto& [key, tensor] : tensors) {
    if (!key.ends_with(kFull)) {
      result[key] = tensor;
      continue;
    }
    const bool blocks = tensor.dim() == 4 && tensor.size(2) == tensor.size(3);
    check(blocks && is_floating(tensor.dtype()), "compact form: ", key,
          ": expected numbers of shape (m, N, b, b), got ", tensor.dtype(), tensor.shape());
    // 16-bit numbers would be rounded once more.
    const Tensor r = cast(tensor, working_dtype(tensor.dtype(), DType::float32));
    result[with_ending(key, kFull, kUpper)] = upper_triangle((r - transpose(r, -2, -1)) * 0.5);
  }
  return result;
}

Tensors expanded(const Tensors& tensors, const std::string& where) {
  const NoGrad no_grad;
  Tensors result;
  for (const auto& [key, tensor] : tensors) {
    if (!key.ends_with(kUpper)) {
      result[key] = tensor;
      continue;
    }
    const int64_t b = tensor.dim() == 3 ? block_size_of_triangle(tensor.size(-1)) : 0;
    check<FileError>(b > 0 && is_floating(tensor.dtype()), where, ": ", key,
                     ": expected numbers of shape (m, N, b (b - 1) / 2), got ", tensor.shape());
    result[with_ending(key, kUpper, kFull)] = skew_symmetric(tensor, b);
  }
  return result;
}

std::string dropout_warning(const BoftConfig& config, const std::vector<int64_t>& block_nums) {
  return boft::dropout_warning("boft_dropout", config.boft_dropout, block_nums);
}

// PEFT without its CUDA extension trains one factor, whatever the configuration says, and leaves
// the configuration as it is. Then the tensors are right.
void trust_tensors(BoftConfig& config, const Tensors& tensors, const std::string& where,
                   Lines& warnings) {
  if (config.boft_n_butterfly_factor <= 1) return;
  bool any = false;
  for (const auto& [key, tensor] : tensors) {
    if (!key.ends_with(kFull)) continue;
    if (tensor.dim() != 4 || tensor.size(0) != 1) return;
    any = true;
  }
  if (!any) return;
  warnings.push_back(str(where,
                         ": trained with one butterfly factor, not boft_n_butterfly_factor = ",
                         config.boft_n_butterfly_factor,
                         " (PEFT does so without its CUDA extension); loaded with one"));
  config.boft_n_butterfly_factor = 1;
}

}  // namespace

void BoftConfig::fields(FieldVisitor& v) {
  v.integer("boft_block_size", boft_block_size, 0);
  v.integer("boft_block_num", boft_block_num, 0);
  v.integer("boft_n_butterfly_factor", boft_n_butterfly_factor, 1);
  v.rate("boft_dropout", boft_dropout);
  v.flag("init_weights", init_weights);
  visit_shared(v, *this);
}

void BoftConfig::validate() const {
  check_fields(*this);
  check(boft_block_size != 0 || boft_block_num != 0,
        "BoftConfig: boft_block_size and boft_block_num are both 0; give one of them");
  check(boft_block_size == 0 || boft_block_num == 0,
        "BoftConfig: give boft_block_size or boft_block_num, not both (", boft_block_size, " and ",
        boft_block_num, "); set the other to 0");
}

std::string BoftConfig::label() const {
  return str("BOFT ", boft_block_size > 0 ? str("b=", boft_block_size) : str("N=", boft_block_num),
             " m=", boft_n_butterfly_factor,
             scale == BoftScale::none ? " s=1" : (scale == BoftScale::positive ? " s>0" : ""));
}

const Hooks<BoftConfig> BoftConfig::hooks = {.dropout_warning = dropout_warning,
                                             .trust_tensors = trust_tensors,
                                             .compacted = compacted,
                                             .expanded = expanded};

BoftLayer::BoftLayer(const std::string& path, const nn::AdaptableLayer& layer,
                     const BoftConfig& config)
    : dropout(config.boft_dropout), kind(config.scale) {
  config.validate();
  const int64_t d = layer.adapted_inputs(), out = layer.adapted_outputs();
  const ButterflyShape shape = butterfly_shape(
      path, d, config.boft_block_size, config.boft_block_num, config.boft_n_butterfly_factor);
  const Dims r = shape.factors();
  const Dims s = layer.weight_dim() == 2 ? Dims{out, 1} : Dims{1, out};
  boft_R = leaf(config.init_weights ? zeros(r) : normal(r, 0, 0.1));
  if (kind == BoftScale::positive)
    boft_u = leaf(config.init_weights ? zeros(s) : normal(s, 0, 0.1));
  else if (kind == BoftScale::none)
    boft_s = ones(s);
  else
    boft_s = leaf(config.init_weights ? ones(s) : normal(s, 1, 0.1));
}

Tensor BoftLayer::rotations(bool training) {
  check_strength(training);
  const Tensor q = cayley(boft_R);
  if (strength != 1) return rotation_power(q, boft_R - transpose(boft_R, -1, -2), strength);
  return multiplicative_dropout(q, dropout, training, default_generator());
}

Tensor BoftLayer::scale(DType dtype) const {
  const Tensor s = reshape(kind == BoftScale::positive ? exp(boft_u) : boft_s, {-1, 1});
  return cast(strength == 1 ? s : 1 + strength * (s - 1), dtype);
}

Tensors BoftLayer::tensors() {
  Tensors result = LayerAdapter::tensors();
  if (result.erase("boft_u") > 0) result["boft_s"] = exp(boft_u.detach());
  return result;
}

Tensor BoftLayer::weight(const Tensor& w, bool training) {
  const DType dtype = working_dtype(w.dtype(), boft_R.dtype());
  const Tensor turned = butterfly_rotation_transposed(cast(w, dtype), rotations(training));
  return cast(turned * scale(dtype), w.dtype());
}

Tensor BoftLayer::linear(const Tensor& x, const nn::AdaptedWeight& inside, const Tensor& bias) {
  const DType dtype = working_dtype(x.dtype(), boft_R.dtype());
  const Tensor q = rotations(training), s = scale(dtype);
  if (const Tensor w = inside.base(); w && w.dtype() == dtype) return boft_linear(x, w, bias, q, s);
  // s o (y - bias) + bias, so arranged that s = 1 leaves every bit of y in 16 bits too.
  const Tensor inner = inside.linear(butterfly_rotation(x, q), bias), of_output = reshape(s, {-1});
  const Tensor y = cast(inner, dtype) * of_output;
  return cast(bias ? y + cast(bias, dtype) * (1 - of_output) : y, inner.dtype());
}

void BoftLayer::visit(nn::Visitor& v) {
  v("boft_R", boft_R);
  v.undecayed("boft_u", boft_u);
  kind == BoftScale::none ? v.buffer("boft_s", boft_s) : v.undecayed("boft_s", boft_s);
}

std::string BoftLayer::describe() const {
  return str("BOFT(b = ", block_size(), ", N = ", block_num(), ", m = ", butterfly_factors(), ")");
}

void BoftLayer::plan(LayerPlan& plan, const nn::AdaptableLayer&, const BoftConfig& config, Lines&) {
  config.validate();
  const ButterflyShape shape =
      butterfly_shape(plan.path, plan.d, config.boft_block_size, config.boft_block_num,
                      config.boft_n_butterfly_factor);
  plan.block_size = shape.b;
  plan.block_num = shape.blocks;
  plan.factors = shape.m;
  const int64_t blocks = shape.m * shape.blocks;
  const int64_t scales = config.scale == BoftScale::none ? 0 : plan.out;
  plan.parameters = blocks * shape.b * shape.b + scales;
  plan.degrees_of_freedom = blocks * shape.b * (shape.b - 1) / 2 + scales;
}

std::vector<StoredLayer> BoftLayer::stored(const Tensors& tensors, const BoftConfig&,
                                           const std::string& where) {
  std::vector<StoredLayer> layers;
  for (const auto& [key, r] : tensors) {
    const std::string path = layer_of_key(key, ".boft_R");
    if (path.empty()) continue;
    check<FileError>(r.dim() == 4 && r.size(2) == r.size(3) && is_floating(r.dtype()), where, ": ",
                     path, ".boft_R: expected numbers of shape [m, N, b, b], got ", r.shape());
    const auto scale = tensors.find(str(kKeyPrefix, path, ".boft_s"));
    const int64_t outputs = scale == tensors.end() ? 0 : scale->second.numel();
    const int64_t b = r.size(2), blocks = r.size(0) * r.size(1);
    layers.push_back({.path = path,
                      .rotations = cayley(copy_of(r, DType::float32)),
                      .parameters = r.numel() + outputs,
                      .degrees_of_freedom = blocks * b * (b - 1) / 2 + outputs});
  }
  return layers;
}

}  // namespace papilio::boft
