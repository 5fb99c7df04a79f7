#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>
#include <vector>

#include "autograd/anomaly.h"
#include "boft/files/convert.h"
#include "nn/init.h"
#include "nn/models/pretrained.h"
#include "samples/papilio/commands/commands.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/run/model.h"
#include "samples/papilio/run/run_folder.h"

namespace papilio::cli {

namespace {

struct Settings {
  std::string adapter, to, base, out;
  bool overwrite = false;
  Common common;
};

Options declare(Settings& s) {
  Options options(
      "convert", "ADAPTER --to FORM --out DIR [options]",
      "Writes an adapter in another form, with the same rotations. boft and oft: the "
      "other method's parameters, where both can say it (m = 1, no scale, exact Cayley). "
      "compact: BOFT with upper triangles only, half the size, for Papilio. peft: what "
      "PEFT reads. merged: a model folder with the adapter in its weights.");
  options.section("What to convert");
  options.add("ADAPTER", &s.adapter, "", "adapter folder").required();
  options.add("to", &s.to, "FORM", "what to write")
      .choices({"boft", "oft", "compact", "peft", "merged"})
      .required();
  options.add("base", &s.base, "MODEL", "model folder the adapter is for; boft and merged need it");
  options.add("o,out", &s.out, "DIR", "folder to write").required();
  options
      .flag("overwrite", s.overwrite, "write into a folder that holds a model or adapter already")
      .line_only();
  add_common(options, s.common);
  options.example("papilio convert runs/boft --to compact --out runs/small");
  options.example("papilio convert runs/oft --to boft --base runs/base --out runs/as_boft");
  options.example("papilio convert runs/boft --to merged --base runs/base --out runs/merged");
  return options;
}

int as_merged(const Settings& s) {
  Words words{s.base, s.adapter, "--out", s.out, "--safe"};
  if (s.overwrite) words.push_back("--overwrite");
  if (s.common.json) words.push_back("--json");
  if (s.common.quiet) words.push_back("--quiet");
  return merge(words);
}

boft::AdapterFolder converted(const Settings& s, const boft::AdapterFolder& adapter) {
  const bool oft = std::holds_alternative<boft::OftConfig>(adapter.config);
  if (s.to == "oft" && !oft) return boft::boft_to_oft(adapter);
  if (s.to != "boft" || !oft) return adapter;
  const nn::SkipInit skip;  // only shapes count
  const nn::PretrainedClassifier base =
      nn::from_config(std::filesystem::path(s.base) / "config.json");
  return boft::oft_to_boft(adapter, *base.model);
}

}  // namespace

int convert(const Words& words) {
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  set_threads(s.common);
  check<UsageError>(!s.base.empty() || (s.to != "boft" && s.to != "merged"), "--to ", s.to,
                    ": needs the model that the adapter is for: --base MODEL");
  if (s.to == "merged") return as_merged(s);
  const boft::AdapterFolder adapter = boft::read_adapter_folder(s.adapter);
  const std::vector<std::string> class_names = read_class_names(s.adapter);
  const boft::AdapterFolder result = converted(s, adapter);
  check<UsageError>(s.to != "compact" || boft::no_compact_form(result.config) == nullptr,
                    "--to compact: a form of BOFT only; ", s.adapter, " holds ",
                    peft_type(result.config));
  warn(options, result.warnings);
  const RunLock lock = prepare_result_folder(s.out, ResultKind::adapter, s.overwrite);
  for (const auto& [key, tensor] : result.tensors) {
    check<Error>(all_finite(tensor) || !holds_run(s.out), s.adapter, ": ", key,
                 " holds numbers that are not finite; what is in ", s.out, " stays as it is");
  }
  replace_run_folder(s.out, [&](const std::filesystem::path& out) {
    if (!class_names.empty()) save_class_names(out, class_names);
    boft::write_adapter_folder(
        out, result.config, result.tensors,
        s.to == "compact" ? boft::FolderForm::compact : boft::FolderForm::peft);
  });
  if (s.common.json) {
    print_json({{"command", "convert"},
                {"adapter", s.adapter},
                {"to", s.to},
                {"peft_type", peft_type(result.config)},
                {"out", s.out},
                {"tensors", result.tensors.size()},
                {"warnings", result.warnings}});
  } else {
    std::printf("%s: %s adapter, %zu tensors\n", s.out.c_str(), peft_type(result.config),
                result.tensors.size());
  }
  return 0;
}

}  // namespace papilio::cli
