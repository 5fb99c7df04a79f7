#include "boft/methods/oft.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "autograd/backward.h"
#include "autograd/checkpoint.h"
#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/ops/boft_linear.h"
#include "boft/ops/butterfly_rotation.h"
#include "boft/ops/cayley.h"
#include "boft/ops/cayley_neumann.h"
#include "boft/ops/multiplicative_dropout.h"
#include "boft/ops/rotation_power.h"
#include "boft/ops/skew_symmetric.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/files/detail/json.h"
#include "tensor/random.h"

namespace papilio::boft {

namespace {

// The divisor of d nearest to n, the lower of two; d for n > d.
int64_t nearest_divisor(int64_t d, int64_t n) {
  n = std::min(n, d);
  for (int64_t distance = 0;; ++distance) {
    for (const int64_t candidate : {n - distance, n + distance})
      if (candidate >= 1 && d % candidate == 0) return candidate;
  }
}

// peft_version >= 0.18? Earlier releases did not write it.
bool since_0_18(JsonFields& fields) {
  std::pair<int, int> version{0, 0};
  std::sscanf(fields.string("peft_version", "").c_str(), "%d.%d", &version.first, &version.second);
  return version >= std::pair{0, 18};
}

// Q of every block, (blocks, b, b), of the triangles upper: (blocks, b (b - 1) / 2).
Tensor blocks_of(const Tensor& upper, int64_t b, const OftConfig& config) {
  const Tensor a = skew_symmetric(upper, b);
  if (!config.use_cayley_neumann) return cayley(a);
  return config.doubled_last_term ? cayley_neumann_doubled(a, config.num_cayley_neumann_terms)
                                  : cayley_neumann(a, config.num_cayley_neumann_terms);
}

std::string start_warning(const OftConfig& config) {
  if (!config.use_cayley_neumann || config.num_cayley_neumann_terms > 1) return "";
  return "num_cayley_neumann_terms = 1: the series ends at I, which no parameter changes, so the "
         "adapter learns nothing; use two terms or more";
}

std::string orthogonality_warning(const OftConfig& config, double error) {
  constexpr double kNearly = 1e-3;
  if (!config.use_cayley_neumann || error <= kNearly) return "";
  char number[32];
  std::snprintf(number, sizeof number, "%.2g", error);
  return str("the Cayley-Neumann series of ", config.num_cayley_neumann_terms,
             " terms has left the rotations: max |QQ' - I| = ", number,
             ", so angles and energy of the weights change; the exact Cayley transform keeps them");
}

std::string dropout_warning(const OftConfig& config, const std::vector<int64_t>& block_nums) {
  if (config.module_dropout > 0 && config.block_share && !block_nums.empty())
    return "module_dropout drops nothing: the block is shared";
  return boft::dropout_warning("module_dropout", config.module_dropout, block_nums);
}

void read_older(OftConfig& config, JsonFields& fields, const std::string& where, Lines& warnings) {
  check<FileError>(
      !fields.value("oft_block_size").is_null(), where,
      ": no oft_block_size: an OFT adapter from before PEFT 0.14, whose parameters mean "
      "something else; train it again, or merge it with PEFT 0.13 and use the result");
  if (since_0_18(fields)) return;
  if (fields.value("use_cayley_neumann").is_null()) {
    config.use_cayley_neumann = false;
    warnings.push_back(str(where,
                           ": no use_cayley_neumann: read as the exact Cayley transform, the only "
                           "one that releases of PEFT without this key had"));
  } else if (fields.boolean("use_cayley_neumann", config.use_cayley_neumann)) {
    config.doubled_last_term = true;
    warnings.push_back(
        str(where,
            ": written by a PEFT before 0.18: its rotations are computed by the Cayley-Neumann "
            "series of that release, which newer ones of PEFT would read by another"));
  }
}

bool is_from_before_0_18(const OftConfig& config) {
  return config.doubled_last_term;
}

}  // namespace

void OftConfig::fields(FieldVisitor& v) {
  v.integer("r", r, 0);
  v.integer("oft_block_size", oft_block_size, 0);
  v.rate("module_dropout", module_dropout);
  v.flag("coft", coft);
  v.number("eps", eps, 0);
  v.flag("block_share", block_share);
  v.flag("use_cayley_neumann", use_cayley_neumann);
  v.integer("num_cayley_neumann_terms", num_cayley_neumann_terms, 1, 64);
  v.flag("init_weights", init_weights);
  visit_shared(v, *this);
}

void OftConfig::validate() const {
  check_fields(*this);
  check(r != 0 || oft_block_size != 0,
        "OftConfig: r and oft_block_size are both 0; give one of them");
  check(r == 0 || oft_block_size == 0, "OftConfig: give r or oft_block_size, not both (", r,
        " and ", oft_block_size, "); set the other to 0");
}

std::string OftConfig::label() const {
  return str("OFT ", oft_block_size > 0 ? str("b=", oft_block_size) : str("N=", r));
}

const Hooks<OftConfig> OftConfig::hooks = {.start_warning = start_warning,
                                           .orthogonality_warning = orthogonality_warning,
                                           .dropout_warning = dropout_warning,
                                           .read_older = read_older,
                                           .is_from_before_0_18 = is_from_before_0_18};

OftShape oft_shape(const std::string& path, int64_t d, const OftConfig& config, Lines& warnings) {
  config.validate();
  check(d >= 1, path, ": has no inputs to rotate");
  const bool by_size = config.oft_block_size != 0;
  const int64_t wanted = by_size ? config.oft_block_size : config.r;
  const int64_t got = nearest_divisor(d, wanted);
  if (got != wanted) {
    const char* field = by_size ? "oft_block_size" : "r";
    warnings.push_back(
        str(path, ": invalid ", field, " ", wanted, " for ", d, " inputs; adjusted to ", got));
  }
  return by_size ? OftShape{d / got, got} : OftShape{got, d / got};
}

OftLayer::OftLayer(const std::string& path, const nn::AdaptableLayer& layer,
                   const OftConfig& config, Lines& warnings)
    : config(config),
      shape_(oft_shape(path, layer.adapted_inputs(), config, warnings)),
      embedding_(layer.kind() == nn::AdaptableLayer::Kind::embedding) {
  const int64_t b = shape_.block_size;
  const Dims shape{config.block_share ? 1 : shape_.blocks, b * (b - 1) / 2};
  oft_R = leaf(config.init_weights ? zeros(shape) : normal(shape, 0, 0.1));
}

Tensor OftLayer::rotations(bool training) {
  check_strength(training);
  if (config.coft && !recomputing()) clip_blocks(oft_R.detach(), config.eps);
  const int64_t b = block_size();
  Tensor q = blocks_of(oft_R, b, config);
  if (strength != 1) q = rotation_power(q, skew_symmetric(oft_R, b), strength);
  const Tensor factor = reshape(q, {1, q.size(0), b, b});
  if (config.block_share) return expand(factor, {1, block_num(), b, b});
  return multiplicative_dropout(factor, config.module_dropout, training);
}

Tensor OftLayer::weight(const Tensor& w, bool training) {
  const Tensor q = rotations(training);
  return embedding_ ? butterfly_rotation(w, q) : butterfly_rotation_transposed(w, q);
}

Tensor OftLayer::linear(const Tensor& x, const nn::AdaptedWeight& inside, const Tensor& bias) {
  const DType dtype = working_dtype(x.dtype(), oft_R.dtype());
  const Tensor q = rotations(training);
  // boft_linear takes orthogonal factors only, which the series is not.
  if (const Tensor w = inside.base(); w && w.dtype() == dtype && !config.use_cayley_neumann)
    return boft_linear(x, w, bias, q, ones({w.size(0), 1}, {dtype, x.device()}));
  return inside.linear(butterfly_rotation(x, q), bias);
}

void OftLayer::visit(nn::Visitor& v) {
  v(embedding_ ? "oft_embedding_R" : "oft_R", oft_R);
}

std::string OftLayer::describe() const {
  return str("OFT(b = ", block_size(), ", N = ", block_num(), config.block_share ? ", shared" : "",
             config.coft ? ", constrained" : "",
             config.use_cayley_neumann
                 ? str(", Cayley-Neumann with ", config.num_cayley_neumann_terms, " terms)")
                 : std::string(", Cayley)"));
}

std::string OftLayer::peft_difference(const nn::AdaptableLayer& layer) const {
  const bool patches = layer.weight_dim() == 4 && layer.weight.size(2) * layer.weight.size(3) > 1;
  return patches ? "is a convolution, where PEFT's OFT computes another function until it is "
                   "merged; here it is the merged one, and an adapter trained in PEFT may do worse"
                 : "";
}

void OftLayer::plan(LayerPlan& plan, const nn::AdaptableLayer&, const OftConfig& config,
                    Lines& warnings) {
  const OftShape shape = oft_shape(plan.path, plan.d, config, warnings);
  plan.block_size = shape.block_size;
  plan.block_num = shape.blocks;
  plan.factors = 1;
  plan.parameters =
      (config.block_share ? 1 : shape.blocks) * shape.block_size * (shape.block_size - 1) / 2;
  plan.degrees_of_freedom = plan.parameters;
}

// A shared block counts once.
std::vector<StoredLayer> OftLayer::stored(const Tensors& tensors, const OftConfig& config,
                                          const std::string& where) {
  std::vector<StoredLayer> layers;
  for (const auto& [key, upper] : tensors) {
    std::string path = layer_of_key(key, ".oft_R.weight");
    if (path.empty()) path = layer_of_key(key, ".oft_embedding_R.weight");
    if (path.empty()) continue;
    const int64_t b = upper.dim() == 2 ? block_size_of_triangle(upper.size(1)) : 0;
    check<FileError>(b > 0 && is_floating(upper.dtype()), where, ": ", key,
                     ": expected numbers of shape [N, b (b - 1) / 2], got ", upper.shape());
    const Tensor own = copy_of(upper, DType::float32);
    if (config.coft) clip_blocks(own, config.eps);
    layers.push_back({.path = path,
                      .rotations = reshape(blocks_of(own, b, config), {1, upper.size(0), b, b}),
                      .parameters = upper.numel(),
                      .degrees_of_freedom = upper.numel()});
  }
  return layers;
}

void clip_blocks(const Tensor& upper, double eps) {
  const NoGrad no_grad;
  const double most = eps / std::sqrt(double(upper.size(0)));
  // |A|^2 counts every entry of the triangle twice.
  const Tensor norm = sqrt(2 * sum(upper * upper, {-1}, true));
  const Tensor over = gt(norm, most);
  // A device is not asked: the answer would have to be waited for.
  if (upper.device().is_cpu() && sum(cast(over, DType::float32)).item<double>() == 0) return;
  copy_(upper, where(over, upper * (most / norm), upper));
}

}  // namespace papilio::boft
