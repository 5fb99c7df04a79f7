#include "nn/module.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "autograd/backward.h"
#include "autograd/ops.h"
#include "nn/detail/layer_places.h"
#include "nn/layers/embedding.h"
#include "nn/layers/layer_norm.h"
#include "nn/layers/mlp.h"
#include "nn/layers/multi_head_attention.h"
#include "nn/optim/optimizer.h"
#include "nn/optim/parameter_groups.h"
#include "nn/train/model_average.h"
#include "tensor/copy.h"
#include "tensor/creation.h"
#include "tensor/random.h"

namespace papilio::test {

namespace {

// An output layer with the embedding's weight.
struct Tied : nn::Module {
  nn::Embedding embed{10, 8};
  nn::Linear mid{8, 8}, head{8, 10};

  Tied() { head.weight = embed.weight; }
  Tensor operator()(const Tensor& ids) { return head(mid(embed(ids))); }
  bool are_tied() const {
    return head.weight.node() == embed.weight.node() &&
           head.weight.storage() == embed.weight.storage();
  }
  void visit(nn::Visitor& v) override {
    v("embed", embed);
    v("mid", mid);
    v("head", head);
  }
  std::string describe() const override { return "Tied"; }
};

std::vector<std::string> names_of(nn::Module& module) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : nn::named_parameters(module)) names.push_back(name);
  return names;
}

}  // namespace

TEST_CASE(
    "a visit names every field once, children below their names; absent biases are passed over") {
  nn::Mlp mlp(4, 8);
  CHECK(names_of(mlp) ==
        std::vector<std::string>{"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"});
  nn::Linear plain(4, 2, false);
  CHECK(names_of(plain) == std::vector<std::string>{"weight"});
  nn::MultiHeadAttention attention(8, 2);
  CHECK(names_of(attention).front() == "attention.query.weight");
  CHECK(names_of(attention).back() == "output.dense.bias");
}

TEST_CASE("train and eval reach every module inside") {
  nn::Mlp mlp(4, 8, 0.5);
  nn::eval(mlp);
  CHECK_FALSE(mlp.dropout.training);
  CHECK_FALSE(mlp.fc1.training);
  nn::train(mlp);
  CHECK(mlp.dropout.training);
}

TEST_CASE("freezing, counting and PEFT's line") {
  nn::Mlp mlp(40, 100);  // 4000 + 100 + 4000 + 40
  CHECK(nn::count_parameters(mlp).all == 8140);
  nn::set_trainable(mlp.fc1, false);
  CHECK(nn::trainable_parameters_line(mlp) ==
        "trainable params: 4,040 || all params: 8,140 || trainable%: 49.6314");
  CHECK(nn::trainable_parameters(mlp).size() == 2);
  CHECK(nn::summary(mlp).find("Linear(40 -> 100)") != std::string::npos);
}

TEST_CASE("tied weights are one parameter: counted, trained and averaged once, under both names") {
  Tied model;  // 10 x 8, 8 x 8 + 8, and a bias of 10
  CHECK(nn::count_parameters(model).all == 162);
  CHECK(nn::trainable_parameters_line(model) ==
        "trainable params: 162 || all params: 162 || trainable%: 100.0000");
  CHECK(nn::named_parameters(model).size() == 5);
  CHECK(nn::distinct_parameters(model).size() == 4);
  CHECK(nn::tied_parameters(model) ==
        std::vector<std::vector<std::string>>{{"embed.weight", "head.weight"}});
  CHECK(nn::state_dict(model).size() == 5);
  nn::ModelAverage average(model, 0.5);
  average.update();
  CHECK(average.state_dict().count("head.weight") == 0);

  const Tensor ids = tensor(std::vector<int64_t>{1, 2, 3});
  nn::AdamW optimizer(nn::parameter_groups(model, {}), {.lr = 0.1});
  backward(cross_entropy(model(ids), ids));
  // Row 9 is looked up nowhere, but is an output.
  CHECK(grad(model.embed.weight).to_vector<double>()[9 * 8] != 0);
  optimizer.step();
  CHECK(model.head.weight.to_vector() == model.embed.weight.to_vector());
}

