#include "samples/papilio/diffusion/validation_pictures.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <system_error>
#include <utility>

#include "nn/data/formats/image.h"
#include "nn/data/transforms/resize.h"
#include "nn/eval_mode.h"
#include "nn/train/spinner.h"
#include "samples/papilio/diffusion/picture_memory.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/run/run_files.h"
#include "tensor/error.h"
#include "tensor/files/atomic_file.h"
#include "tensor/text.h"

namespace papilio::cli {

namespace fs = std::filesystem;

namespace {

constexpr size_t kShownSteps = 8;    // in the report
constexpr int64_t kShownSide = 192;  // of a picture there
constexpr size_t kStepDigits = 8;

// "step-00000100-", as checkpoints count.
std::string prefix(int64_t step) {
  const std::string number = std::to_string(step);
  return "step-" + std::string(kStepDigits - std::min(kStepDigits, number.size()), '0') + number +
         '-';
}

}  // namespace

ValidationPictures::ValidationPictures(const ValidationSettings& settings,
                                       nn::DiffusionPipeline& pipeline, int64_t side)
    : settings_(settings), pipeline_(pipeline), side_(side) {
  for (const std::string& prompt : settings.prompts) pipeline.prompt_ids(prompt);
  try {
    pipeline.scheduler->set_timesteps(settings.inference_steps);
  } catch (const ArgumentError& e) {
    throw UsageError(std::string("--num-inference-steps: ") + e.what());
  }
  for (const std::string& file : settings.images)
    conditioning_.push_back(read_conditioning(file, side, side));
}

bool ValidationPictures::due_at(int64_t step) const {
  return step > 0 && step % settings_.steps == 0;
}

PictureSettings ValidationPictures::how(size_t prompt) const {
  PictureSettings s{
      .steps = settings_.inference_steps, .height = side_, .width = side_, .batch_size = 1};
  if (!conditioning_.empty()) s.conditioning = conditioning_[prompt % conditioning_.size()];
  return s;
}

size_t ValidationPictures::bytes() const {
  return picture_bytes(pipeline_, how(0));
}

void ValidationPictures::make(const fs::path& out, int64_t step, bool missing,
                              std::FILE* progress) const {
  const nn::Spinner spinner(progress, str("validation pictures of step ", step));
  const nn::EvalMode eval_mode(pipeline_);
  const fs::path folder = out / kValidationFolder;
  make_folder(folder);
  for (size_t p = 0; p < settings_.prompts.size(); ++p) {
    std::vector<WantedPicture> wanted;
    std::vector<fs::path> files;
    for (int64_t i = 0; i < settings_.pictures; ++i) {
      const fs::path file = folder / str(prefix(step), int64_t(p) * settings_.pictures + i, ".png");
      std::error_code ignored;
      if (missing && fs::exists(file, ignored)) continue;
      files.push_back(file);
      wanted.push_back({settings_.prompts[p], uint64_t(settings_.seed) + uint64_t(i)});
    }
    make_pictures(pipeline_, wanted, how(p), nullptr, [&](size_t i, const nn::Image& image) {
      write_file_atomically(files[i], nn::encode_png(image));
    });
  }
}

std::vector<report::PicturesReport> ValidationPictures::report(const fs::path& out) const {
  std::map<std::string, std::vector<fs::path>> steps;
  for (const fs::path& file : validation_pictures(out)) {
    const std::string name = file.filename().string();
    steps[name.substr(0, name.rfind('-'))].push_back(file);
  }
  std::vector<report::PicturesReport> shown;
  size_t i = 0;
  const size_t every = std::max<size_t>(1, (steps.size() + kShownSteps - 1) / kShownSteps);
  for (const auto& [name, files] : steps) {
    if ((steps.size() - 1 - i++) % every != 0) continue;  // the last one is among them
    report::PicturesReport one{
        .title = "step " + std::to_string(std::stoll(name.substr(name.find('-') + 1))),
        .note = joined(settings_.prompts, "; ")};
    for (const fs::path& file : files) {
      nn::Image image = nn::read_image(file);
      if (image.height > kShownSide)
        image = nn::resize(image, kShownSide, kShownSide, nn::Interpolation::bicubic);
      one.pictures.push_back({.png = nn::encode_png(image), .smooth = image.height > 64});
    }
    shown.push_back(std::move(one));
  }
  return shown;
}

}  // namespace papilio::cli
