#include "nn/models/detail/timm_architecture.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "tensor/error.h"
#include "tensor/text.h"

namespace papilio::nn {

namespace {

// What the first word says of all models that begin with it.
struct Family {
  std::string_view name;
  bool no_embed_class = false, mean = false;  // positions of patches alone; the patches' mean
  double init_values = 0;
  int64_t patch_size = 0, img_size = 224;  // if the name does not say them
};

constexpr Family kFamilies[] = {
    {.name = "vit"},
    {.name = "deit"},
    {.name = "deit3", .no_embed_class = true, .init_values = 1e-6},
    {.name = "eva", .mean = true},
    {.name = "flexivit", .no_embed_class = true, .patch_size = 16, .img_size = 240},
};

// What the word behind it stands for.
struct Size {
  struct Shape {
    int64_t embed_dim, depth, num_heads;
    double mlp_ratio;
  };
  std::string_view name;
  Shape shape;
  // Variants with mean pooling (gap) have layer scale; a bias of query, key and value without
  // registers; positions of the patches alone, and the last norm behind the pooling, with them.
  bool gap_scale = false, gap_bias = true, reg_no_embed = true, reg_fc_norm = true;
};

constexpr Size kSizes[] = {
    {.name = "tiny", .shape = {192, 12, 3, 4}},
    {.name = "wee", .shape = {256, 14, 4, 5}, .gap_scale = true},
    {.name = "xsmall", .shape = {256, 10, 4, 4}},
    {.name = "little", .shape = {320, 14, 5, 5.6}, .gap_scale = true},
    {.name = "small", .shape = {384, 12, 6, 4}},
    {.name = "medium", .shape = {512, 12, 8, 4}, .gap_scale = true, .gap_bias = false},
    {.name = "mediumd", .shape = {512, 20, 8, 4}, .gap_scale = true},
    {.name = "betwixt", .shape = {640, 12, 10, 4}, .gap_scale = true, .gap_bias = false},
    {.name = "base", .shape = {768, 12, 12, 4}},
    {.name = "so150m", .shape = {896, 18, 14, 2.572}, .reg_no_embed = false, .reg_fc_norm = false},
    {.name = "so150m2", .shape = {832, 21, 13, 2.6154}, .gap_scale = true, .reg_no_embed = false},
    {.name = "large", .shape = {1024, 24, 16, 4}},
    {.name = "so400m", .shape = {1152, 27, 16, 3.7362}},
    {.name = "huge", .shape = {1280, 32, 16, 4}},
    {.name = "giant", .shape = {1408, 40, 16, 48.0 / 11}},
    {.name = "giantopt", .shape = {1536, 40, 16, 4}},
    {.name = "gigantic", .shape = {1664, 48, 16, 64.0 / 13}},
};

constexpr double kScale = 1e-5;  // layer scale, if there is one

std::vector<std::string> words_of(const std::string& name) {
  std::vector<std::string> words;
  std::istringstream stream(name);
  for (std::string word; std::getline(stream, word, '_');) words.push_back(word);
  return words;
}

// The number behind `before` ("" for a bare one), or 0.
int64_t number_in(const std::string& word, std::string_view before = "") {
  const size_t digits = word.size() - std::min(word.size(), before.size());
  if (!word.starts_with(before) || digits < 1 || digits > 4) return 0;
  const bool all = std::all_of(word.begin() + std::ptrdiff_t(before.size()), word.end(),
                               [](unsigned char c) { return std::isdigit(c) != 0; });
  return all ? std::stoll(word.substr(before.size())) : 0;
}

struct NameParts {
  int64_t patch = 0, img_size = 0, registers = 0;
  bool gap = false, clip = false, quickgelu = false, dinov2 = false, plus = false, miil = false,
       deep = false, siglip = false, tipsv2 = false, distilled = false;
};

NameParts read_words(const std::string& name, const std::vector<std::string>& words) {
  NameParts w;
  const std::pair<std::string_view, bool*> of_vit[] = {
      {"gap", &w.gap},       {"clip", &w.clip},     {"quickgelu", &w.quickgelu},
      {"dinov2", &w.dinov2}, {"plus", &w.plus},     {"miil", &w.miil},
      {"36x1", &w.deep},     {"siglip", &w.siglip}, {"tipsv2", &w.tipsv2}};
  const std::pair<std::string_view, int64_t*> numbers[] = {{"patch", &w.patch}, {"", &w.img_size}};
  for (size_t i = 2; i < words.size(); ++i) {
    bool known = false;
    for (const auto& [flag, field] : of_vit) {
      if (words[0] == "vit" && words[i] == flag) known = *field = true;
    }
    if (words[0] == "deit" && words[i] == "distilled") known = w.distilled = true;
    for (const auto& [before, field] : numbers) {
      if (const int64_t n = number_in(words[i], before); n > 0) known = (*field = n) > 0;
    }
    if (const int64_t n = number_in(words[i], "reg"); n > 0 && words[0] == "vit")
      known = (w.registers = n) > 0;
    check(known, '"', words[i], "\" in ", name, " is not known here");
  }
  return w;
}

// SigLIP 2's GELU is the approximate one.
bool is_siglip2(std::string_view size, const NameParts& w) {
  return w.siglip && (w.patch == 32 || size == "giantopt" || (size == "so400m" && w.patch == 16) ||
                      (size == "large" && w.img_size == 512));
}

// Models for timm's own tests, whose names say nothing of them.
std::optional<TimmViTConfig> test_model(const std::string& name) {
  TimmViTConfig c{.architecture = name,
                  .img_size = 160,
                  .embed_dim = 64,
                  .depth = 6,
                  .num_heads = 2,
                  .mlp_ratio = 3};
  if (name == "test_vit") return c;
  if (name != "test_vit2") return {};
  c.depth = 8;
  c.init_values = kScale;
  c.class_token = false;
  c.reg_tokens = 1;
  c.global_pool = "avg";
  c.fc_norm = true;
  return c;
}

void check_known(const std::string& name, std::string_view size, const NameParts& w) {
  check(w.patch > 0, name, " has no patchN in its name");
  check(!(w.dinov2 || w.tipsv2) || size != "giant", name, ": its gated MLP is not known here");
  check(!w.plus || size == "base", '"', "plus\" in ", name, " is not known here");
  check(!w.siglip || w.gap, name, ": its pooling by attention is not known here");
}

}  // namespace

TimmViTConfig timm_architecture(const std::string& name) {
  if (const auto whole = test_model(name)) return *whole;
  const std::vector<std::string> words = words_of(name);
  const auto* const family =
      std::ranges::find(kFamilies, words.empty() ? "" : words[0], &Family::name);
  check(family != std::end(kFamilies) && words.size() >= 2, name, " is no vit_SIZE_patchN_...");
  const auto* const size = std::ranges::find(kSizes, words[1], &Size::name);
  check(size != std::end(kSizes), '"', words[1], "\" in ", name, " is not known here");
  NameParts w = read_words(name, words);
  if (w.patch == 0) w.patch = family->patch_size;
  check_known(name, size->name, w);

  TimmViTConfig c;
  c.architecture = name;
  c.patch_size = w.patch;
  c.img_size = w.img_size > 0 ? w.img_size : w.dinov2 ? 518 : w.tipsv2 ? 448 : family->img_size;
  c.embed_dim = w.plus ? 896 : size->shape.embed_dim;
  c.depth = w.deep ? 36 : size->shape.depth;
  c.num_heads = w.plus ? 14 : size->shape.num_heads;
  c.mlp_ratio = size->shape.mlp_ratio;
  c.reg_tokens = w.registers;
  c.distilled = w.distilled;
  const bool registers = w.registers > 0;
  c.class_token = !w.gap;
  c.global_pool = w.gap || family->mean ? "avg" : "token";
  c.no_embed_class = family->no_embed_class || (registers && size->reg_no_embed);
  c.fc_norm = family->mean || (w.gap && registers && size->reg_fc_norm);
  c.qkv_bias =
      !w.miil && (!w.gap || w.siglip || (registers ? words[1] != "so150m2" : size->gap_bias));
  c.init_values = w.tipsv2 ? 1 : family->init_values;
  if ((w.gap && size->gap_scale && !w.siglip) || w.dinov2 || w.deep || (w.plus && !w.clip))
    c.init_values = kScale;
  c.pre_norm = w.clip;
  if (w.clip) c.eps = 1e-5;
  if (w.quickgelu) c.act_layer = "quick_gelu";
  if (is_siglip2(size->name, w)) c.act_layer = "gelu_tanh";
  // The one that has narrower heads than its size's others.
  if (name == "vit_base_patch16_gap_224") c.num_heads = 16;
  if (w.dinov2 || w.tipsv2 || w.siglip) c.num_classes = 0;
  return c;
}

}  // namespace papilio::nn