TEST_CASE("tied weights stay tied: frozen and not, in another dtype") {
  Tied model;
  const Tensor ids = tensor(std::vector<int64_t>{1, 2, 3});
  nn::set_trainable(model, false);
  CHECK(model.are_tied());
  nn::set_trainable(model, true);
  CHECK(model.are_tied());
  nn::to(model, DType::float64);
  CHECK(model.are_tied());
  CHECK(model.embed.weight.requires_grad());
  backward(cross_entropy(model(ids), ids));
  CHECK(nn::trainable_parameters(model).size() == 4);
  // Matrices of one memory and other shapes, and tensors with equal values, are not one.
  nn::Linear a(4, 6), b(6, 4);
  b.weight = a.weight.detach().alias({{6, 4}, {4, 1}});
  struct Two : nn::Module {
    nn::Linear *a, *b;
    void visit(nn::Visitor& v) override {
      v("a", *a);
      v("b", *b);
    }
    std::string describe() const override { return "Two"; }
  } two;
  two.a = &a;
  two.b = &b;
  CHECK(nn::tied_parameters(two).empty());
}

TEST_CASE("places in lists of layers, from the outside to the inside") {
  const auto text = [](const std::string& path) {
    std::string all;
    for (const nn::LayerPlace& place : nn::layer_places(path))
      all += str('[', place.list, ' ', place.index, ' ', place.inside, ']');
    return all;
  };
  CHECK(text("encoder.layer.3.output.dense") == "[encoder.layer 3 output.dense]");
  CHECK(text("blocks.12") == "[blocks 12 ]");
  CHECK(text("0.a") == "[ 0 a]");
  CHECK(text("m.blocks.1.experts.2.w") == "[m.blocks 1 experts.2.w][m.blocks.1.experts 2 w]");
  CHECK(text("layer1.fc2.-3.a1..x") == "");
  CHECK(text("") == "");
}

TEST_CASE("state dict: saved and loaded, sharing until copied") {
  nn::Mlp a(3, 5), b(3, 5);
  const Tensor x = randn({2, 3});
  CHECK(a(x).to_vector() != b(x).to_vector());
  CHECK(nn::load_state_dict(b, nn::state_dict(a)).missing.empty());
  CHECK(a(x).to_vector() == b(x).to_vector());
  fill_(a.fc1.bias, 7);
  CHECK(nn::state_dict(a).at("fc1.bias").to_vector<double>() == std::vector<double>(5, 7));
  CHECK(b.fc1.bias.to_vector<double>() == std::vector<double>(5, 0));
}

TEST_CASE("state dict: what does not fit is named, and nothing is written") {
  nn::Mlp model(3, 5);
  const auto before = model.fc1.weight.to_vector();
  nn::Mlp other(3, 5);
  nn::StateDict state = nn::state_dict(other);
  state["fc2.weight"] = zeros({5, 3});
  CHECK_THROWS_WITH(
      nn::load_state_dict(model, state),
      "load_state_dict: fc2.weight has shape (3, 5) in the model and (5, 3) in the state dict");
  state = nn::state_dict(other);
  state.erase("fc1.bias");
  CHECK_THROWS_WITH(nn::load_state_dict(model, state), "load_state_dict: missing fc1.bias");
  state = nn::state_dict(other);
  state["head"] = zeros({1});
  CHECK_THROWS_WITH(nn::load_state_dict(model, state), "load_state_dict: unexpected head");
  CHECK(model.fc1.weight.to_vector() == before);
  CHECK(nn::load_state_dict(model, state, false).unexpected == std::vector<std::string>{"head"});
  CHECK(model.fc1.weight.to_vector() == other.fc1.weight.to_vector());
}

