#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "autograd/anomaly.h"
#include "boft/files/checkpoint.h"
#include "boft/files/convert.h"
#include "nn/data/transforms/image_processor.h"
#include "nn/init.h"
#include "nn/models/image_classifier.h"
#include "nn/models/pretrained.h"
#include "nn/models/pretrained_model.h"
#include "nn/models/quantized_model.h"
#include "nn/models/timm_convert.h"
#include "nn/models/timm_vit.h"
#include "nn/models/vit.h"
#include "nn/text/tokenizer_files.h"
#include "samples/papilio/commands/commands.h"
#include "samples/papilio/data/processor.h"
#include "samples/papilio/models/language_model.h"
#include "samples/papilio/models/model.h"
#include "samples/papilio/options/common.h"
#include "samples/papilio/options/option.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/output/table.h"
#include "samples/papilio/run/run_files.h"
#include "samples/papilio/run/run_folder.h"
#include "samples/papilio/run/run_lock.h"

namespace papilio::cli {

namespace {

struct Settings {
  std::string folder, to, base, out;
  bool overwrite = false;
  Common common;
};

Options declare(Settings& s) {
  Options options(
      "convert", "FOLDER --to FORM --out DIR [options]",
      "Writes an adapter in another form, with the same rotations. boft and oft: the "
      "other method's parameters, where both can say it (m = 1, no scale, exact Cayley). "
      "compact: BOFT with upper triangles only, half the size, for Papilio. peft: what "
      "PEFT reads. merged: a model folder with the adapter in its weights. transformers4 and "
      "transformers5: under the names that these give the modules. Or a ViT, DeiT or DINOv2: timm "
      "and transformers, the model as the one or the other has it. nf4, fp4 and int8: a model "
      "whose "
      "layers are quantised as bitsandbytes does, for adapters to be trained on it.");
  options.section("What to convert");
  options
      .add("FOLDER", &s.folder, "",
           "adapter folder; for timm, transformers and the quantised forms a model folder")
      .required();
  options.add("to", &s.to, "FORM", "what to write")
      .choices({"boft", "oft", "compact", "peft", "merged", "transformers4", "transformers5",
                "timm", "transformers", "nf4", "fp4", "int8"})
      .required();
  options.add(
      "base", &s.base, "MODEL",
      "model folder the adapter is for; boft, merged, transformers4 and transformers5 need it");
  add_out(options, s.out).required();
  add_overwrite(options, s.overwrite, "a model or adapter");
  add_common(options, s.common);
  options.example("papilio convert runs/boft --to compact --out runs/small");
  options.example("papilio convert runs/oft --to boft --base runs/base --out runs/as_boft");
  options.example("papilio convert runs/boft --to merged --base runs/base --out runs/merged");
  options.example("papilio convert runs/vit --to timm --out runs/timm");
  options.example("papilio convert gpt2 --to nf4 --out gpt2-nf4");
  return options;
}

int as_merged(const Settings& s) {
  Words words{s.base, s.folder, "--out", s.out, "--safe"};
  if (s.overwrite) words.push_back("--overwrite");
  if (s.common.json) words.push_back("--json");
  if (s.common.quiet) words.push_back("--quiet");
  return merge(words);
}

// The model in the other library's form.
int as_other_model(const Options& options, const Settings& s) {
  LoadedModel loaded = load_model(s.folder);
  warn(options, loaded.warnings);
  const bool timm = s.to == "timm";
  auto* const timm_vit = dynamic_cast<nn::TimmViT*>(loaded.model.get());
  check<UsageError>(timm != (timm_vit != nullptr), "--to ", s.to, ": ", s.folder, " is ",
                    timm ? "timm's already" : "no vision transformer of timm's");
  const nn::ImageProcessor processor = processor_of(options, s.folder, *loaded.model);
  const nn::ConfigFields fields = loaded.model->config_fields();
  if (const auto eps = fields.find("layer_norm_eps"); timm && eps != fields.end()) {
    const auto own = nlohmann::json::parse(eps->second).get<double>();
    if (own != nn::TimmViTConfig().eps)
      warn(options, {str(s.folder, ": layer_norm_eps ", own, " becomes ", nn::TimmViTConfig().eps,
                         ", which is timm's")});
  }
  // timm rounds half of what is left over to an even number, Transformers downwards.
  if (!timm && processor.backend == nn::ImageProcessor::Backend::timm && processor.do_center_crop) {
    warn(options,
         {str(s.folder,
              ": of a picture whose side, resized, is 3, 7, 11, ... pixels "
              "longer than ",
              processor.crop_height, ", Transformers cuts a middle one pixel beside timm's")});
  }
  std::unique_ptr<nn::ImageClassifier> result;
  try {
    if (timm)
      result = nn::to_timm(*loaded.model);
    else
      result = nn::to_transformers(*timm_vit);
  } catch (const ArgumentError& e) {
    throw UsageError(s.folder + ": " + e.what());
  }
  const RunLock lock = prepare_result_folder(s.out, ResultKind::model, s.overwrite);
  replace_run_folder(s.out, [&](const std::filesystem::path& out) {
    save_processor(out, processor);
    nn::save_pretrained(*result, loaded.class_names, out);
  });
  if (s.common.json) {
    print_json({{"command", "convert"}, {"model", s.folder}, {"to", s.to}, {"out", s.out}});
  } else {
    std::printf("%s: %s\n", s.out.c_str(), written_in(s.out).c_str());
  }
  return 0;
}

// The adapter under the module names of another Transformers.
int as_other_names(const Options& options, const Settings& s) {
  check<UsageError>(!holds_language_model(s.base), "--to ", s.to,
                    ": a language model's modules have one name in all versions");
  const LoadedModel loaded = load_model(s.base, {.adapter = s.folder});
  warn(options, loaded.warnings);
  const auto naming = s.to == "transformers5" ? boft::ModuleNaming::transformers5
                                              : boft::ModuleNaming::transformers4;
  const std::vector<std::string> class_names = read_class_names(s.folder);
  const RunLock lock = prepare_result_folder(s.out, ResultKind::adapter, s.overwrite);
  replace_run_folder(s.out, [&](const std::filesystem::path& out) {
    if (!class_names.empty()) save_class_names(out, class_names);
    boft::save_adapter(*loaded.adapters, out, "default", naming);
  });
  if (s.common.json) {
    print_json({{"command", "convert"}, {"adapter", s.folder}, {"to", s.to}, {"out", s.out}});
  } else {
    std::printf("%s: %s\n", s.out.c_str(), written_in(s.out).c_str());
  }
  return 0;
}

nn::QuantizationResult quantized(nn::PretrainedModel& model, const Settings& s) {
  try {
    return nn::quantize_layers(model, quantization_named(s.to).value());
  } catch (const ArgumentError& e) {
    throw UsageError(s.folder + ": " + e.what());
  }
}

// The model with its layers quantised.
int as_quantized(const Options& options, const Settings& s) {
  nn::QuantizationResult result;
  WriteFolder write;
  LoadedLanguageModel text;
  LoadedModel images;
  std::optional<nn::ImageProcessor> processor;
  if (holds_language_model(s.folder)) {
    text = load_language_model(s.folder);
    warn(options, text.warnings);
    result = quantized(*text.model, s);
    write = [&](const std::filesystem::path& out) {
      nn::save_pretrained(*text.model, out);
      nn::copy_tokenizer(s.folder, out);
    };
  } else {
    images = load_model(s.folder);
    warn(options, images.warnings);
    if (has_processor(s.folder)) processor = processor_of(options, s.folder, *images.model);
    result = quantized(*images.model, s);
    write = [&](const std::filesystem::path& out) {
      if (processor) save_processor(out, *processor);
      nn::save_pretrained(*images.model, images.class_names, out);
    };
  }
  const RunLock lock = prepare_result_folder(s.out, ResultKind::model, s.overwrite);
  replace_run_folder(s.out, write);
  if (s.common.json) {
    print_json({{"command", "convert"},
                {"model", s.folder},
                {"to", s.to},
                {"out", s.out},
                {"layers", result.layers},
                {"numbers", result.numbers},
                {"bytes", result.bytes},
                {"error", result.error},
                {"largest_error", result.largest_error},
                {"worst_layer", result.worst}});
  } else {
    std::printf(
        "%lld layers in %s, %s bits a weight; |Q(W) - W| / |W| %s, at most %s (%s)\n"
        "%s: %s\n",
        static_cast<long long>(result.layers), s.to.c_str(),
        short_number(8 * double(result.bytes) / double(result.numbers)).c_str(),
        short_number(result.error).c_str(), short_number(result.largest_error).c_str(),
        result.worst.c_str(), s.out.c_str(), written_in(s.out).c_str());
  }
  return 0;
}

// What the form is, a model or an adapter.
ResultKind kind_of(const std::string& form) {
  const auto adapters = {"boft", "oft", "compact", "peft", "transformers4", "transformers5"};
  return std::ranges::find(adapters, form) == adapters.end() ? ResultKind::model
                                                             : ResultKind::adapter;
}

boft::AdapterFolder converted(const Settings& s, const boft::AdapterFolder& adapter) {
  if (s.to == "oft") return boft::as_method(adapter, "OFT");
  if (s.to != "boft") return adapter;
  const nn::SkipInit skip;  // only shapes count
  const auto base = nn::model_from_config(std::filesystem::path(s.base) / "config.json");
  return boft::as_method(adapter, "BOFT", base.get());
}

}  // namespace

int convert(const Words& words) {
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  set_threads(s.common);
  check_result_folder(s.out, kind_of(s.to), s.overwrite);
  check_not_half_replaced(s.folder);
  if (s.to == "timm" || s.to == "transformers") return as_other_model(options, s);
  if (quantization_named(s.to)) return as_quantized(options, s);
  const bool names = s.to == "transformers4" || s.to == "transformers5";
  check<UsageError>(!s.base.empty() || (s.to != "boft" && s.to != "merged" && !names), "--to ",
                    s.to, ": needs the model that the adapter is for: --base MODEL");
  if (s.to == "merged") return as_merged(s);
  if (names) return as_other_names(options, s);
  const boft::AdapterFolder adapter = read_adapter(s.folder);
  boft::stored_layers(adapter.config, adapter.tensors, s.folder);  // tensors of wrong shapes
  const std::vector<std::string> class_names = read_class_names(s.folder);
  const boft::AdapterFolder result = converted(s, adapter);
  check<UsageError>(s.to != "compact" || boft::no_compact_form(result.config) == nullptr,
                    "--to compact: a form of BOFT only; ", s.folder, " holds ",
                    peft_type(result.config));
  warn(options, result.warnings);
  const RunLock lock = prepare_result_folder(s.out, ResultKind::adapter, s.overwrite);
  for (const auto& [key, tensor] : result.tensors) {
    check<Error>(all_finite(tensor) || !holds_run(s.out), s.folder, ": ", key,
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
                {"adapter", s.folder},
                {"to", s.to},
                {"peft_type", peft_type(result.config)},
                {"out", s.out},
                {"tensors", result.tensors.size()},
                {"warnings", result.warnings}});
  } else {
    std::printf("%s adapter, %zu tensors\n%s: %s\n", peft_type(result.config),
                result.tensors.size(), s.out.c_str(), written_in(s.out).c_str());
  }
  return 0;
}

}  // namespace papilio::cli
