// Pictures that a run makes while it trains, to see what it has learned so far.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "nn/diffusion/pipeline.h"
#include "samples/papilio/diffusion/picture_maker.h"
#include "samples/papilio/options/diffusion_options.h"
#include "samples/report/pages/run_report.h"

namespace papilio::cli {

class ValidationPictures {
 public:
  // The pipeline outlives this; pictures have `side` pixels a side. Throws FileError for a picture
  // that steers and cannot be read, UsageError for more steps than the scheduler has, and as
  // prompt_ids does for a prompt that is too long.
  ValidationPictures(const ValidationSettings& settings, nn::DiffusionPipeline& pipeline,
                     int64_t side);

  bool due_at(int64_t step) const;
  // Bytes that making one takes beside the weights.
  size_t bytes() const;
  // Makes those of a step, into out/validation/step-00000100-0.png, -1.png, ...: each prompt's one
  // after the other. The pipeline is in evaluation mode meanwhile, and the default generator is not
  // touched. A signal (Interruptible) ends it between two steps of the scheduler. `missing`: only
  // those that are not there. Throws FileError.
  void make(const std::filesystem::path& out, int64_t step, bool missing,
            std::FILE* progress) const;
  // What lies in `out`, small, of some steps if there are many.
  std::vector<report::PicturesReport> report(const std::filesystem::path& out) const;

 private:
  PictureSettings how(size_t prompt) const;

  ValidationSettings settings_;
  nn::DiffusionPipeline& pipeline_;
  int64_t side_;
  std::vector<Tensor> conditioning_;  // (1, 3, side, side), for all prompts or for each
};

}  // namespace papilio::cli
