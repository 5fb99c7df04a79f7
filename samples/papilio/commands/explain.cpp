#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/files/adapter_folder.h"
#include "boft/geometry/angles.h"
#include "boft/geometry/singular_values.h"
#include "boft/methods/adapter.h"
#include "boft/model/attach.h"
#include "boft/ops.h"
#include "boft/ops/butterfly_graph.h"
#include "samples/papilio/commands/commands.h"
#include "samples/papilio/data/median.h"
#include "samples/papilio/models/model.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/output_file.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/report/report_data.h"
#include "samples/report/pages/explain_report.h"
#include "samples/report/pages/html.h"
#include "tensor/copy.h"
#include "tensor/files/atomic_file.h"
#include "tensor/random.h"

namespace papilio::cli {

namespace {

constexpr int64_t kMostCoordinates = 256;  // of pictures of whole matrices
constexpr double kDrawn = 0.4;             // of the entries of a drawn R

struct Settings {
  std::string adapter, model, layer, out = "explain.html";
  int64_t d = 64, block_size = 4, factors = 2, seed = 0;
  double dropout = 0.3;
  Common common;
};

Options declare(Settings& s) {
  Options options("explain", "[ADAPTER MODEL] [options]",
                  "Pictures of a butterfly of size (d, b, m), or of the layer of a BOFT or OFT "
                  "adapter that turned most: its factors, who reaches whom, spectrum, angles, the "
                  "way back, and what dropout removes. One page, which any browser opens.");
  options.section("What to explain");
  options.add("ADAPTER", &s.adapter, "", "adapter folder; without one a rotation is drawn");
  options.add("MODEL", &s.model, "", "the model it was made for: shows singular values too");
  options.add("layer", &s.layer, "PATH", "layer of the adapter").default_is("what turned most");
  options.add("d,coordinates", &s.d, "D", "coordinates, of no adapter").range(1, kMostCoordinates);
  options.add("b,block-size", &s.block_size, "B", "size of a block").range(1);
  options.add("m,factors", &s.factors, "M", "butterfly factors").range(1, 60);
  options.add("dropout", &s.dropout, "P", "share of blocks left out in the last picture")
      .below(0, 1);
  options.add("seed", &s.seed, "N", "of what is drawn").range(0);
  options.add("o,out", &s.out, "FILE", "page to write");
  add_common(options, s.common);
  options.example("papilio explain -d 64 -b 4 -m 3");
  options.example("papilio explain runs/boft runs/base");
  return options;
}

// One rotation in blocks: q (m, N, b, b), float64.
struct Rotation {
  std::string layer = {};
  Tensor q;

