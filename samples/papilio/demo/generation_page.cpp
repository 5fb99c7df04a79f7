#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nn/data/formats/image.h"
#include "samples/papilio/demo/generation.h"
#include "samples/papilio/demo/generation_figures.h"
#include "samples/papilio/demo/generation_rates.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/version.h"
#include "samples/report/pages/html.h"
#include "samples/report/svg/lines.h"
#include "samples/report/svg/text.h"

namespace papilio::demo {

namespace {

using report::escape;

constexpr double kTile = 60;  // three grids of four columns stand side by side

// Cells whose first row is the header; all but the first column are numbers.
report::Table table_of(const Cells& cells) {
  report::Table table;
  for (size_t r = 0; r < cells.size(); ++r) {
    std::vector<report::Table::Cell> row;
    for (size_t c = 0; c < cells[r].size(); ++c) {
      if (r == 0)
        table.headers.push_back(escape(cells[r][c]));
      else
        row.push_back({escape(cells[r][c]), c > 0, false});
    }
    if (r > 0) table.rows.push_back(std::move(row));
  }
  return table;
}

// "a ring; a square": what stands where in a grid.
std::string in_order(const std::vector<std::string>& prompts) {
  std::string text;
  for (const std::string& prompt : prompts)
    text += (text.empty() ? "" : "; ") + ("\u201C" + escape(prompt) + "\u201D");
  return text;
}

void add_summary(report::Document& page, const GenerationResults& r) {
  page.lead(escape(str(
      "A Stable Diffusion of ", nn::with_commas(r.unet_parameters),
      " parameters in its UNet learned from ", nn::with_commas(r.pretrain_pictures),
      " drawn pictures and their captions. Then BOFT, OFT, LoRA and full finetuning taught it "
      "subjects that it had never seen, from five pictures each, and silhouettes learned to steer "
      "it.",
      r.interrupted ? " The run was interrupted: parts are missing." : "")));
  std::vector<std::pair<std::string, std::string>> merits;
  for (const SubjectResults& subject : r.subjects) {
    for (const auto& runs : subject.by_method()) {
      if (runs.front()->method != "boft") continue;
      merits.emplace_back(
          report::fixed(at_end(runs, &GenerationPoint::likeness).mean, 2),
          str("likeness of ", runs.front()->label, "'s pictures to ", subject.name, "; ",
              report::fixed(at_base(runs, &GenerationPoint::likeness).mean, 2),
              " before training"));
      merits.emplace_back(report::percent(at_end(runs, &GenerationPoint::fidelity).mean, 0),
                          "of them have the background that was asked for");
    }
  }
  if (r.control.ways.size() > 1)
    merits.emplace_back(report::fixed(r.control.ways.back().iou, 2),
                        str("intersection over union with the silhouette, ",
                            report::fixed(r.control.ways.front().iou, 2), " without it"));
  if (!merits.empty()) page.figures_of_merit(merits);
}

void add_world(report::Document& page, const GenerationResults& r) {
  if (r.world.empty()) return;
  page.section("world", "The world that it knows");
  std::vector<std::string> grids{pictures_figure("drawn by the program", r.world, 4, kTile)};
  if (!r.world_rebuilt.empty())
    grids.push_back(pictures_figure("through the VAE", r.world_rebuilt, 4, kTile));
  if (!r.world_samples.empty())
    grids.push_back(pictures_figure("generated", r.world_samples, 4, kTile));
  page.figure(grids,
              str("What the pretraining shows, what the VAE makes of it, and what the "
                  "pretrained model generates of the same captions. Row by row: ",
                  in_order(r.world_prompts), ".",
                  r.world_samples.empty()
                      ? ""
                      : str(" The background is the colour that was asked for in ",
                            report::percent(r.world_fidelity, 1), " of the generated ones.")));
  if (r.denoising.empty() || r.world_prompts.empty()) return;
  page.figure({pictures_figure("From noise to a picture", r.denoising, 7, kTile)},
              str("The steps of one picture, ", in_order({r.world_prompts.front()}),
                  ", each decoded by the VAE; the first is noise alone."));
}

// The base's pictures beside those of each method's first run.
std::vector<std::string> beside_base(const std::vector<nn::Image>& base,
                                     const std::vector<Runs>& methods,
                                     std::vector<nn::Image> GenerationRun::*pictures) {
  std::vector<std::string> grids{pictures_figure("pretrained", base, 4, kTile)};
  for (const auto& runs : methods)
    grids.push_back(pictures_figure(runs.front()->label, runs.front()->*pictures, 4, kTile));
  return grids;
}

void add_curves(report::Document& page, const std::vector<Runs>& methods) {
  page.figure({report::render(forgetting_chart(methods))},
              "Each line is a method\u2019s first run over its training, from the pretrained model "
              "(drift 0) on. Where a line turns right and climbs no more, it forgets without "
              "learning.");
  page.figure(
      {report::render(steps_chart(methods, &GenerationPoint::likeness, "Likeness", "mean cosine")),
       report::render(
           steps_chart(methods, &GenerationPoint::drift, "Drift", "(1 \u2212 cos) / 2"))},
      "The same runs over their steps.");
  const size_t seeds = methods.front().size();
  if (seeds > 1)
    page.figure({report::render(ends_chart(methods))},
                str("Where the runs end: the mean of ", seeds,
                    " runs with other noise and order, and their standard deviation."));
}

void add_subject(report::Document& page, const SubjectResults& subject, size_t number) {
  if (subject.pictures.empty()) return;
  page.section(str("subject-", number), str("A new subject: ", subject.name));
  page.figure({pictures_figure("", subject.pictures, int(subject.pictures.size()), kTile)},
              str("All that is learned from, as \u201C", escape(subject.prompt), "\u201D."));
  const std::vector<Runs> methods = subject.by_method();
  if (methods.empty()) return;
  page.table(table_of(subject_rows(subject)),
             str("At the end of the training; drawn anew: what other drawn pictures of it reach. "
                 "Likeness: mean cosine of the generated pictures with "
                 "the subject's, in the features by which a small vision transformer names shapes "
                 "and colours, the new ones among them. Drift: (1 \u2212 cosine) / 2 of other "
                 "prompts' pictures before and after, in all of its features, of places and "
                 "backgrounds too. ",
                 subject.tried.empty() ? "The rates are those chosen for the first subject."
                                       : escape(kGenerationRateRule)));
  page.figure(beside_base(subject.base_samples, methods, &GenerationRun::samples),
              str("From the same noise, each method's first run. Row by row: ",
                  in_order(subject.prompts), "."));
  page.figure(beside_base(subject.base_others, methods, &GenerationRun::others),
              str("What became of other prompts, from the same noise. Row by row: ",
                  in_order(subject.other_prompts), "."));
  add_curves(page, methods);
  if (!subject.tried.empty())
    page.table(table_of(tried_rows(subject)), "Every rate that was tried.", "Rates tried");
}

void add_control(report::Document& page, const ControlResults& control) {
  if (control.ways.empty()) return;
  page.section("control", "A silhouette steers it");
  page.table(
      table_of(control_rows(control)),
      "Of the pictures' foregrounds and the silhouettes; the distance of their centres is in "
      "sides of the picture. Prompts do not say where the thing stands.");
  std::vector<std::string> grids{pictures_figure("silhouette", control.silhouettes, 4, kTile)};
  for (const SteeredPictures& way : control.ways)
    grids.push_back(pictures_figure(way.label, way.samples, 4, kTile));
  page.figure(grids, str("From the same noise. Row by row: ", in_order(control.prompts), "."));
}

void add_making(report::Document& page, const GenerationResults& r) {
  page.section("making", "How this was made");
  page.definitions({{"UNet", str(nn::with_commas(r.unet_parameters), " parameters")},
                    {"VAE", str(nn::with_commas(r.vae_parameters), " parameters")},
                    {"text encoder",
                     str(nn::with_commas(r.text_parameters), " parameters, ", r.tokens, " tokens")},
                    {"pretraining", str(nn::with_commas(r.pretrain_steps), " steps, ",
                                        report::fixed(r.pretrain_seconds, 0), " s",
                                        r.cached ? " (of the run before)" : "")},
                    {"adapting", str(nn::with_commas(r.adapt_steps), " steps a run")},
                    {"generating", str(r.denoising_steps, " steps, guidance ",
                                       report::significant(r.guidance, 3))},
                    {"time in all", str(report::fixed(r.seconds, 0), " s")},
                    {"version", cli::kVersion}});
}

}  // namespace

std::string generation_page(const GenerationResults& r) {
  report::Document page("A small Stable Diffusion learns new subjects");
  add_summary(page, r);
  add_world(page, r);
  for (size_t i = 0; i < r.subjects.size(); ++i) add_subject(page, r.subjects[i], i + 1);
  add_control(page, r.control);
  add_making(page, r);
  return page.finish();
}

}  // namespace papilio::demo
