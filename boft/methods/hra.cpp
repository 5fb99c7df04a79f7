#include "boft/methods/hra.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "autograd/backward.h"
#include "autograd/ops/arithmetic.h"
#include "autograd/ops/cast.h"
#include "autograd/ops/shape.h"
#include "boft/ops/gram_schmidt.h"
#include "boft/ops/householder.h"
#include "nn/init.h"
#include "tensor/creation.h"

namespace papilio::boft {

namespace {

void check_hra(const std::string& path, int64_t d, const HraConfig& config) {
  config.validate();
  check(!config.apply_GS || config.r <= d, path, ": apply_GS makes r vectors of ", d,
        " numbers orthonormal, so expected r <= ", d, ", got ", config.r);
}

// The dimension of the set of reflections' products: orthogonal R with rank(I - R) = r, or with
// apply_GS subspaces of dimension r.
int64_t degrees_of_freedom(int64_t d, int64_t r, bool apply_GS) {
  r = std::min(r, d);
  return apply_GS ? r * (d - r) : r * d - r * (r + 1) / 2;
}

std::string start_warning(const HraConfig& config) {
  if (!config.init_weights) return "";
  if (config.apply_GS)
    return "apply_GS: reflections by orthonormal vectors are never the identity, so the adapter "
           "changes the model from its first step";
  if (config.r % 2 != 0)
    return str("r = ", config.r,
               " is odd, so the reflections do not cancel two by two and the adapter changes the "
               "model from its first step");
  return "";
}

}  // namespace

void HraConfig::fields(FieldVisitor& v) {
  v.integer("r", r, 1, std::numeric_limits<int32_t>::max());  // counts of parameters fit a number
  v.flag("apply_GS", apply_GS);
  v.flag("init_weights", init_weights);
  visit_shared(v, *this);
}

void HraConfig::validate() const {
  check_fields(*this);
}

std::string HraConfig::label() const {
  return str("HRA r=", r, apply_GS ? " GS" : "");
}

const Hooks<HraConfig> HraConfig::hooks = {.start_warning = start_warning};

HraLayer::HraLayer(const std::string& path, const nn::AdaptableLayer& layer,
                   const HraConfig& config, Lines&)
    : apply_GS(config.apply_GS) {
  const int64_t d = layer.adapted_inputs(), r = config.r;
  check_hra(path, d, config);
  const bool paired = config.init_weights && start_warning(config).empty();
  const Tensor columns = empty({d, paired ? r / 2 : r});
  nn::kaiming_uniform_(columns);
  hra_u = leaf(paired ? contiguous(reshape(expand(unsqueeze(columns, -1), {d, r / 2, 2}), {d, r}))
                      : columns);
}

Tensor HraLayer::vectors() const {
  return apply_GS ? gram_schmidt(hra_u) : hra_u;
}

Tensor HraLayer::weight(const Tensor& w, bool training_now) {
  check_strength(training_now);
  const DType dtype = working_dtype(w.dtype(), hra_u.dtype());
  const Tensor base = cast(w, dtype), reflected = householder(base, vectors());
  return cast(strength == 1 ? reflected : base + strength * (reflected - base), w.dtype());
}

Tensor HraLayer::linear(const Tensor& x, const nn::AdaptedWeight& inside, const Tensor& bias) {
  check_strength(training);
  Tensor y = inside.linear(householder_transposed(x, vectors()), bias);
  if (strength == 1) return y;
  const Tensor base = inside.linear(x, bias);
  return base + strength * (y - base);
}

void HraLayer::visit(nn::Visitor& v) {
  v("hra_u", hra_u);
}

std::string HraLayer::describe() const {
  return str("HRA(r = ", hra_u.size(1), apply_GS ? ", Gram-Schmidt)" : ")");
}

void HraLayer::plan(LayerPlan& plan, const nn::AdaptableLayer&, const HraConfig& config, Lines&) {
  check_hra(plan.path, plan.d, config);
  plan.rank = config.r;
  plan.parameters = plan.d * config.r;
  plan.degrees_of_freedom = degrees_of_freedom(plan.d, config.r, config.apply_GS);
}

std::vector<StoredLayer> HraLayer::stored(const Tensors& tensors, const HraConfig& config,
                                          const std::string& where) {
  std::vector<StoredLayer> layers;
  for (const auto& [key, u] : tensors) {
    const std::string path = layer_of_key(key, ".hra_u");
    if (path.empty()) continue;
    check<FileError>(u.dim() == 2 && is_floating(u.dtype()), where, ": ", key,
                     ": expected numbers of shape [d, r], got ", u.shape());
    const int64_t d = u.size(0), r = u.size(1);
    layers.push_back({.path = path,
                      .sizes = {{"r", r}, {"in", d}},
                      .parameters = u.numel(),
                      .degrees_of_freedom = degrees_of_freedom(d, r, config.apply_GS)});
  }
  return layers;
}

}  // namespace papilio::boft
