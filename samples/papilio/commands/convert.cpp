#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
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
#include "tensor/text.h"

namespace papilio::cli {

namespace {

struct Settings {
  std::string folder, to, base, out;
  bool double_quant = false, overwrite = false;
  Common common;
};

int as_merged(const Options&, const Settings& s) {
  Words words{s.base, s.folder, "--out", s.out, "--safe"};
  if (s.overwrite) words.push_back("--overwrite");
  if (s.common.json) words.push_back("--json");
  if (s.common.quiet) words.push_back("--quiet");
  return merge(words);
}

// What a model has no form for is wrong use.
template <class F>
auto of_model(const Settings& s, F&& f) {
  try {
    return f();
  } catch (const ArgumentError& e) {
    throw UsageError(s.folder + ": " + e.what());
  }
}

LoadedModel read_model(const Options& options, const Settings& s) {
  LoadedModel loaded = load_model(s.folder);
  warn(options, loaded.warnings);
  return loaded;
}

// Says what was written; `what`: "model" or "adapter".
int say_written(const Settings& s, const char* what) {
  if (s.common.json)
    print_json({{"command", "convert"}, {what, s.folder}, {"to", s.to}, {"out", s.out}});
  else
    std::printf("%s: %s\n", s.out.c_str(), written_in(s.out).c_str());
  return 0;
}

int write_model(const Settings& s, nn::ImageClassifier& model,
                const std::vector<std::string>& class_names, const nn::ImageProcessor& processor) {
  const RunLock lock = prepare_result_folder(s.out, ResultKind::model, s.overwrite);
  replace_run_folder(s.out, [&](const std::filesystem::path& out) {
    save_processor(out, processor);
    nn::save_pretrained(model, class_names, out);
  });
  return say_written(s, "model");
}

int as_timm(const Options& options, const Settings& s) {
  LoadedModel loaded = read_model(options, s);
  check<UsageError>(dynamic_cast<nn::TimmViT*>(loaded.model.get()) == nullptr,
                    "--to timm: ", s.folder, " is timm's already");
  const nn::ImageProcessor processor = processor_of(options, s.folder, *loaded.model);
  const nn::ConfigFields fields = loaded.model->config_fields();
  if (const auto eps = fields.find("layer_norm_eps"); eps != fields.end()) {
    const auto own = nlohmann::json::parse(eps->second).get<double>();
    if (own != nn::TimmViTConfig().eps)
      warn(options, {str(s.folder, ": layer_norm_eps ", own, " becomes ", nn::TimmViTConfig().eps,
                         ", which is timm's")});
  }
  const auto result = of_model(s, [&] { return nn::to_timm(*loaded.model); });
  return write_model(s, *result, loaded.class_names, processor);
}

int as_transformers(const Options& options, const Settings& s) {
  LoadedModel loaded = read_model(options, s);
  auto* const timm_vit = dynamic_cast<nn::TimmViT*>(loaded.model.get());
  check<UsageError>(timm_vit != nullptr, "--to transformers: ", s.folder,
                    " is no vision transformer of timm's");
  const nn::ImageProcessor processor = processor_of(options, s.folder, *loaded.model);
  // timm rounds half of what is left over to an even number, Transformers downwards.
  if (processor.backend == nn::ImageProcessor::Backend::timm && processor.do_center_crop) {
    warn(options,
         {str(s.folder, ": of a picture whose side, resized, is 3, 7, 11, ... pixels longer than ",
              processor.crop_height, ", Transformers cuts a middle one pixel beside timm's")});
  }
  const auto result = of_model(s, [&] { return nn::to_transformers(*timm_vit); });
  return write_model(s, *result, loaded.class_names, processor);
}

// The adapter under the module names of one Transformers.
template <boft::ModuleNaming naming>
int under_names(const Options& options, const Settings& s) {
  check<UsageError>(!holds_language_model(s.base), "--to ", s.to,
                    ": a language model's modules have one name in all versions");
  const LoadedModel loaded = load_model(s.base, {.adapter = s.folder});
  warn(options, loaded.warnings);
  const std::vector<std::string> class_names = read_class_names(s.folder);
  const RunLock lock = prepare_result_folder(s.out, ResultKind::adapter, s.overwrite);
  replace_run_folder(s.out, [&](const std::filesystem::path& out) {
    if (!class_names.empty()) save_class_names(out, class_names);
    boft::save_adapter(*loaded.adapters, out, "default", naming);
  });
  return say_written(s, "adapter");
}

nn::QuantizationResult quantized(nn::PretrainedModel& model, const Settings& s) {
  return of_model(s, [&] {
    return nn::quantize_layers(model, quantization_named(s.to).value(),
                               {.use_double_quant = s.double_quant});
  });
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
    images = read_model(options, s);
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
                {"double_quant", s.double_quant},
                {"out", s.out},
                {"layers", result.layers},
                {"numbers", result.numbers},
                {"bytes", result.bytes},
                {"error", result.error},
                {"largest_error", result.largest_error},
                {"worst_layer", result.worst}});
  } else {
    std::printf(
        "%lld layers in %s%s, %s bits a weight; |Q(W) - W| / |W| %s, at most %s (%s)\n"
        "%s: %s\n",
        static_cast<long long>(result.layers), s.to.c_str(),
        s.double_quant ? ", scales quantised too" : "",
        short_number(8 * double(result.bytes) / double(result.numbers)).c_str(),
        short_number(result.error).c_str(), short_number(result.largest_error).c_str(),
        result.worst.c_str(), s.out.c_str(), written_in(s.out).c_str());
  }
  return 0;
}

