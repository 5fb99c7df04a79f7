#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "samples/papilio/demo/demo.h"
#include "samples/papilio/demo/generation.h"
#include "samples/papilio/demo/generation_figures.h"
#include "samples/papilio/demo/generation_rates.h"
#include "samples/papilio/demo/results.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/run/interrupt.h"
#include "samples/papilio/run/run_lock.h"
#include "samples/papilio/version.h"
#include "tensor/files/atomic_file.h"
#include "tensor/files/detail/regular_file.h"

namespace papilio::demo {

namespace {

using cli::short_number;

nlohmann::json point_json(const GenerationPoint& p) {
  return {
      {"steps", p.steps}, {"likeness", p.likeness}, {"fidelity", p.fidelity}, {"drift", p.drift}};
}

nlohmann::json run_json(const GenerationRun& run) {
  nlohmann::json points = nlohmann::json::array();
  for (const GenerationPoint& p : run.points) points.push_back(point_json(p));
  return {{"method", run.method},
          {"label", run.label},
          {"lr", run.lr},
          {"seed", run.seed},
          {"trainable_parameters", run.trainable},
          {"base", point_json(run.base)},
          {"points", points}};
}

nlohmann::json subject_json(const SubjectResults& subject) {
  nlohmann::json tried = nlohmann::json::array(), runs = nlohmann::json::array();
  for (const GenerationRun& run : subject.tried) tried.push_back(run_json(run));
  for (const GenerationRun& run : subject.runs) runs.push_back(run_json(run));
  return {{"name", subject.name},
          {"prompt", subject.prompt},
          {"pictures", subject.pictures.size()},
          {"drawn_likeness", subject.drawn_likeness},
          {"tried", tried},
          {"runs", runs}};
}

nlohmann::json control_json(const ControlResults& control) {
  nlohmann::json ways = nlohmann::json::array();
  for (const SteeredPictures& way : control.ways)
    ways.push_back({{"label", way.label}, {"iou", way.iou}, {"centre_error", way.centre_error}});
  return {{"steps", control.steps},
          {"parameters", control.parameters},
          {"pictures", control.silhouettes.size()},
          {"ways", ways}};
}

std::string with_deviation(const Estimate& e, size_t runs) {
  std::string text = short_number(e.mean);
  return runs > 1 ? text + str(" +- ", short_number(e.std, 2)) : text;
}

}  // namespace

Cells subject_rows(const SubjectResults& subject) {
  Cells rows{{subject.name, "rate", "parameters", "likeness", "background as asked", "drift"}};
  const auto row = [&](const std::string& label, const Runs& runs, bool base) {
    const auto at = base ? at_base : at_end;
    rows.push_back({label, base ? "" : short_number(runs.front()->lr),
                    base ? "" : nn::with_commas(runs.front()->trainable),
                    with_deviation(at(runs, &GenerationPoint::likeness), runs.size()),
                    cli::percent(at(runs, &GenerationPoint::fidelity).mean),
                    base ? "" : with_deviation(at(runs, &GenerationPoint::drift), runs.size())});
  };
  const auto methods = subject.by_method();
  if (!methods.empty()) row("pretrained", methods.front(), true);
  for (const Runs& runs : methods) row(runs.front()->label, runs, false);
  if (!methods.empty())
    rows.push_back({"drawn anew", "", "", short_number(subject.drawn_likeness), "", ""});
  return rows;
}

Cells tried_rows(const SubjectResults& subject) {
  Cells rows{{"method", "rate", "likeness", "background as asked", "drift"}};
  for (const GenerationRun& run : subject.tried) {
    const GenerationPoint& end = run.points.back();
    rows.push_back({run.label, short_number(run.lr), short_number(end.likeness),
                    cli::percent(end.fidelity), short_number(end.drift)});
  }
  return rows;
}

Cells control_rows(const ControlResults& control) {
  Cells rows{{"silhouettes", "intersection over union", "distance of centres"}};
  for (const SteeredPictures& way : control.ways)
    rows.push_back({way.label, short_number(way.iou), short_number(way.centre_error)});
  return rows;
}

std::vector<Runs> SubjectResults::by_method() const {
  std::vector<Runs> methods;
  for (const GenerationRun& run : runs) {
    if (methods.empty() || methods.back().front()->method != run.method) methods.emplace_back();
    methods.back().push_back(&run);
  }
  return methods;
}

nlohmann::json GenerationResults::json() const {
  nlohmann::json object{{"command", "demo generation"},
                        {"version", cli::kVersion},
                        {"interrupted", interrupted},
                        {"eyes",
                         {{"shape", eyes.shape},
                          {"colour", eyes.colour},
                          {"place", eyes.place},
                          {"background", eyes.background}}},
                        {"unet_parameters", unet_parameters},
                        {"vae_parameters", vae_parameters},
                        {"text_parameters", text_parameters},
                        {"tokens", tokens},
                        {"pretrain_steps", pretrain_steps},
                        {"pretrain_pictures", pretrain_pictures},
                        {"pretrain_seconds", pretrain_seconds},
                        {"cached", cached},
                        {"adapt_steps", adapt_steps},
                        {"denoising_steps", denoising_steps},
                        {"guidance", guidance},
                        {"rate_rule", kGenerationRateRule},
                        {"world_fidelity", world_fidelity},
                        {"seconds", seconds},
                        {"subjects", nlohmann::json::array()},
                        {"control", control_json(control)}};
  for (const SubjectResults& subject : subjects)
    object["subjects"].push_back(subject_json(subject));
  return object;
}

std::string GenerationResults::table() const {
  std::string text =
      str("pretrained on ", nn::with_commas(pretrain_pictures), " drawn pictures in ",
          short_number(pretrain_seconds), " s", cached ? ", before" : "",
          world_samples.empty() ? ""
                                : str("; the background is as asked in ",
                                      cli::percent(world_fidelity), " of its pictures"),
          '\n');
  for (const SubjectResults& subject : subjects)
    if (!subject.runs.empty()) text += '\n' + nn::table(subject_rows(subject));
  if (!control.ways.empty()) text += '\n' + nn::table(control_rows(control));
  return text;
}

namespace {

// A whole run's results lie in the folder.
bool has_whole_results(const std::filesystem::path& out) {
  std::error_code error;
  if (!std::filesystem::exists(out / "results.json", error)) return false;
  const auto before = nlohmann::json::parse(read_file(out / "results.json"), nullptr, false);
  return before.is_object() && before.contains("interrupted") && before["interrupted"] == false;
}

}  // namespace

int run_generation(const DemoOptions& options) {
  const cli::Interruptible interruptible;
  cli::make_folder(options.out);
  const cli::RunLock lock(options.out);
  const GenerationResults results = generation_results(options);
  const int signal = cli::Interruptible::signal();
  if (results.tokens == 0) {
    std::fprintf(stderr, "papilio demo: interrupted in the pretraining, nothing is written\n");
    return 128 + signal;
  }
  // Parts do not replace a whole run's results of the same pipeline.
  const bool kept = results.interrupted && results.cached && has_whole_results(options.out);
  if (!kept) {
    write_file_atomically(options.out / "results.json", results.json().dump(2) + '\n');
    write_file_atomically(options.out / "report.html", generation_page(results));
  }
  if (options.json) {
    cli::print_json(results.json());
  } else if (!results.interrupted) {
    std::printf(
        "%s\nlikeness: cosine with the subject's pictures in the features of a small vision "
        "transformer; drift: (1 - cosine) / 2 of other prompts' pictures before and after.\n"
        "%s: results.json, report.html, pipeline/ (Diffusers), ring/, five/ and control/ "
        "(adapters in PEFT's format): %.0f s\n",
        results.table().c_str(), options.out.string().c_str(), results.seconds);
  }
  if (!results.interrupted) return 0;
  std::fprintf(stderr,
               "papilio demo: interrupted; %s %s, and the same command goes on with the pipeline\n",
               (options.out / "results.json").string().c_str(),
               kept ? "is still that of a whole run" : "has what was whole");
  return 128 + signal;
}

}  // namespace papilio::demo
