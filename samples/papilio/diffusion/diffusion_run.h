// A run that trains a diffusion pipeline on pictures with captions: what train, dreambooth and
// controlnet do with them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>

#include "boft/model/model.h"
#include "nn/data/batch_source.h"
#include "nn/data/image_batches.h"
#include "nn/data/sources/captioned_images.h"
#include "nn/diffusion/captioned_batches.h"
#include "nn/diffusion/pipeline.h"
#include "nn/train/fit.h"
#include "nn/train/memory_plan.h"
#include "nn/train/model_average.h"
#include "samples/papilio/data/training_data.h"
#include "samples/papilio/diffusion/validation_pictures.h"
#include "samples/papilio/options/diffusion_options.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/run/memory.h"
#include "samples/papilio/run/run_folder.h"
#include "samples/papilio/run/training.h"
#include "samples/papilio/run/training_end.h"
#include "samples/papilio/run/training_run.h"
#include "samples/report/pages/run_report.h"

namespace papilio::cli {

// The options of pictures and captions, and of the folder to write.
void add_diffusion_data(Options& options, RunSettings& run, DiffusionSettings& settings);

// The folder's pictures with captions, of which none is held out. Throws FileError for a folder
// without, and as nn::open_captioned_folder does.
nn::CaptionedData open_captions(const std::string& folder);

// Batches of captioned pictures for this pipeline. Throws UsageError for a resolution that its
// latents do not divide, and FileError for a caption with too many tokens.
nn::Batches diffusion_batches(nn::DiffusionPipeline& pipeline, const nn::CaptionedData& data,
                              DiffusionSettings& settings, nn::OnCorrupt on_corrupt,
                              const nn::CaptionedData& class_images = nullptr);

// What a command makes ready.
struct DiffusionSubject {
  nn::Module& model;  // everything that is trainable in it trains
  nn::DiffusionPipeline& pipeline;
  const DiffusionSettings& settings;
  nn::Batches data;
  nn::PlannedPictures batches;  // what `data` holds
  nn::Loss loss;
  WriteFolder save;
  std::function<void()> end_step = {};  // called after each step, at all ranks
  // Called by the first rank when a checkpoint is due, with the run's folder; may be null.
  std::function<void(const std::filesystem::path& out, int64_t step)> save_step = {};
  const boft::AdapterModel* adapters = nullptr;  // the UNet's, if it has any
};

class DiffusionRun final : public TrainingRun {
 public:
  DiffusionRun(TrainingCommand command, DiffusionSubject subject);

 private:
  // What the first rank does behind a step. `resumed`: with the one that the run goes on from.
  void after_step(int64_t step, nn::ModelAverage* average, bool resumed);

  nn::Module& model() override { return subject_.model; }
  const boft::AdapterModel* adapters() override { return subject_.adapters; }
  std::string settle() override;
  TrainingJob job() override;
  void save(const std::filesystem::path& out) override { subject_.save(out); }
  bool gives_numbers() override;
  void add_results(nlohmann::json& results) override;
  void fill_report(report::RunReport& page, const TrainingEnd& end) override;

  DiffusionSubject subject_;
  TrainingData parts_;
  RunMemory memory_;
  std::optional<ValidationPictures> pictures_;
};

}  // namespace papilio::cli
