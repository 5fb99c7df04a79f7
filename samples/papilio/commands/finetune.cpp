#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "boft/files/checkpoint.h"
#include "nn/layers/dropout.h"
#include "nn/models/pretrained.h"
#include "samples/papilio/commands/commands.h"
#include "samples/papilio/data/digits.h"
#include "samples/papilio/data/known_split.h"
#include "samples/papilio/demo/methods.h"
#include "samples/papilio/run/model.h"
#include "samples/papilio/run/run_folder.h"
#include "samples/papilio/run/run_report.h"
#include "samples/papilio/run/table.h"
#include "samples/papilio/run/training.h"
#include "tensor/random.h"

namespace papilio::cli {

namespace {

struct Settings {
  std::string model, method = "boft", out, head = "auto";
  DataSettings data;
  bool overwrite = false;
  int64_t block_size = 4, block_num = 0, factors = 2, rank = 4;
  int64_t neumann = boft::OftConfig{}.num_cayley_neumann_terms;
  double alpha = 8, dropout = 0, eps = 0, drop_path = 0;
  bool block_share = false;
  std::string target_modules = "query,key,value,intermediate.dense,output.dense", exclude_modules,
              modules_to_save = "classifier", layers_to_transform, bias = "none";
  TrainingSettings training = demo_recipe();
  Common common;

