#include "samples/papilio/demo/generation_subject.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "boft/files/checkpoint.h"
#include "boft/model/model.h"
#include "nn/data/formats/image.h"
#include "nn/data/sources/captioned_images.h"
#include "nn/diffusion/pipeline.h"
#include "nn/eval_mode.h"
#include "nn/module.h"
#include "samples/papilio/demo/drawn_eyes.h"
#include "samples/papilio/demo/drawn_measures.h"
#include "samples/papilio/demo/generation_rates.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/run/interrupt.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace papilio::demo {

namespace {

constexpr uint64_t kTuneSeed = 100;      // behind the seeds that are reported
constexpr uint64_t kUnseen = 2'000'000;  // of pictures that nothing was trained on

// Where the noise of a seed begins; no other seed has any of it.
uint64_t noise_seed(uint64_t seed) {
  return 10'000 * (seed + 1);
}

// What the base model makes of all prompts, with one seed's noise.
struct BasePictures {
  std::vector<nn::Image> samples = {}, others = {};
};

class Subject {
 public:
  Subject(const GenerationStage& stage, const SubjectTask& task)
      : stage_(stage),
        task_(task),
        prompts_(stage.some(task.prompts)),
        other_prompts_(stage.some(other_scenes())),
        data_(drawn_pictures(stage.world, task.scenes, 1, stage.plan.side, stage.options.seed,
                             false)) {
    for (int64_t i = 0; i < data_->size(); ++i) pictures_.push_back(data_->sample(i).read());
  }

  SubjectResults described() const {
    SubjectResults results{.name = task_.name, .prompt = task_.prompt, .pictures = pictures_};
    std::vector<nn::Image> drawn;
    for (const Scene& scene : prompts_) {
      results.prompts.push_back(caption(scene));
      drawn.push_back(stage_.world.draw(scene, stage_.plan.side, kUnseen + drawn.size()));
    }
    results.drawn_likeness = stage_.eyes->likeness(drawn, pictures_);
    for (const Scene& scene : other_prompts_) results.other_prompts.push_back(caption(scene));
    return results;
  }

  BasePictures base(uint64_t seed) const {
    nn::DiffusionPipeline pipeline = stage_.pipeline();
    return pictures(pipeline, seed);
  }

  // Nothing if a signal came.
  std::optional<GenerationRun> run(const GenerationWay& way, double lr, uint64_t seed,
                                   const BasePictures& base, int64_t measures, bool saved) const {
    const GenerationPlan& plan = stage_.plan;
    nn::DiffusionPipeline pipeline = stage_.pipeline();
    manual_seed(seed);
    std::unique_ptr<boft::AdapterModel> adapters;
    if (way.adapter) {
      adapters = std::make_unique<boft::AdapterModel>(*pipeline.unet);
      adapters->add_adapter("default", adapter_for(*way.adapter, stage_.pipeline_folder()));
    } else {
      nn::set_trainable(*pipeline.unet, true);
    }
    GenerationRun run{.method = way.name, .label = way.label, .lr = lr, .seed = seed};
    run.trainable = nn::count_parameters(pipeline).trainable;
    run.base = point(0, base, base);
    const int64_t every = std::max<int64_t>(1, plan.adapt_steps / measures);
    BasePictures now;
    const bool whole = teach(stage_, pipeline,
                             {.data = data_,
                              .steps = plan.adapt_steps,
                              .batch_size = plan.adapt_batch,
                              .lr = lr,
                              .seed = seed,
                              .title = str(task_.name, ", ", way.label, ", rate ",
                                           cli::short_number(lr), ", seed ", seed),
                              .on_step = [&](int64_t step) {
                                if (step % every != 0 && step != plan.adapt_steps) return;
                                now = pictures(pipeline, seed);
                                if (cli::Interruptible::signal() != 0) return;
                                run.points.push_back(point(step, now, base));
                              }});
    if (!whole) return std::nullopt;
    run.samples = std::move(now.samples), run.others = std::move(now.others);
    if (saved) save(way, pipeline, adapters.get());
    return run;
  }