  int64_t d() const { return q.size(1) * q.size(3); }
};

Rotation drawn(const Settings& s) {
  const ButterflyShape shape = butterfly_shape("explain", s.d, s.block_size, 0, s.factors);
  Generator generator(uint64_t(s.seed));
  return {"", cayley(kDrawn * randn(shape.factors(), {.dtype = DType::float64}, generator))};
}

// The layer that is named, or that turned most.
Rotation chosen(const Settings& s, const std::vector<boft::StoredLayer>& layers) {
  Rotation best;
  double most = -1;
  for (const boft::StoredLayer& layer : layers) {
    const double angle = median(boft::rotation_angles(layer.rotations));
    if (s.layer.empty() ? angle <= most : layer.path != s.layer) continue;
    most = angle;
    best = {layer.path, copy_of(layer.rotations, DType::float64)};
  }
  check<UsageError>(best.q.defined(), "--layer: the adapter has no layer ", s.layer);
  return best;
}

// Factor i alone: the others are identities.
Tensor only(const Tensor& q, int64_t from, int64_t to) {
  Tensor factors = clone(q);
  const Tensor identity = eye(q.size(-1), {.dtype = q.dtype()});
  for (int64_t i = 0; i < q.size(0); ++i)
    if (i < from || i >= to) copy_(select(factors, 0, i), identity);
  return butterfly_matrix(factors);
}

// The whole segments that a picture has room for: blocks of one segment turn that segment alone.
Tensor shown_part(const Tensor& q) {
  const int64_t m = q.size(0), b = q.size(3), each = int64_t(1) << (m - 1);
  const int64_t segments = std::max<int64_t>(1, kMostCoordinates / 2 / (each * b));
  return contiguous(slice(q, 1, 0, std::min(q.size(1), segments * each)));
}

double distance(const Tensor& x, const Tensor& y) {
  const Tensor difference = x - y;
  return std::sqrt(sum(difference * difference).item() / double(x.size(0)));
}

void add_way(report::ExplainReport& page, const Tensor& q) {
  const Tensor R = butterfly_matrix(q), I = eye(R.size(0), {.dtype = R.dtype()});
  // The planes of a rotation are those of its skew-symmetric part.
  const Tensor planes = q - transpose(q, -1, -2);
  for (int i = 0; i <= 20; ++i) {
    const Tensor part = butterfly_matrix(rotation_power(q, planes, i / 20.));
    page.strengths.push_back(i / 20.);
    page.from_whole.push_back(distance(part, R));
    page.from_identity.push_back(distance(part, I));
  }
}

void add_dropout(report::ExplainReport& page, const Tensor& q, const Settings& s) {
  const int64_t dropped = int64_t(s.dropout * double(q.size(1)));
  if (dropped == 0) return;
  Generator generator(uint64_t(s.seed) + 1);
  page.dropped = matrix_of(butterfly_matrix(multiplicative_dropout(q, s.dropout, true, generator)));
  page.dropped_text = str(dropped, " of ", q.size(1), " blocks of one factor");
}

void add_rotation(report::ExplainReport& page, const Rotation& rotation, const Settings& s) {
  const Tensor& q = rotation.q;
  const int64_t m = q.size(0), b = q.size(3), d = rotation.d();
  page.shape = {.d = int(d), .b = int(b), .m = int(m)};
  page.layer = rotation.layer;
  const ButterflyShape shape = butterfly_shape("explain", d, b, 0, m);
  const int64_t angles = m * d * (b - 1) / 2;
  page.facts = {{"d, b, m", str(d, ", ", b, ", ", m)},
                {"edges m d b, of d²", str(butterfly_edges(shape), " of ", d * d)},
                {"coordinates reached", str(shape.segment())},
                {"angles m d (b − 1) / 2, of all", str(angles, " of ", d * (d - 1) / 2)},
                {"max |R Rᵀ − I|", short_number(boft::orthogonality_error(q), 2)}};
  const Tensor part = shown_part(q);
  for (int64_t i = 0; i < m; ++i) {
    page.factors.push_back(matrix_of(only(part, i, i + 1)));
    page.products.push_back(matrix_of(only(part, 0, i + 1)));
  }
  if (part.size(1) < q.size(1))
    page.facts.push_back({"pictures of matrices", str("the first ", part.size(1) * b,
                                                      " coordinates; the others are alike")});
  page.angles = degrees(boft::rotation_angles(butterfly_matrix(part)));
  add_way(page, part);
  add_dropout(page, part, s);
}

// W and W' of the layer, from the model.
void add_singular_values(report::ExplainReport& page, const LoadedModel& loaded) {
  for (const boft::LayerRef& ref : loaded.adapters->layers("default")) {
    if (ref.path != page.layer) continue;
    const Tensor before = ref.layer->matrix(),
                 after = ref.layer->adapters.merged_weight(before, {"default"}, false);
    if (std::min(before.size(0), before.size(1)) > kMostCoordinates) return;
    page.singular_values_before = boft::singular_values(before);
    page.singular_values_after = boft::singular_values(after);
  }
}

}  // namespace

int explain(const Words& words) {
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  check_can_be_written(s.out);
  set_threads(s.common);
  const NoGrad no_grad;
  options.applies_when(s.adapter.empty(), {&s.d, &s.block_size, &s.factors}, "no ADAPTER");
  options.applies_when(!s.adapter.empty(), {&s.layer}, "ADAPTER");
  report::ExplainReport page;
  if (s.adapter.empty()) {
    page.title = str("A butterfly: d = ", s.d, ", b = ", s.block_size, ", m = ", s.factors);
    page.subject = "A rotation with blocks drawn at random.";
    add_rotation(page, drawn(s), s);
  } else {
    const boft::AdapterFolder adapter = read_adapter(s.adapter);
    check<UsageError>(boft::rotates_in_blocks(adapter.config), s.adapter, ": ",
                      boft::peft_type(adapter.config),
                      " does not rotate in blocks, so there are none to draw");
    const auto layers = boft::stored_layers(adapter.config, adapter.tensors, adapter.file.string());
    for (const boft::StoredLayer& layer : layers)
      page.layers.push_back({layer.path, degrees(boft::rotation_angles(layer.rotations))});
    add_rotation(page, chosen(s, layers), s);
    page.title = str(boft::label(adapter.config), " in ", s.adapter);
    page.subject =
        str("The rotation of ", page.layer,
            s.layer.empty() ? ", which turned most: by the median of its planes' angles." : ".");
    if (s.model.empty()) {
      warn(options, adapter.warnings);
    } else {
      const LoadedModel loaded = load_model(s.model, {.adapter = s.adapter});
      warn(options, loaded.warnings);  // the adapter's too
      add_singular_values(page, loaded);
    }
  }
  if (s.common.json) {
    nlohmann::json facts = nlohmann::json::object();
    for (const report::Setting& fact : page.facts) facts[fact.name] = fact.value;
    print_json({{"command", "explain"}, {"out", s.out}, {"layer", page.layer}, {"facts", facts}});
  } else {
    for (const report::Setting& fact : page.facts)
      std::printf("%s: %s\n", fact.name.c_str(), fact.value.c_str());
  }
  write_file_atomically(s.out, report::render(page));
  if (!s.common.json) std::printf("%s: pictures of all this\n", s.out.c_str());
  return 0;
}

}  // namespace papilio::cli