  bool rotates() const { return method == "boft" || method == "oft"; }
  bool has_adapter() const { return rotates() || method == "lora"; }
};

Options declare(Settings& s) {
  Options options(
      "finetune", "MODEL [options]",
      "Adapts a model folder to classes it may not know, of the built-in digits or of images in "
      "files. boft, oft and lora freeze the model and "
      "train an adapter, written as a folder in PEFT's format; linear trains a new head only, full "
      "everything, and both write a model folder. log.csv and run.toml, every setting of this run, "
      "lie beside.");
  options.section("Model and data");
  options.add("MODEL", &s.model, "", "model folder to begin with").required();
  add_data(options, s.data);
  options
      .add("head", &s.head, "WAY",
           "new (drawn), keep, or auto: keep where the classes are the model's own")
      .choices({"auto", "new", "keep"});
  options.add("o,out", &s.out, "DIR", "folder to write").default_is("runs/METHOD");
  options
      .flag("overwrite", s.overwrite, "write into a folder that holds a model or adapter already")
      .line_only();
  options.section("Method");
  options
      .add("method", &s.method, "NAME",
           "boft: a rotation of m butterfly factors and a scale; oft: one block-diagonal rotation; "
           "lora: low-rank; linear: a new head; full")
      .choices({"boft", "oft", "lora", "linear", "full"});
  options.add("b,block-size", &s.block_size, "B", "boft, oft: size of a rotation's blocks")
      .range(1)
      .default_is("boft 4, oft 8");
  options
      .add("n,block-num", &s.block_num, "N", "boft, oft: number of blocks, instead of their size")
      .range(0)
      .default_is("none");
  options.add("m,factors", &s.factors, "M", "boft: butterfly factors").range(1, 60);
  options
      .add("cayley-neumann", &s.neumann, "TERMS",
           "oft: terms of the Cayley-Neumann series; 0: the exact Cayley transform")
      .range(0, 64);
  options
      .add("coft", &s.eps, "EPS",
           "oft: constrained, each block's |A| stays below EPS / sqrt(N); 0: free")
      .range(0);
  options.flag("block-share", s.block_share, "oft: one block for all N places");
  options.add("r,rank", &s.rank, "R", "lora: rank").range(1, 65536);
  options.add("a,alpha", &s.alpha, "A", "lora: the update counts A / R times");
  options
      .add("dropout", &s.dropout, "P",
           "boft, oft: share of blocks switched off in one factor; lora: of inputs")
      .below(0, 1);
  options.add(
      "t,target-modules", &s.target_modules, "NAMES",
      "layers to adapt: names or endings a,b,c; a regular expression for the whole path; or "
      "all-linear");
  options.add("exclude-modules", &s.exclude_modules, "NAMES", "layers to leave alone, said alike");
  options.add("layers-to-transform", &s.layers_to_transform, "LIST",
              "only in these transformer layers: 0-2, or 1,3");
  options.add("modules-to-save", &s.modules_to_save, "NAMES",
              "modules that train in full beside the adapter");
  options
      .add("bias", &s.bias, "WHICH",
           "biases that train: none, all, or those of adapted layers: boft_only, oft_only, "
           "lora_only")
      .choices({"none", "all", "boft_only", "oft_only", "lora_only"});
  options
      .add("drop-path", &s.drop_path, "P",
           "of whole branches in the model's last layer; less before, none in the first")
      .below(0, 1)
      .default_is("the model's own");
  s.training.epochs = demo::Schedule{}.adapt_epochs;
  add_training(options, s.training);
  options.option("lr").default_is("full 0.001, linear 0.1, else 0.01");
  options.option("weight-decay").default_is(str("full ", s.training.weight_decay, ", else 0"));
  add_device(options, s.common);
  add_common(options, s.common);
  options.example("papilio finetune runs/base --classes 5-9 -b 4 -m 2 --out runs/boft");
  options.example("papilio finetune runs/base --classes 5-9 --method oft -b 8");
  options.example("papilio finetune runs/base --classes 5-9 --method lora -r 4 -a 8");
  options.example("papilio finetune google/vit --data photos --method boft -b 4 -m 2");
  options.example("papilio finetune runs/base -t query,value --layers-to-transform 2-3");
  return options;
}

double default_rate(const std::string& method) {
  return method == "full" ? 1e-3 : method == "linear" ? 1e-1 : 1e-2;
}

// What an option means that was not given depends on the method.
void resolve_method(Options& options, Settings& s) {
  if (s.out.empty()) s.out = "runs/" + s.method;
  options.applies_when(s.rotates(), {"block-size", "block-num"}, "--method boft or oft");
  options.applies_when(s.method == "boft", {"factors"}, "--method boft (oft has one)");
  options.applies_when(s.method == "lora", {"rank", "alpha"}, "--method lora");
  options.applies_when(s.has_adapter(),
                       {"dropout", "target-modules", "exclude-modules", "layers-to-transform",
                        "modules-to-save", "bias"},
                       "--method boft, oft or lora");
  options.applies_when(s.method == "oft", {"cayley-neumann", "coft", "block-share"},
                       "--method oft");
  if (s.method == "oft" && !options.given("block-size")) s.block_size = 8;
  if (s.block_num > 0) {
    check<UsageError>(options.origin("block-size") != Options::Origin::line,
                      "--block-num: give it or --block-size, not both");
    s.block_size = 0;
    options.applies_when(false, {"block-size"}, "");
  }
  options.applies_when(options.given("drop-path"), {"drop-path"}, "");
  if (!options.given("lr")) s.training.lr = default_rate(s.method);
  if (!options.given("weight-decay") && s.method != "full") s.training.weight_decay = 0;
}

std::vector<std::string> split_names(const std::string& text) {
  std::vector<std::string> names;
  std::string name;
  for (char c : text + ',') {
    if (c != ',' && c != ' ') {
      name += c;
    } else if (!name.empty()) {
      names.push_back(std::move(name));
      name.clear();
    }
  }
  return names;
}

boft::ModuleNames module_names(const std::string& text) {
  const bool pattern = text == "all-linear" || text.find_first_of("*+?()[]{}|^$\\") != text.npos;
  if (pattern) return text;
  const std::vector<std::string> names = split_names(text);
  return names.empty() ? boft::ModuleNames() : boft::ModuleNames(names);
}

template <class Config>
Config with_shared(Config c, const Settings& s, int64_t layers) {
  c.target_modules = module_names(s.target_modules);
  c.exclude_modules = module_names(s.exclude_modules);
  c.modules_to_save = split_names(s.modules_to_save);
  if (!s.layers_to_transform.empty()) {
    c.layers_to_transform =
        parse_ranges("--layers-to-transform", s.layers_to_transform, layers, "layer");
  }
  c.bias = s.bias;
  c.base_model_name_or_path = s.model;
  return c;
}

boft::AdapterConfig adapter_config(const Settings& s, int64_t layers) {
  if (s.method == "lora") {
    return with_shared(
        boft::LoraConfig{.r = s.rank, .lora_alpha = s.alpha, .lora_dropout = s.dropout}, s, layers);
  }
  if (s.method == "oft") {
    return with_shared(
        boft::OftConfig{.r = s.block_num,
                        .oft_block_size = s.block_size,
                        .module_dropout = s.dropout,
                        .coft = s.eps > 0,
                        .eps = s.eps > 0 ? s.eps : boft::OftConfig{}.eps,
                        .block_share = s.block_share,
                        .use_cayley_neumann = s.neumann > 0,
                        .num_cayley_neumann_terms =
                            s.neumann > 0 ? s.neumann : boft::OftConfig{}.num_cayley_neumann_terms},
        s, layers);
  }
  return with_shared(boft::BoftConfig{.boft_block_size = s.block_size,
                                      .boft_block_num = s.block_num,
                                      .boft_n_butterfly_factor = s.factors,
                                      .boft_dropout = s.dropout},
                     s, layers);
}

void choose_head(const Settings& s, LoadedModel& loaded,
                 const std::vector<std::string>& class_names) {
  const bool same = class_names == loaded.class_names;
  if (s.head == "keep" || (s.head == "auto" && same)) {
    std::string known;
    for (const std::string& name : loaded.class_names) known += (known.empty() ? "" : ", ") + name;
    check<UsageError>(same, "--head keep: the classes differ from the model's, which are ", known);
    return;
  }
  const std::vector<std::string> saved = split_names(s.modules_to_save);
  check<UsageError>(!s.has_adapter() || std::ranges::count(saved, "classifier") > 0,
                    "--modules-to-save: the head is new, so classifier must be among them, got ",
                    s.modules_to_save.empty() ? "nothing" : s.modules_to_save);
  replace_head(loaded, class_names);
}

// Freezes, attaches, and returns the trainable parameters' line.
std::string prepare(Options& options, const Settings& s, LoadedModel& loaded) {
  nn::ImageClassifier& model = *loaded.model;
  if (s.has_adapter()) {
    loaded.adapters = std::make_unique<boft::AdapterModel>(model);
    warn(options, loaded.adapters->add_adapter("default",
                                               adapter_config(s, model.shape().num_hidden_layers)));
  } else {
    nn::set_trainable(model, s.method == "full");
    nn::set_trainable(model.classifier, true);
  }
  return nn::trainable_parameters_line(model);
}

std::string method_label(const Settings& s, const LoadedModel& loaded) {
  if (loaded.adapters != nullptr) return adapter_label(loaded.adapters->config("default"));
  return s.method == "full" ? "Full finetuning" : "A linear probe";
}

}  // namespace

int finetune(const Words& words) {
  Settings s;
  Options options = declare(s);
  if (!options.parse(words)) return 0;
  const Device device = device_of(s.common);
  resolve_method(options, s);
  resolve(options, s.training);
  options.applies_when(!device.is_cpu(), {"cuda-graph"}, "--device cuda");
  resolve(options, s.data);
  warn(options, take_known_split(options, s.data, {s.model}));
  const Data all = open_data(s.data);
  resolve(options, s.training.augment, all);
  const Data data = with_classes(all, chosen_classes(s.data, all));
  set_threads(s.common);
  const std::string settings = options.toml();

  manual_seed(uint64_t(s.training.seed));
  LoadedModel loaded = load_model(s.model);
  warn(options, loaded.warnings);
  if (options.given("drop-path")) nn::set_drop_path(*loaded.model, s.drop_path);
  check_takes(data, s.model, *loaded.model);
  const nn::ImageProcessor processor = data.is_digits()
                                           ? nn::image_processor_for(8, 8, 1)
                                           : processor_of(options, s.model, *loaded.model);
  warn(options, data.images.notes);
  choose_head(s, loaded, data.class_names);
  loaded.to(device);
  const std::string parameters = prepare(options, s, loaded);
  const nn::ParameterCount count = nn::count_parameters(*loaded.model);

  prepare_run_folder(s.out, s.has_adapter() ? Result::adapter : Result::model, s.training.resume,
                     s.overwrite);
  const std::filesystem::path out = s.out;
  if (!s.common.json) {
    std::printf("%s\n", parameters.c_str());
    std::fflush(stdout);
  }
  const TrainingData parts =
      training_data(data, s.data, processor, s.training.augment, s.training.batch_size);
  const TrainingJob job{*loaded.model, parts, out, s.method, settings};
  TrainingEnd end = run_training(job, s.training, options, s.common);
  save_result(end, [&] {
    if (s.has_adapter()) {
      save_class_names(out, data.class_names);
      boft::save_adapter(*loaded.adapters, out);
    } else {
      if (!data.is_digits()) save_processor(out, processor);
      nn::save_pretrained(*loaded.model, data.class_names, out);
    }
  });

  TestResult test;
  if (end.failure.empty()) test = evaluate_test(*loaded.model, parts);
  if (!test.problem.empty()) warn(options, {test.text() + ": " + test.problem});
  if (end.saved) {
    write_report_or_warn(options, out / "report.html", [&](report::RunReport& page) {
      const std::string label = method_label(s, loaded);
      page.title = label + " on " + data_title(s.data);
      page.subject = str(label, " adapted the model in ", s.model, " to ", data.class_names.size(),
                         " classes.");
      page.parameters = count.all;
      page.trainable = count.trainable;
      describe(page, options, words, *loaded.model, s.data, data);
      add_training(page, out, end);
      const EvaluatedPart shown =
          end.failure.empty() ? part_to_show(*loaded.model, parts, test) : EvaluatedPart();
      add_evaluation(page, *loaded.model, shown, data.class_names, processor, data.is_digits());
      add_adapter(page, loaded.adapters.get());
    });
  }
  if (s.common.json) {
    nlohmann::json result{{"command", "finetune"},
                          {"device", str(nn::device_of(*loaded.model))},
                          {"method", s.method},
                          {"model", s.model},
                          {"out", s.out},
                          {"classes", data.class_names},
                          {"trainable_parameters", count.trainable},
                          {"all_parameters", count.all},
                          {"data", s.data.path}};
    add_to_json(result, test);
    add_to_json(result, end);
    print_json(result);
  } else if (end.failure.empty()) {
    std::printf(
        "%s\n%s: %s, report.html, log.csv, steps.csv, tensorboard/, checkpoints/, run.toml\n",
        test.text().c_str(), s.out.c_str(),
        s.has_adapter() ? "adapter_config.json, adapter_model.safetensors, id2label.json"
                        : "config.json, model.safetensors");
  }
  return report_end(options, end, s.out);
}

}  // namespace papilio::cli