TEST_CASE("moving to another dtype keeps what trains; a device that is not there is refused") {
  nn::Mlp mlp(3, 5);
  nn::set_trainable(mlp.fc2, false);
  nn::to(mlp, DType::float64);
  CHECK(mlp.fc1.weight.dtype() == DType::float64);
  CHECK(mlp.fc1.weight.requires_grad());
  CHECK_FALSE(mlp.fc2.weight.requires_grad());
  CHECK(mlp(randn({2, 3}, {.dtype = DType::float64})).dtype() == DType::float64);
  CHECK_THROWS_AS(nn::to(mlp, Device::cuda(1000)), ArgumentError);
  CHECK_THROWS_WITH(nn::to(mlp, DType::int64), "to: expected a floating dtype, got int64");
}

TEST_CASE(
    "layers: dropout and drop path keep the mean, act in training only, and refuse wrong rates") {
  manual_seed(3);
  nn::Dropout dropout(0.25);
  nn::DropPath path(0.25);
  const Tensor x = ones({4000, 2});
  CHECK(mean(dropout(x)).item() == doctest::Approx(1).epsilon(0.05));
  const auto rows = path(x).to_vector();
  CHECK(mean(path(x)).item() == doctest::Approx(1).epsilon(0.05));
  for (size_t i = 0; i < rows.size(); i += 2) CHECK(rows[i] == rows[i + 1]);  // whole samples
  nn::eval(dropout);
  nn::eval(path);
  CHECK(dropout(x).to_vector() == x.to_vector());
  CHECK(path(x).to_vector() == x.to_vector());
  CHECK_THROWS_WITH(nn::Dropout(1.0), "Dropout: expected p in [0, 1), got 1");
  CHECK_THROWS_WITH(nn::set_drop_path(path, -0.5), "set_drop_path: expected p in [0, 1), got -0.5");
  nn::set_drop_path(path, 0.5);
  CHECK(path.p == 0.5);
  CHECK_THROWS_AS(nn::MultiHeadAttention(10, 3), ArgumentError);
}

TEST_CASE("layers: embedding and layer norm agree with their definitions") {
  nn::Embedding embedding(5, 3);
  const Tensor rows = embedding(tensor<int64_t>({4, 0}));
  CHECK(select(rows, 0, 0).to_vector() == select(embedding.weight, 0, 4).to_vector());
  nn::LayerNorm norm(4);
  const auto y = norm(tensor<float>({1, 2, 3, 4}, {1, 4})).to_vector();
  CHECK(y[0] == doctest::Approx(-1.5 / std::sqrt(1.25 + 1e-5)));
  CHECK(y[3] == doctest::Approx(1.5 / std::sqrt(1.25 + 1e-5)));
}

TEST_CASE("adapters: the layer keeps its dtype; the weight from before a merge is in no state") {
  struct Twice : nn::Adapter {
    Tensor weight(const Tensor& w, bool) override { return w * 2; }
    void visit(nn::Visitor&) override {}
    std::string describe() const override { return "Twice"; }
  };
  struct Net : nn::Module {
    nn::Linear fc{2, 3};
    void visit(nn::Visitor& v) override { v("fc", fc); }
    std::string describe() const override { return "Net"; }
  } net;
  net.fc.adapters.add("a", std::make_unique<Twice>());
  CHECK_THROWS_WITH_AS(nn::to(net, DType::float64),
                       "to: fc carries adapters, which keep float32; convert the model before "
                       "attaching them",
                       ArgumentError);
  CHECK(net.fc.weight.dtype() == DType::float32);

  const auto kept = [&] {
    std::vector<std::string> paths;
    nn::Visitor v(
        [&](const std::string& path, Tensor&, nn::Visitor::Kind kind) {
          if (kind == nn::Visitor::Kind::kept) paths.push_back(path);
        },
        nullptr);
    net.visit(v);
    return paths;
  };
  CHECK(kept().empty());
  const std::vector<double> before = net.fc.weight.to_vector<double>();
  net.fc.set_merged({net.fc.merged_weight({"a"}, true), {}}, {"a"});
  CHECK(kept() == std::vector<std::string>{"fc.adapters.kept"});
  CHECK(nn::state_dict(net).size() == 2);
  CHECK(nn::named_parameters(net, true).size() == 2);
  net.fc.unmerge();
  CHECK(kept().empty());
  CHECK(net.fc.weight.to_vector<double>() == before);
}

}  // namespace papilio::test