// An adapter's folder as it is read.
struct Source {
  boft::AdapterFolder adapter;
  std::vector<std::string> class_names;
};
Source read_source(const Settings& s) {
  boft::AdapterFolder adapter = read_adapter(s.folder);
  boft::stored_layers(adapter.config, adapter.tensors, s.folder);  // tensors of wrong shapes
  return {std::move(adapter), read_class_names(s.folder)};
}

int write_adapter(const Options& options, const Settings& s, const boft::AdapterFolder& result,
                  const std::vector<std::string>& class_names,
                  boft::FolderForm form = boft::FolderForm::peft) {
  warn(options, result.warnings);
  const RunLock lock = prepare_result_folder(s.out, ResultKind::adapter, s.overwrite);
  for (const auto& [key, tensor] : result.tensors) {
    check<Error>(all_finite(tensor) || !holds_run(s.out), s.folder, ": ", key,
                 " holds numbers that are not finite; what is in ", s.out, " stays as it is");
  }
  replace_run_folder(s.out, [&](const std::filesystem::path& out) {
    if (!class_names.empty()) save_class_names(out, class_names);
    boft::write_adapter_folder(out, result.config, result.tensors, form);
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

int as_boft(const Options& options, const Settings& s) {
  const Source from = read_source(s);
  const auto base = [&] {
    const nn::SkipInit skip;  // only shapes count
    return nn::model_from_config(std::filesystem::path(s.base) / "config.json");
  }();
  return write_adapter(options, s, boft::as_method(from.adapter, "BOFT", base.get()),
                       from.class_names);
}

int as_oft(const Options& options, const Settings& s) {
  const Source from = read_source(s);
  return write_adapter(options, s, boft::as_method(from.adapter, "OFT"), from.class_names);
}

int as_compact(const Options& options, const Settings& s) {
  const Source from = read_source(s);
  check<UsageError>(boft::no_compact_form(from.adapter.config) == nullptr,
                    "--to compact: a form of BOFT only; ", s.folder, " holds ",
                    peft_type(from.adapter.config));
  return write_adapter(options, s, from.adapter, from.class_names, boft::FolderForm::compact);
}

int as_peft(const Options& options, const Settings& s) {
  const Source from = read_source(s);
  return write_adapter(options, s, from.adapter, from.class_names);
}

// The table: a new form is an entry here, with its function above.
struct Form {
  const char* name;  // --to
  ResultKind result;
  int (*write)(const Options&, const Settings&);
  bool needs_base = false;
  bool has_scales = false;  // for --double-quant
};
constexpr bool kNeedsBase = true, kHasScales = true;
constexpr Form kForms[] = {
    {"boft", ResultKind::adapter, as_boft, kNeedsBase},
    {"oft", ResultKind::adapter, as_oft},
    {"compact", ResultKind::adapter, as_compact},
    {"peft", ResultKind::adapter, as_peft},
    {"merged", ResultKind::model, as_merged, kNeedsBase},
    {"transformers4", ResultKind::adapter, under_names<boft::ModuleNaming::transformers4>,
     kNeedsBase},
    {"transformers5", ResultKind::adapter, under_names<boft::ModuleNaming::transformers5>,
     kNeedsBase},
    {"timm", ResultKind::model, as_timm},
    {"transformers", ResultKind::model, as_transformers},
    {"nf4", ResultKind::model, as_quantized, !kNeedsBase, kHasScales},
    {"fp4", ResultKind::model, as_quantized, !kNeedsBase, kHasScales},
    {"int8", ResultKind::model, as_quantized},
};

std::vector<std::string> names_of(bool (*which)(const Form&)) {
  std::vector<std::string> names;
  for (const Form& form : kForms)
    if (which(form)) names.emplace_back(form.name);
  return names;
}

Options declare(Settings& s) {
  Options options(
      "convert", "FOLDER --to FORM --out DIR [options]",
      "Writes an adapter in another form, with the same rotations. boft and oft: the "
      "other method's parameters, if both can say it (m = 1, no scale, exact Cayley). "
      "compact: BOFT with upper triangles only, half the size, for Papilio. peft: what "
      "PEFT reads. merged: a model folder with the adapter in its weights. transformers4 and "
      "transformers5: under the names that these give the modules. Or a ViT, DeiT or DINOv2: timm "
      "and transformers, the model as the one or the other has it. nf4, fp4 and int8: a model "
      "whose layers are quantised as bitsandbytes does, for adapters to be trained on it.");
  options.section("What to convert");
  options
      .add("FOLDER", &s.folder, "",
           "adapter folder; for timm, transformers and the quantised forms a model folder")
      .required();
  options.add("to", &s.to, "FORM", "what to write")
      .choices(names_of([](const Form&) { return true; }))
      .required();
  options.add(
      "base", &s.base, "MODEL",
      "model folder the adapter is for; " +
          joined(names_of([](const Form& form) { return form.needs_base; }), ", ", " and ") +
          " need it");
  options.flag("double-quant", s.double_quant,
               "nf4 and fp4: quantise the blocks' scales, too, as bitsandbytes' "
               "bnb_4bit_use_double_quant; 4.13 bits a weight instead of 4.5");
  add_out(options, s.out).required();
  add_overwrite(options, s.overwrite, "a model or adapter");
  add_common(options, s.common);
  options.example("papilio convert runs/boft --to compact --out runs/small");
  options.example("papilio convert runs/oft --to boft --base runs/base --out runs/as_boft");
  options.example("papilio convert runs/boft --to merged --base runs/base --out runs/merged");
  options.example("papilio convert runs/vit --to timm --out runs/timm");
  options.example("papilio convert gpt2 --to nf4 --double-quant --out gpt2-nf4");
  return options;
}

}  // namespace

int convert(const Words& words) {
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  const Form& form = *std::ranges::find(kForms, s.to, &Form::name);
  set_threads(s.common);
  options.applies_when(form.has_scales, {&s.double_quant}, "--to nf4 or fp4");
  check_result_folder(s.out, form.result, s.overwrite);
  check_not_half_replaced(s.folder);
  check<UsageError>(!s.base.empty() || !form.needs_base, "--to ", s.to,
                    ": needs the model that the adapter is for: --base MODEL");
  return form.write(options, s);
}

}  // namespace papilio::cli
