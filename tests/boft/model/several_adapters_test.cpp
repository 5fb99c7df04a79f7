// Several adapters of different methods on one model, and adapters at tied weights.
#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "boft/files/checkpoint.h"
#include "nn/layers/embedding.h"
#include "nn/layers/linear.h"
#include "nn/models/pretrained.h"
#include "nn/models/vit.h"
#include "nn/optim/optimizer.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/compare.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

using boft::AdapterModel;

namespace {

double difference(const Tensor& a, const Tensor& b) {
  return largest_difference(a.to_vector<double>(), b.to_vector<double>());
}

struct Tied : nn::Module {
  nn::Embedding embed{10, 8};
  nn::Linear mid{8, 8}, head{8, 10};

  Tied() { head.weight = embed.weight; }
  Tensor operator()(const Tensor& ids) { return head(mid(embed(ids))); }
  bool are_tied() const { return head.weight.storage() == embed.weight.storage(); }
  void visit(nn::Visitor& v) override {
    v("embed", embed);
    v("mid", mid);
    v("head", head);
  }
  std::string describe() const override { return "Tied"; }
};

}  // namespace

TEST_CASE("adapters of three methods, trained in turns, keep to themselves and come back") {
  const TemporaryFolder at;
  manual_seed(1);
  nn::ViTForImageClassification vit({.image_size = 8,
                                     .patch_size = 2,
                                     .num_channels = 1,
                                     .hidden_size = 32,
                                     .num_hidden_layers = 3,
                                     .num_attention_heads = 4,
                                     .intermediate_size = 64,
                                     .num_labels = 5});
  const Tensor x = randn({6, 1, 8, 8}), y = randint(0, 5, {6});
  nn::eval(vit);
  const Tensor base = vit(x).detach();
  AdapterModel model(vit);
  model.add_adapter("a", boft::BoftConfig{.boft_n_butterfly_factor = 2,
                                          .target_modules = {"query"},
                                          .modules_to_save = {"classifier"}});
  model.add_adapter("b", boft::LoraConfig{.r = 2, .target_modules = {"value"}});
  model.add_adapter(
      "c", boft::OftConfig{
               .oft_block_size = 4, .target_modules = {"key"}, .modules_to_save = {"classifier"}});
  std::map<std::string, Tensor> trained;
  for (const std::string name : {"a", "b", "c"}) {
    model.set_adapter({name});
    nn::AdamW optimizer({{.parameters = nn::trainable_parameters(vit)}}, {.lr = 0.05});
    for (int i = 0; i < 5; ++i) {
      backward(cross_entropy(vit(x), y));
      optimizer.step();
      optimizer.zero_grad();
    }
    trained[name] = vit(x).detach();
    CHECK(difference(trained[name], base) > 0.1);
  }
  // b's classifier is the base's again.
  for (const auto& [name, logits] : trained) {
    model.set_adapter({name});
    CHECK(difference(vit(x), logits) == 0);
  }
  {
    const auto off = model.disable();
    CHECK(difference(vit(x), base) == 0);
  }
  CHECK_THROWS_WITH_AS(model.set_adapter({"a", "c"}),
                       "set_adapter: adapters a and c both have their own classifier.weight; only "
                       "one of them can be active",
                       ArgumentError);
  model.set_adapter({"a", "b"});
  const Tensor both = vit(x).detach();
  model.merge();
  CHECK(difference(vit(x), both) < 1e-5);
  {
    const auto off = model.disable();
    CHECK(difference(vit(x), base) == 0);
  }
  model.unmerge();
  CHECK(difference(vit(x), both) == 0);
  for (const std::string name : {"a", "b", "c"}) boft::save_adapter(model, at / "all", name);
  CHECK(model.delete_adapter("a").empty());
  CHECK(model.active() == std::vector<std::string>{"b"});
  CHECK(difference(vit(x), trained["b"]) == 0);
  model.unload();
  CHECK(difference(vit(x), base) == 0);

  AdapterModel again(vit);
  for (const std::string name : {"a", "b", "c"})
    CHECK(boft::load_adapter(again, at / "all" / name, name).empty());
  for (const std::string name : {"c", "b", "a"}) {
    again.set_adapter({name});
    CHECK(difference(vit(x), trained[name]) == 0);
  }
  again.merge_and_unload();
  CHECK(difference(vit(x), trained["a"]) < 1e-5);
  const Tensor merged = vit(x).detach();
  nn::save_pretrained(vit, {"1", "2", "3", "4", "5"}, at / "merged");
  const auto read = nn::from_pretrained(at / "merged");
  nn::eval(*read.model);
  CHECK(difference((*read.model)(x), merged) == 0);
}

TEST_CASE("an adapter at one of tied weights leaves the other, and is merged for a while only") {
  manual_seed(0);
  Tied model;
  const Tensor ids = randint(0, 10, {5});
  nn::eval(model);
  const Tensor base = model(ids).detach();
  AdapterModel adapters(model);
  adapters.add_adapter("default", boft::OftConfig{.oft_block_size = 4,
                                                  .use_cayley_neumann = false,
                                                  .target_modules = {"embed"},
                                                  .init_weights = false});
  const Tensor adapted = model(ids).detach();
  CHECK(difference(adapted, base) > 0.01);
  CHECK(model.are_tied());
  adapters.merge();
  CHECK(difference(model(ids), adapted) < 1e-5);
  for (const bool unmerged : {false, true}) {
    CAPTURE(unmerged);
    if (unmerged) adapters.unmerge();
    CHECK_THROWS_WITH_AS(
        adapters.merge_and_unload(),
        doctest::Contains("merge_and_unload: embed.weight and head.weight are one tensor"),
        ArgumentError);
  }
  CHECK(model.are_tied());
  CHECK(difference(model(ids), adapted) == 0);
  adapters.unload();
  CHECK(difference(model(ids), base) == 0);
  CHECK(model.are_tied());
}

TEST_CASE("tied weights are no saved modules, one by one or together") {
  Tied model;
  AdapterModel adapters(model);
  for (const std::vector<std::string>& saved :
       std::vector<std::vector<std::string>>{{"embed"}, {"head"}, {"embed", "head"}}) {
    CHECK_THROWS_WITH_AS(
        adapters.add_adapter("default", boft::BoftConfig{.boft_block_size = 4,
                                                         .target_modules = {"mid"},
                                                         .modules_to_save = saved}),
        "modules_to_save: embed.weight and head.weight are one tensor (tied weights), of which an "
        "adapter cannot have a copy of its own",
        ArgumentError);
    CHECK(model.are_tied());
    CHECK(adapters.names().empty());
  }
  // The bias of the layer that holds them is nobody else's.
  adapters.add_adapter(
      "default", boft::BoftConfig{
                     .boft_block_size = 4, .target_modules = {"mid", "head"}, .bias = "boft_only"});
  CHECK(model.are_tied());
}

}  // namespace papilio::test
