// The methods that finetune knows, each an entry of one table, and their options.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "boft/methods/methods.h"
#include "samples/papilio/options/options.h"
#include "samples/papilio/options/training_options.h"

namespace papilio::cli {

constexpr int64_t kFinetuneEpochs = 60;

struct MethodSettings {
  std::string name = "boft";
  int64_t block_size = 4, block_num = 0, factors = 2, rank = 4;
  int64_t cayley_neumann = 0;               // terms of the series; 0: exact
  double alpha = 8, dropout = 0, coft = 0;  // coft: eps; 0: free
  bool block_share = false, apply_gs = false;
  std::string scale = "free";
  // What every adapter has.
  std::string target_modules = "query,key,value,intermediate.dense,output.dense", exclude_modules,
              modules_to_save = "classifier", layers_to_transform, bias = "none";
  double drop_path = 0;  // the model's own if it is not given
};

// What a method has on the parts of a pipeline if it is not given, as PEFT's examples have it.
struct PipelineDefaults {
  int64_t block_num = 0;  // 0: the blocks' size decides
  double dropout = 0;
  const char* bias = "none";
};

// One way to finetune.
struct Method {
  using Field = std::variant<bool MethodSettings::*, int64_t MethodSettings::*,
                             double MethodSettings::*, std::string MethodSettings::*>;
  const char* name;     // --method
  const char* summary;  // behind the name in --help; may be empty
  const char* example;  // options of a line of --help's examples; may be empty
  double lr;            // if --lr is not given
  // Options that not every method has, and defaults that are not those of MethodSettings.
  std::vector<Field> options = {};
  std::vector<std::pair<int64_t MethodSettings::*, int64_t>> defaults = {};
  // What --rank and --dropout mean here; options that cannot be given, with the value they have.
  const char* rank_is = "";
  const char* dropout_is = "";
  std::vector<std::pair<Field, const char*>> fixed = {};
  PipelineDefaults in_pipeline = {};
  // The adapter's own settings; null for a method without an adapter.
  boft::AdapterConfig (*config)(const MethodSettings&) = nullptr;
  // A method without an adapter: what a report calls it, and whether it trains the whole model.
  const char* label = "";
  bool trains_backbone = false;
};

// The table, and the entry of --method.
const std::vector<Method>& all_methods();
const Method& method_of(const MethodSettings& settings);

// The methods with an adapter: "boft, oft, lora and hra".
std::string adapter_methods();

// The options of every method, out of the table.
void add_method_options(Options& options, MethodSettings& settings);
// From here on --method takes, and --help names, those alone that `takes` names.
void limit_methods(Options& options, const MethodSettings& settings, bool (*takes)(const Method&));
// A line for each method that has one: "papilio finetune runs/base --classes 5-9 --method oft -b
// 8".
void add_method_examples(Options& options);
// The defaults of --lr and --weight-decay in --help, after add_training_options.
void show_method_defaults(Options& options, const TrainingSettings& training);
// Settles the method's defaults, and which options apply to it. Throws UsageError for others.
void settle_method_options(Options& options, MethodSettings& settings);
// Whether it trains an adapter or the whole model, not a classifier alone.
bool needs_no_classifier(const Method& method);
// Throws UsageError for a method that does, which `what` ("a language model") does not have.
void check_needs_no_classifier(const MethodSettings& settings, const char* what);
// Settles the rate and the weight decay that it trains with if they are not given.
void settle_method_rates(const Options& options, const MethodSettings& settings,
                         TrainingSettings& training);

// Names separated by commas or blanks.
std::vector<std::string> split_names(const std::string& text);

// The adapter for a model of so many transformer layers, from the folder `base`. Throws UsageError
// for --layers-to-transform that it does not have.
boft::AdapterConfig adapter_config(const MethodSettings& settings, const std::string& base,
                                   int64_t layers);

}  // namespace papilio::cli
