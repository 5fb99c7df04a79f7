#include "samples/papilio/options/method_options.h"

#include <algorithm>

#include "samples/papilio/options/number_ranges.h"
#include "samples/papilio/options/option.h"
#include "tensor/text.h"

namespace papilio::cli {

namespace {

using M = MethodSettings;

constexpr double kAdapterRate = 1e-2;
constexpr const char* kBlocksOff = "share of blocks switched off in one factor";

boft::AdapterConfig boft_config(const M& s) {
  return boft::BoftConfig{.boft_block_size = s.block_size,
                          .boft_block_num = s.block_num,
                          .boft_n_butterfly_factor = s.factors,
                          .boft_dropout = s.dropout,
                          .scale = s.scale == "none"       ? boft::BoftScale::none
                                   : s.scale == "positive" ? boft::BoftScale::positive
                                                           : boft::BoftScale::free};
}

boft::AdapterConfig oft_config(const M& s) {
  const boft::OftConfig usual;
  return boft::OftConfig{.r = s.block_num,
                         .oft_block_size = s.block_size,
                         .module_dropout = s.dropout,
                         .coft = s.coft > 0,
                         .eps = s.coft > 0 ? s.coft : usual.eps,
                         .block_share = s.block_share,
                         .use_cayley_neumann = s.cayley_neumann > 0,
                         .num_cayley_neumann_terms = s.cayley_neumann > 0
                                                         ? s.cayley_neumann
                                                         : usual.num_cayley_neumann_terms};
}

boft::AdapterConfig lora_config(const M& s) {
  return boft::LoraConfig{.r = s.rank, .lora_alpha = s.alpha, .lora_dropout = s.dropout};
}

boft::AdapterConfig hra_config(const M& s) {
  return boft::HraConfig{.r = s.rank, .apply_GS = s.apply_gs};
}

// The table: a new method is an entry here, with its function above and options below.
const std::vector<Method> kMethods{
    {.name = "boft",
     .summary = "a rotation of m butterfly factors and a scale",
     .example = "-b 4 -m 2 --out runs/boft",
     .lr = kAdapterRate,
     .options = {&M::block_size, &M::block_num, &M::factors, &M::dropout, &M::scale},
     .dropout_is = kBlocksOff,
     .in_pipeline = {.block_num = 8, .dropout = 0.1, .bias = "boft_only"},
     .config = boft_config},
    {.name = "oft",
     .summary = "one block-diagonal rotation",
     .example = "-b 8",
     .lr = kAdapterRate,
     .options = {&M::block_size, &M::block_num, &M::cayley_neumann, &M::coft, &M::block_share,
                 &M::dropout},
     .defaults = {{&M::block_size, 8}},
     .dropout_is = kBlocksOff,
     .fixed = {{&M::factors, "one"}},
     .in_pipeline = {.block_num = 8},
     .config = oft_config},
    {.name = "lora",
     .summary = "low-rank",
     .example = "-r 4 -a 8",
     .lr = kAdapterRate,
     .options = {&M::rank, &M::alpha, &M::dropout},
     .rank_is = "rank",
     .dropout_is = "of inputs",
     .config = lora_config},
    {.name = "hra",
     .summary = "a chain of reflections",
     .example = "-r 8",
     .lr = kAdapterRate,
     .options = {&M::rank, &M::apply_gs},
     .defaults = {{&M::rank, 8}},
     .rank_is = "the number of reflections",
     .config = hra_config},
    {.name = "linear",
     .summary = "a new head",
     .example = "",
     .lr = 1e-1,
     .label = "A linear probe"},
    {.name = "full",
     .summary = "",
     .example = "",
     .lr = 1e-3,
     .label = "Full finetuning",
     .trains_backbone = true}};

Options::Handle handle(const Method::Field& field, const M& s) {
  return std::visit([&](auto member) { return Options::Handle(&(s.*member)); }, field);
}

bool has(const Method& method, const Method::Field& field) {
  return std::ranges::count(method.options, field) > 0;
}

template <class Condition>
std::vector<std::string> names_of(Condition&& condition) {
  std::vector<std::string> names;
  for (const Method& method : kMethods)
    if (condition(method)) names.emplace_back(method.name);
  return names;
}

std::vector<std::string> names_with(const Method::Field& field) {
  return names_of([&](const Method& method) { return has(method, field); });
}

std::vector<std::string> adapter_names() {
  return names_of([](const Method& method) { return method.config != nullptr; });
}

// "boft, oft: ", before what an option of some methods means.
std::string of(const Method::Field& field) {
  return joined(names_with(field), ", ") + ": ";
}

int64_t default_of(const Method& method, int64_t M::*field) {
  for (const auto& [own, value] : method.defaults)
    if (own == field) return value;
  return M{}.*field;
}

// "boft, oft: share of blocks; lora: of inputs", out of each method's words; "" in none.
std::string by_method(const char* Method::*words) {
  std::vector<std::string> said, texts;
  for (const Method& method : kMethods) {
    if (*(method.*words) == '\0' || std::ranges::count(said, method.*words) > 0) continue;
    said.emplace_back(method.*words);
    const auto same = [&](const Method& other) { return said.back() == other.*words; };
    texts.push_back(joined(names_of(same), ", ") + ": " + said.back());
  }
  return joined(texts, "; ");
}

// " (oft has one)": of methods for which an option has one value and cannot be given.
std::string fixed_values(const Method::Field& field) {
  std::string text;
  for (const Method& method : kMethods)
    for (const auto& [fixed, value] : method.fixed)
      if (fixed == field) text += str(" (", method.name, " has ", value, ')');
  return text;
}

// "4", or "boft 4, oft 8"
std::string defaults_text(int64_t M::*field) {
  std::vector<std::string> texts;
  bool same = true;
  for (const Method& method : kMethods) {
    if (!has(method, field)) continue;
    const int64_t value = default_of(method, field);
    texts.push_back(str(method.name, ' ', value));
    same &= value == M{}.*field;
  }
  return same ? std::to_string(M{}.*field) : joined(texts, ", ");
}

// The options that every adapter has.
void add_module_options(Options& options, M& s) {
  options
      .add("t,target-modules", &s.target_modules, "NAMES",
           "layers to adapt: names or endings a,b,c; a regular expression for the whole path; "
           "or all-linear")
      .default_is(s.target_modules + "; other names if the model has them, mlp.fc1,mlp.fc2");
  options.add("exclude-modules", &s.exclude_modules, "NAMES", "layers to leave alone, said alike");
  options.add("layers-to-transform", &s.layers_to_transform, "LIST",
              "only in these transformer layers: 0-2, or 1,3");
  options.add("modules-to-save", &s.modules_to_save, "NAMES",
              "modules that train in full beside the adapter");
  std::vector<std::string> choices{"none", "all"}, own;
  for (const std::string& name : adapter_names()) own.push_back(name + "_only");
  choices.insert(choices.end(), own.begin(), own.end());
  options
      .add("bias", &s.bias, "WHICH",
           "biases that train: none, all, or those of adapted layers: " + joined(own, ", "))
      .choices(std::move(choices));
}

boft::ModuleNames module_names(const std::string& text) {
  const bool pattern = text == "all-linear" || text.find_first_of("*+?()[]{}|^$\\") != text.npos;
  if (pattern) return text;
  const std::vector<std::string> names = split_names(text);
  return names.empty() ? boft::ModuleNames() : boft::ModuleNames(names);
}

}  // namespace

const std::vector<Method>& all_methods() {
  return kMethods;
}

const Method& method_of(const MethodSettings& s) {
  return *std::ranges::find(kMethods, s.name, &Method::name);
}

void add_method_options(Options& options, MethodSettings& s) {
  options.section("Method");
  options.add("method", &s.name, "NAME", "");
  limit_methods(options, s, [](const Method&) { return true; });
  options
      .add("b,block-size", &s.block_size, "B", of(&M::block_size) + "size of a rotation's blocks")
      .range(1)
      .default_is(defaults_text(&M::block_size));
  options
      .add("n,block-num", &s.block_num, "N",
           of(&M::block_num) + "number of blocks, instead of their size")
      .range(0)
      .default_is("none");
  options.add("m,factors", &s.factors, "M", of(&M::factors) + "butterfly factors").range(1, 60);
  options
      .add("scale", &s.scale, "WHICH",
           of(&M::scale) +
               "each output's scale s: none (1), positive (s = exp(u), u trained) or free (PEFT)")
      .choices({"none", "positive", "free"});
  options
      .add("cayley-neumann", &s.cayley_neumann, "TERMS",
           of(&M::cayley_neumann) +
               "terms of the Cayley-Neumann series (PEFT's default is 5), which is a rotation near "
               "the identity only; 0: the exact Cayley transform")
      .range(0, 64);
  options
      .add("coft", &s.coft, "EPS",
           of(&M::coft) + "constrained, each block's |A| stays below EPS / sqrt(N); 0: free")
      .range(0);
  options.flag("block-share", s.block_share, of(&M::block_share) + "one block for all N places");
  options.add("r,rank", &s.rank, "R", by_method(&Method::rank_is))
      .range(1, 65536)
      .default_is(defaults_text(&M::rank));
  options.flag("apply-gs", s.apply_gs,
               of(&M::apply_gs) + "reflections by orthonormal vectors (Gram-Schmidt)");
  options.add("a,alpha", &s.alpha, "A", of(&M::alpha) + "the update counts A / R times");
  options.add("dropout", &s.dropout, "P", by_method(&Method::dropout_is)).below(0, 1);
  add_module_options(options, s);
  options
      .add("drop-path", &s.drop_path, "P",
           "of whole branches in the model's last layer; less before, none in the first")
      .below(0, 1)
      .default_is("the model's own");
}

void limit_methods(Options& options, const M& s, bool (*takes)(const Method&)) {
  std::vector<std::string> says;
  for (const Method& m : kMethods) {
    if (takes(m)) says.push_back(*m.summary == '\0' ? m.name : str(m.name, ": ", m.summary));
  }
  options.option(&s.name).choices(names_of(takes)).help = joined(says, "; ");
}

std::string adapter_methods() {
  return joined(adapter_names(), ", ", " and ");
}

void add_method_examples(Options& options) {
  for (const Method& m : kMethods) {
    if (*m.example != '\0')
      options.example(
          str("papilio finetune runs/base --classes 5-9 --method ", m.name, ' ', m.example));
  }
}

void show_method_defaults(Options& options, const TrainingSettings& training) {
  std::vector<const Method*> by_rate;
  for (const Method& method : kMethods)
    if (method.lr != kAdapterRate) by_rate.push_back(&method);
  std::ranges::sort(by_rate, {}, &Method::lr);
  std::vector<std::string> rates, decays;
  for (const Method* method : by_rate) rates.push_back(str(method->name, ' ', method->lr));
  rates.push_back(str("else ", kAdapterRate));
  for (const Method& method : kMethods)
    if (method.trains_backbone) decays.push_back(str(method.name, ' ', training.weight_decay));
  decays.emplace_back("else 0");
  options.option(&training.lr).default_is(joined(rates, ", "));
  options.option(&training.weight_decay).default_is(joined(decays, ", "));
}

void settle_method_options(Options& options, MethodSettings& s) {
  const Method& method = method_of(s);
  for (const Method& other : kMethods) {
    for (const Method::Field& field : other.options) {
      options.applies_when(
          has(method, field), {handle(field, s)},
          "--method " + joined(names_with(field), ", ", " or ") + fixed_values(field));
    }
  }
  options.applies_when(
      method.config != nullptr,
      {&s.target_modules, &s.exclude_modules, &s.layers_to_transform, &s.modules_to_save, &s.bias},
      "--method " + joined(adapter_names(), ", ", " or "));
  for (const auto& [field, value] : method.defaults)
    if (!options.given(&(s.*field))) s.*field = value;
  // A file's boft_only means the adapted layers', whatever method the line names.
  if (options.origin(&s.name) == Options::Origin::line &&
      options.origin(&s.bias) == Options::Origin::file && s.bias.ends_with("_only"))
    s.bias = str(method.name, "_only");
  if (s.block_num > 0) {
    check<UsageError>(options.origin(&s.block_size) != Options::Origin::line,
                      "--block-num: give it or --block-size, not both");
    s.block_size = 0;
    options.applies_when(false, {&s.block_size}, "");
  }
  options.name_if_given({&s.drop_path, &s.scale});
}

bool needs_no_classifier(const Method& method) {
  return method.config != nullptr || method.trains_backbone;
}

void check_needs_no_classifier(const MethodSettings& s, const char* what) {
  check<UsageError>(needs_no_classifier(method_of(s)), "--method ", s.name, ": ", what,
                    " has no classifier to train alone");
}

void settle_method_rates(const Options& options, const MethodSettings& s,
                         TrainingSettings& training) {
  const Method& method = method_of(s);
  if (!options.given(&training.lr)) training.lr = method.lr;
  // Adapters begin at the identity, from which decay would pull them away.
  if (!options.given(&training.weight_decay) && !method.trains_backbone) training.weight_decay = 0;
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

boft::AdapterConfig adapter_config(const MethodSettings& s, const std::string& base,
                                   int64_t layers) {
  boft::AdapterConfig config = method_of(s).config(s);
  std::visit(
      [&](auto& c) {
        c.target_modules = module_names(s.target_modules);
        c.exclude_modules = module_names(s.exclude_modules);
        c.modules_to_save = split_names(s.modules_to_save);
        if (!s.layers_to_transform.empty()) {
          check<UsageError>(c.target_modules.kind() == boft::ModuleNames::Kind::list,
                            "--layers-to-transform: goes with names in --target-modules, got ",
                            s.target_modules, "; an expression can say the layers itself");
          c.layers_to_transform =
              parse_ranges("--layers-to-transform", s.layers_to_transform, layers, "layer");
        }
        c.bias = s.bias;
        c.base_model_name_or_path = base;
      },
      config);
  return config;
}

}  // namespace papilio::cli
