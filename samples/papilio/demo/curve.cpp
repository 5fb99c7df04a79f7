#include "samples/papilio/demo/curve.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <optional>
#include <utility>

#include "autograd/grad_mode.h"
#include "autograd/ops.h"
#include "boft/geometry/angles.h"
#include "boft/model/attach.h"
#include "nn/train/progress.h"
#include "samples/papilio/data/median.h"
#include "samples/papilio/demo/curve_points.h"
#include "samples/papilio/demo/methods.h"
#include "samples/papilio/demo/task.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/run/interrupt.h"
#include "samples/papilio/version.h"
#include "tensor/copy.h"

namespace papilio::demo {

namespace {

constexpr double kPartsOfTheWay[] = {0.75, 0.5, 0.25};

using Weights = std::map<std::string, Tensor>;

double relative_change(const Weights& before, const Weights& after) {
  double change = 0, all = 0;
  for (const auto& [path, w] : before) {
    const Tensor d = after.at(path) - w;
    change += sum(d * d).item();
    all += sum(w * w).item();
  }
  return std::sqrt(change / all);
}

double median_angle(Run& run) {
  const NoGrad no_grad;
  std::vector<double> angles;
  if (run.adapters() != nullptr) {
    for (const boft::LayerRef& ref : run.adapters()->layers("default")) {
      const Tensor q = ref.adapter->rotations(false);
      if (!q.defined()) continue;
      const std::vector<double> own = boft::rotation_angles(q);
      angles.insert(angles.end(), own.begin(), own.end());
    }
  }
  if (angles.empty()) return CurvePoint::kNone;
  return cli::median(angles) * 180 / std::numbers::pi;
}

// One pretrained model, and what its weights were.
struct Base {
  Pretrained pretrained;
  Weights weights;
  double energy = 0;
};

Pretrained pretrained_with(const Task& task, const Hyperparameters& hyperparameters, uint64_t seed,
                           Device device, std::FILE* progress) {
  const int64_t batches = (task.old_classes.train->size() + hyperparameters.batch_size - 1) /
                          hyperparameters.batch_size;
  nn::Progress bar(progress, str("pretraining ", seed), hyperparameters.pretrain_epochs * batches);
  return pretrain(task, hyperparameters, seed, device, [&](int64_t step, double, int64_t images) {
    bar.update(step, images, "");
    return cli::Interruptible::signal() == 0;
  });
}

Base base_of(Pretrained pretrained) {
  Base base{std::move(pretrained), {}};
  Run run(base.pretrained, {.name = "base", .label = "base", .kind = DemoMethod::Kind::probe}, 0);
  base.weights = run.weights();
  base.energy = total_energy(base.weights);
  return base;
}

void measure(CurvePoint& point, Run& run, const Base& base, const Task& task) {
  const Weights weights = run.weights();
  point.learned = run.evaluate(task.batches(task.new_classes.test)).accuracy;
  point.kept = run.accuracy_old(task);
  point.energy_change = total_energy(weights) / base.energy - 1;
  point.weight_change = relative_change(base.weights, weights);
  point.angle = median_angle(run);
}

// The finished run, then the same part of the way back; nothing if a signal ended it.
std::vector<CurvePoint> points_of(const CurvePoint& at, const DemoMethod& method, const Base& base,
                                  const Task& task, Hyperparameters hyperparameters) {
  hyperparameters.adapt_epochs = at.epochs;
  Run run(base.pretrained, method, at.seed);
  if (at.fitted_head) run.fit_head(task, hyperparameters);
  run.train(task, hyperparameters, std::numeric_limits<int64_t>::max(),
            [](int64_t, double, int64_t) { return cli::Interruptible::signal() == 0; });
  if (cli::Interruptible::signal() != 0) return {};
  CurvePoint point = at;
  point.before = base.pretrained.accuracy;
  measure(point, run, base, task);
  point.probed = run.probe_old(task, hyperparameters);
  std::vector<CurvePoint> points{point};
  if (method.kind == DemoMethod::Kind::probe) return points;
  for (const double strength : kPartsOfTheWay) {
    run.set_strength(base.pretrained, strength);
    point.strength = strength;
    point.probed = CurvePoint::kNone;
    measure(point, run, base, task);
    points.push_back(point);
  }
  return points;
}

// Every run of the plan as a point without figures; the cheap ones first.
std::vector<std::pair<CurvePoint, const DemoMethod*>> runs_of(const CurvePlan& plan,
                                                              const Task& task) {
  std::vector<std::pair<CurvePoint, const DemoMethod*>> runs;
  for (const int64_t epochs : plan.epochs)
    for (const bool fitted : plan.fitted_heads)
      for (int64_t seed = 0; seed < plan.seeds; ++seed)
        for (const uint64_t pretraining : plan.pretrainings) {
          std::string method;
          int64_t order = 0;
          for (const CurveSetting& s : plan.settings) {
            order = s.method.name == method ? order + 1 : 0;
            method = s.method.name;
            runs.emplace_back(CurvePoint{.version = cli::kVersion,
                                         .method = s.method.name,
                                         .label = s.method.label,
                                         .setting = s.setting,
                                         .data = task.data,
                                         .order = order,
                                         .pretraining = pretraining,
                                         .seed = uint64_t(seed),
                                         .epochs = epochs,
                                         .fitted_head = fitted},
                              &s.method);
          }
        }
  return runs;
}

}  // namespace

std::vector<CurvePoint> draw_curve(const CurvePlan& plan, const Task& task,
                                   const Hyperparameters& hyperparameters, Device device,
                                   const std::filesystem::path& out, std::FILE* progress,
                                   const std::map<uint64_t, Pretrained>& known) {
  PointFile file(out / "points.jsonl");
  std::map<uint64_t, Base> bases;
  std::vector<CurvePoint> points;
  const auto runs = runs_of(plan, task);
  nn::Progress bar(progress, "curves", int64_t(runs.size()));
  for (size_t i = 0; i < runs.size() && cli::Interruptible::signal() == 0; ++i) {
    const auto& [at, method] = runs[i];
    std::vector<CurvePoint> found = file.find(at);
    if (found.empty()) {
      if (!bases.contains(at.pretraining)) {
        const auto made = known.find(at.pretraining);
        bases.emplace(
            at.pretraining,
            base_of(made != known.end() ? made->second
                                        : pretrained_with(task, hyperparameters, at.pretraining,
                                                          device, progress)));
        if (cli::Interruptible::signal() != 0) break;
      }
      found = points_of(at, *method, bases.at(at.pretraining), task, hyperparameters);
      file.add(found);
    }
    points.insert(points.end(), found.begin(), found.end());
    bar.update(int64_t(i) + 1, 0,
               str(at.label, ' ', at.setting, ", ", cli::counted(at.epochs, "epoch")));
  }
  return points;
}

}  // namespace papilio::demo