 private:
  BasePictures pictures(nn::DiffusionPipeline& pipeline, uint64_t seed) const {
    const nn::EvalMode eval_mode(pipeline);
    const uint64_t noise = noise_seed(seed);
    return {stage_.pictures(pipeline, prompts_, noise),
            stage_.pictures(pipeline, other_prompts_, noise + 5'000)};
  }

  GenerationPoint point(int64_t steps, const BasePictures& now, const BasePictures& base) const {
    if (now.others.empty()) return {};  // a signal came
    return {.steps = steps,
            .likeness = stage_.eyes->likeness(now.samples, pictures_),
            .fidelity = fidelity(now.samples, prompts_),
            .drift = stage_.eyes->drift(base.others, now.others)};
  }

  void save(const GenerationWay& way, nn::DiffusionPipeline& pipeline,
            const boft::AdapterModel* adapters) const {
    const auto folder = stage_.options.out / task_.folder / way.name;
    if (adapters != nullptr)
      boft::save_adapter(*adapters, folder / "unet");
    else
      nn::save_pipeline(pipeline, stage_.pipeline_folder(), folder);
  }

  const GenerationStage& stage_;
  const SubjectTask& task_;
  std::vector<Scene> prompts_, other_prompts_;
  nn::CaptionedData data_;
  std::vector<nn::Image> pictures_;
};

// Each method with each of its rates, as far as plan.rates allows.
void try_rates(const GenerationStage& stage, const Subject& subject, SubjectResults& results) {
  const uint64_t seed = stage.options.seed + kTuneSeed;
  const BasePictures base = subject.base(seed);
  for (const GenerationWay& way : generation_ways()) {
    const size_t count = std::min(way.rates.size(), stage.plan.rates);
    for (size_t i = way.rates.size() - count; i < way.rates.size(); ++i) {
      if (cli::Interruptible::signal() != 0) return;
      if (auto run = subject.run(way, way.rates[i], seed, base, 1, false))
        results.tried.push_back(std::move(*run));
    }
  }
}

}  // namespace

SubjectTask ring_task() {
  return {.folder = "ring",
          .name = "a ring of two colours",
          .prompt = "a sks ring",
          .scenes = subject_scenes(),
          .prompts = subject_prompts()};
}

SubjectTask five_task() {
  return {.folder = "five",
          .name = "the digit five",
          .prompt = "a sks digit",
          .scenes = digit_subject_scenes(),
          .prompts = digit_subject_prompts()};
}

SubjectResults learn_subject(const GenerationStage& stage, const SubjectTask& task, Rates& rates) {
  const Subject subject(stage, task);
  SubjectResults results = subject.described();
  if (rates.empty()) {
    try_rates(stage, subject, results);
    if (cli::Interruptible::signal() != 0) return results;
    rates = chosen_rates(results.tried);
  }
  std::vector<std::vector<GenerationRun>> of_method(generation_ways().size());
  for (int64_t i = 0; i < stage.options.seeds; ++i) {
    const uint64_t seed = stage.options.seed + uint64_t(i);
    if (cli::Interruptible::signal() != 0) break;
    const BasePictures base = subject.base(seed);
    if (i == 0) results.base_samples = base.samples, results.base_others = base.others;
    for (size_t k = 0; const GenerationWay& way : generation_ways()) {
      if (cli::Interruptible::signal() != 0) break;
      if (auto run = subject.run(way, rates.at(way.name), seed, base,
                                 i == 0 ? stage.plan.measures : 1, i == 0))
        of_method[k].push_back(std::move(*run));
      ++k;
    }
  }
  for (auto& runs : of_method) std::ranges::move(runs, std::back_inserter(results.runs));
  return results;
}

}  // namespace papilio::demo
