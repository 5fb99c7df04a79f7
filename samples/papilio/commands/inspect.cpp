#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>

#include "nn/diffusion/pipeline.h"
#include "samples/papilio/commands/commands.h"
#include "samples/papilio/data/data.h"
#include "samples/papilio/data/images.h"
#include "samples/papilio/inspect/inspect_adapter.h"
#include "samples/papilio/inspect/inspect_machine.h"
#include "samples/papilio/inspect/inspect_model.h"
#include "samples/papilio/inspect/inspect_pipeline.h"
#include "samples/papilio/inspect/inspect_plan.h"
#include "samples/papilio/inspect/inspect_safetensors.h"
#include "samples/papilio/inspect/inspection.h"
#include "samples/papilio/inspect/would_adapt.h"
#include "samples/papilio/models/model.h"
#include "samples/papilio/models/part_adapters.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/text_options.h"
#include "samples/papilio/options/training_options.h"
#include "samples/papilio/run/folder_kind.h"
#include "samples/papilio/run/run_folder.h"
#include "samples/papilio/text/text_run.h"
#include "tensor/files/detail/as_file_error.h"
#include "tensor/files/detail/regular_file.h"

namespace papilio::cli {

namespace {

struct Settings {
  std::string path, would_adapt;
  bool plan = false, machine = false;
  PlanSettings planned = {.training = {.epochs = kFinetuneEpochs},
                          .workers = DataSettings{}.workers};
  Common common;
};

Options declare(Settings& s) {
  Options options("inspect", "PATH [options]",
                  "Shows what a model folder (a Stable Diffusion, too), an adapter folder or any "
                  ".safetensors file holds. With --would-adapt: which layers of the model PATH a "
                  "configuration would adapt, their N and m, how many parameters that trains, and "
                  "for sizes that do not divide the nearest that do (then the exit code is 1). "
                  "With --plan: the memory that finetuning the model PATH would take, part by "
                  "part, and if there is not as much what would fit (the exit code is 1). With "
                  "--machine and no PATH: what this machine computes with, and how fast.");
  options.section("What to inspect");
  options.add("PATH", &s.path, "", "model folder, adapter folder or file");
  options.add("would-adapt", &s.would_adapt, "FILE", "an adapter_config.json").line_only();
  options.flag("plan", s.plan, "the memory that finetuning would take").line_only();
  options.flag("machine", s.machine, "processor, memory, libraries and speed").line_only();
  options.section("Planned training");
  add_image_size(options, s.planned.image_size);
  add_sequence_length(options, s.planned.length);
  TrainingSettings& training = s.planned.training;
  add_memory_options(options, training);
  options.option(&training.batch_size)
      .default_is(str(training.batch_size, "; of text ", kFinetuneText.batch_size));
  add_method_options(options, s.planned.method);
  add_common(options, s.common);
  options.example("papilio inspect --plan runs/base --method boft --batch-size 16");
  options.example("papilio inspect --machine");
  options.example("papilio inspect runs/base");
  options.example("papilio inspect runs/boft");
  options.example("papilio inspect --would-adapt runs/boft/adapter_config.json runs/base");
  return options;
}

Inspection inspection_of(const std::filesystem::path& path) {
  std::error_code ignored;
  check<FileError>(file_exists(path), path.string(), ": there is no such file or folder");
  if (!std::filesystem::is_directory(path, ignored)) {
    const std::string format =
        std::filesystem::is_regular_file(path, ignored) ? file_format(path.string()) : "";
    check<FileError>(format.empty(), path.string(), ": is ", format, ", not a .safetensors file");
    return inspect_safetensors(path);
  }
  check_not_half_replaced(path);
  if (!is_model_folder(path) && nn::is_pipeline_folder(path)) return inspect_pipeline(path);
  if (!is_adapter_folder(path) && !part_adapters(path).empty())
    return inspect_pipeline_adapters(path);
  check_folder(path);
  if (is_adapter_folder(path)) return inspect_adapter(path);
  check<FileError>(is_model_folder(path), path.string(),
                   ": holds neither a model (config.json and model.safetensors) nor an adapter "
                   "(adapter_config.json and adapter_model.safetensors)");
  return inspect_model(path);
}

// What is wrong with the configuration's file is no wrong use of the command line.
Inspection plan_of(const std::string& config, const std::string& model) {
  return as_file_error(config, [&] { return would_adapt(config, model); });
}

// A path or the machine.
void check_subject(const Options& options, const Settings& s) {
  check<UsageError>(!s.machine || (s.path.empty() && s.would_adapt.empty() && !s.plan),
                    "--machine: takes no PATH, --plan or --would-adapt");
  check<UsageError>(s.machine || !s.path.empty(), "missing PATH; usage: ", options.usage_line());
}

// Which options mean something beside --plan.
void settle_plan(Options& options, Settings& s) {
  options.applies_when(s.plan, {&s.planned.image_size, &s.planned.length, &s.planned.method.name},
                       "--plan");
  options.applies_when(s.plan, memory_options(s.planned.training), "--plan");
  check<UsageError>(!s.plan || s.would_adapt.empty(), "--plan: give it or --would-adapt, not both");
  if (s.plan) settle_method_options(options, s.planned.method);
}

}  // namespace

int inspect(const Words& words) {
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  check_subject(options, s);
  set_threads(s.common);
  settle_plan(options, s);
  const Inspection inspection = s.machine               ? inspect_machine()
                                : s.plan                ? inspect_plan(options, s.path, s.planned)
                                : s.would_adapt.empty() ? inspection_of(s.path)
                                                        : plan_of(s.would_adapt, s.path);
  if (s.common.json) {
    print_json(*inspection.json);
  } else {
    std::fputs(inspection.text.c_str(), stdout);
  }
  return inspection.code;
}

}  // namespace papilio::cli
