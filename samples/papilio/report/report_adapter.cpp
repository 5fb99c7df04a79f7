#include "samples/papilio/report/report_adapter.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/geometry/angles.h"
#include "boft/geometry/energy.h"
#include "boft/methods/methods.h"
#include "boft/methods/oft.h"
#include "boft/ops/butterfly_rotation.h"
#include "nn/adapter.h"
#include "samples/papilio/data/median.h"
#include "samples/papilio/report/report_data.h"
#include "tensor/copy.h"
#include "tensor/detail/lower_case.h"

namespace papilio::cli {

namespace {

constexpr int64_t kRows = 256;             // of a weight, in its energy and its angles
constexpr int64_t kLargestBlock = 128;     // whose angles are computed: Jacobi rotations are O(b^3)
constexpr double kMostOperations = 1e10;   // in all layers: some seconds
constexpr int64_t kShownCoordinates = 96;  // of R, in whole segments
constexpr int64_t kLargestSegment = 2048;

struct Layer {
  std::string path;
  nn::AdaptableLayer* layer;
  nn::Adapter* adapter;
  Tensor q;  // may be undefined

  double operations() const {
    const auto rows = double(std::min(layer->adapted_outputs(), kRows));
    double count = 2 * rows * rows * double(layer->adapted_inputs());
    if (q.defined() && q.size(-1) <= kLargestBlock) count += 100 * double(q.numel() * q.size(-1));
    return count;
  }
};

// All of them, or evenly chosen ones that together cost no more than is allowed.
std::vector<Layer> affordable(const std::vector<Layer>& layers) {
  for (size_t every = 1;; ++every) {
    std::vector<Layer> chosen;
    double operations = 0;
    for (size_t i = 0; i < layers.size(); i += every) {
      chosen.push_back(layers[i]);
      operations += layers[i].operations();
    }
    if (operations <= kMostOperations || chosen.size() <= 1) return chosen;
  }
}

Tensor first_rows(const Tensor& w) {
  return slice(w, 0, 0, std::min(w.size(0), kRows));
}

double norm(const Tensor& x) {
  return std::sqrt(sum(x * x).item());
}

report::AdaptedLayerReport describe(const Layer& l, const Tensor& before, const Tensor& after) {
  report::AdaptedLayerReport r{.path = l.path, .inputs = before.size(1), .outputs = before.size(0)};
  r.energy_before = boft::hyperspherical_energy(first_rows(before));
  r.energy_after = boft::hyperspherical_energy(first_rows(after));
  r.relative_change = norm(after - before) / norm(before);
  if (!l.q.defined()) return r;
  const int64_t b = l.q.size(-1);
  r.blocks =
      str(l.q.size(0), "\u00A0\u00D7\u00A0", l.q.size(1), " of ", b, "\u00A0\u00D7\u00A0", b);
  r.orthogonality_error = boft::orthogonality_error(l.q);
  if (b <= kLargestBlock) r.degrees = degrees(boft::rotation_angles(l.q));
  return r;
}

// How much a layer changed, to choose the one whose pictures are shown: as `papilio explain` does,
// which looks at every layer.
double change_of(const report::AdaptedLayerReport& r) {
  return r.degrees.empty() ? r.relative_change : median(r.degrees);
}

void show_rotation(report::AdapterReport& report, const Tensor& q, int64_t coordinates) {
  const int64_t m = q.size(0), b = q.size(-1), blocks = int64_t(1) << (m - 1);
  const int64_t segment = b * blocks;
  if (segment > kLargestSegment) return;
  report.butterfly = {.d = int(coordinates), .b = int(b), .m = int(m)};
  report.coordinates = coordinates;
  // The blocks of the first segments rotate these segments alone.
  const int64_t segments =
      std::min(std::max<int64_t>(kShownCoordinates / segment, 1), q.size(1) / blocks);
  report.rotation = matrix_of(butterfly_matrix(contiguous_data(slice(q, 1, 0, segments * blocks))));
}

}  // namespace

void report_adapter(report::RunReport& page, const boft::AdapterModel* adapters) {
  if (adapters == nullptr || adapters->active().empty()) return;
  const NoGrad no_grad;
  const std::string name = adapters->active().front();
  const boft::AdapterConfig& config = adapters->config(name);
  report::AdapterReport& report = page.adapter;
  report.label = boft::label(config);
  report.keeps_angles = boft::keeps_angles(config);
  report.has_scale = boft::has_scale(config);
  report.method = lower_case(boft::peft_type(config));
  std::vector<Layer> all;
  for (const auto& [path, layer, adapter] : adapters->layers(name))
    all.push_back({path, layer, adapter, adapter->rotations(false)});
  report.layers_in_model = int64_t(all.size());

  double most = -1;
  for (const Layer& l : affordable(all)) {
    const Tensor before = l.layer->matrix(),
                 after = l.layer->adapters.merged_weight(before, {name}, false);
    report::AdaptedLayerReport layer = describe(l, before, after);
    if (layer.outputs > kRows) report.energy_rows = kRows;
    if (change_of(layer) > most) {
      most = change_of(layer);
      report.picture_layer = l.path;
      report.butterfly = {};
      report.rotation = {};
      report.row_angles_before = degrees(boft::pairwise_angles(first_rows(before)));
      report.row_angles_after = degrees(boft::pairwise_angles(first_rows(after)));
      if (l.q.defined()) show_rotation(report, l.q, layer.inputs);
    }
    report.layers.push_back(std::move(layer));
  }
}

}  // namespace papilio::cli
