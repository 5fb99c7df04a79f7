#include "nn/diffusion/scheduler.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "autograd/ops/arithmetic.h"
#include "autograd/ops/extrema.h"
#include "nn/detail/text_table.h"
#include "nn/diffusion/ddim.h"
#include "nn/diffusion/ddpm.h"
#include "nn/diffusion/dpm_solver.h"
#include "nn/diffusion/pndm.h"
#include "tensor/error.h"
#include "tensor/files/atomic_file.h"
#include "tensor/files/detail/json.h"
#include "tensor/files/detail/regular_file.h"

namespace papilio::nn {

std::vector<int64_t> Scheduler::spaced(int64_t steps, int64_t more, int64_t last) const {
  const NoiseScheduleConfig& c = schedule.config;
  const int64_t count = steps + more;
  std::vector<int64_t> result;
  if (c.timestep_spacing == "linspace") {
    const double step = count > 1 ? double(last - 1) / double(count - 1) : 0;
    for (int64_t i = count; i-- > more;)
      result.push_back(int64_t(std::nearbyint(double(i) * step)));
  } else if (c.timestep_spacing == "leading") {
    for (int64_t i = count; i-- > more;) result.push_back(i * (last / count) + c.steps_offset);
  } else {
    const double ratio = double(c.num_train_timesteps) / double(steps);
    const auto kept = int64_t(std::ceil(double(last) / ratio));
    for (int64_t i = 0; i < kept; ++i)
      result.push_back(int64_t(std::nearbyint(double(last) - double(i) * ratio)) - 1);
  }
  return result;
}

void Scheduler::set_timesteps(int64_t steps) {
  const int64_t n = schedule.config.num_train_timesteps;
  check(steps >= 1 && steps <= n, class_name(), ": expected 1 to ", n, " steps, got ", steps);
  timesteps_ = spaced(steps, 0, n);
  distance_ = n / steps;
  const int64_t last = int64_t(schedule.alphas_cumprod.size()) - 1;
  check(timesteps_.front() <= last, class_name(), ": ", steps, " steps with steps_offset ",
        schedule.config.steps_offset, " begin at timestep ", timesteps_.front(),
        ", beyond the last, ", last);
}

Tensor Scheduler::predicted_sample(const Tensor& output, const Tensor& sample, float a) const {
  const float root = std::sqrt(a), noise = std::sqrt(1 - a);
  if (schedule.config.prediction_type == Prediction::sample) return output;
  if (schedule.config.prediction_type == Prediction::epsilon)
    return (sample - output * noise) / root;
  return sample * root - output * noise;
}

Tensor Scheduler::predicted_noise(const Tensor& output, const Tensor& sample, float a) const {
  const float root = std::sqrt(a), noise = std::sqrt(1 - a);
  if (schedule.config.prediction_type == Prediction::epsilon) return output;
  if (schedule.config.prediction_type == Prediction::sample)
    return (sample - output * root) / noise;
  return output * root + sample * noise;
}

Tensor Scheduler::limited(const Tensor& predicted, bool clip, double range) const {
  if (schedule.config.thresholding) return schedule.threshold(predicted);
  return clip ? clamp(predicted, -range, range) : predicted;
}

float Scheduler::alpha_bar(int64_t t, bool ends_without_noise) const {
  if (t < 0) return ends_without_noise ? 1.f : schedule.alphas_cumprod[0];
  return schedule.alphas_cumprod.at(size_t(t));
}

namespace {

struct SchedulerClass {
  const char* name;
  const char* short_name;
  std::unique_ptr<Scheduler> (*make)(JsonFields& fields);
};
constexpr SchedulerClass kClasses[] = {
    {"DDPMScheduler", "ddpm", make_ddpm},
    {"DDIMScheduler", "ddim", make_ddim},
    {"DPMSolverMultistepScheduler", "dpm++", make_dpm_solver},
    {"PNDMScheduler", "pndm", make_pndm},
};

const SchedulerClass* find_class(const std::string& name) {
  const auto* const found = std::ranges::find_if(kClasses, [&](const SchedulerClass& c) {
    return name == c.name || name == c.short_name || name == std::string("Flax") + c.name;
  });
  return found == std::end(kClasses) ? nullptr : found;
}

// The text with Python's infinities, which are no JSON, as numbers that mean the same.
std::string without_infinities(std::string text) {
  for (const auto& [word, number] :
       {std::pair("-Infinity", "-1.0e308"), std::pair("Infinity", "1.0e308")}) {
    const std::string from = word;
    for (size_t at = text.find(from); at != text.npos; at = text.find(from, at + 1))
      text.replace(at, from.size(), number);
  }
  return text;
}

}  // namespace

std::unique_ptr<Scheduler> make_scheduler(JsonFields& fields, const std::string& instead) {
  constexpr const char* kKnown =
      "DDPMScheduler (ddpm), DDIMScheduler (ddim), DPMSolverMultistepScheduler (dpm++) or "
      "PNDMScheduler (pndm)";
  const std::string name = fields.string("_class_name", "");
  const SchedulerClass* const own = find_class(name);
  const SchedulerClass* const chosen = instead.empty() ? own : find_class(instead);
  check(instead.empty() || chosen != nullptr, "scheduler: expected ", kKnown, ", got ", instead);
  if (chosen == nullptr)
    fields.fail("_class_name", str(kKnown,
                                   "; one of these can compute with this noise schedule "
                                   "in its place (--scheduler ddim)")
                                   .c_str());
  std::unique_ptr<Scheduler> scheduler = chosen->make(fields);
  // Another class's own fields mean nothing to this one; of its own, nothing is passed over.
  if (own != chosen) return scheduler;
  std::vector<std::string> unknown;
  for (const std::string& key : fields.unread())
    if (!key.starts_with('_') && key != "skip_prk_steps") unknown.push_back(key);
  check<FileError>(unknown.empty(), fields.where(), ": ", name, " has no field ",
                   listed(unknown, 8), " here");
  return scheduler;
}

ConfigFields Scheduler::with_schedule_fields(const ConfigFields& own) const {
  ConfigFields fields = noise_schedule_fields(schedule.config);
  fields.insert(own.begin(), own.end());
  fields["_class_name"] = nlohmann::json(class_name()).dump();
  return fields;
}

void save_scheduler(const Scheduler& scheduler, const std::filesystem::path& file) {
  nlohmann::json document = nlohmann::json::object();
  for (const auto& [key, text] : scheduler.config_fields()) document[key] = parse_json(text, key);
  write_file_atomically(file, document.dump(2) + '\n');
}

std::unique_ptr<Scheduler> load_scheduler(const std::filesystem::path& file,
                                          const std::string& instead) {
  const nlohmann::json document = parse_json(without_infinities(read_file(file)), file.string());
  JsonFields fields(document, file.string());
  return make_scheduler(fields, instead);
}

}  // namespace papilio::nn
